import type { Action } from '../model/action.js';
import { otherSide, SIDES, type SideName } from '../model/by-side.js';
import { bug } from '../model/error.js';
import { applyDelta, DELETION_MARK, hasFlag, protects } from '../model/flags.js';
import { hiddenAt } from '../model/hidden.js';
import { isEdited, type Pair } from '../model/pair.js';
import type { MessageKey, Row } from '../model/row.js';
import { inBatches } from './batches.js';
import type { Desk } from './desk.js';
import { already, failed, type Refusal, type Report, skipped } from './judgement.js';
import { endOf } from './pairing.js';
import { checkSurplus, removeSurplus } from './removing-surplus.js';
import { mayBeIn, type Whereabouts } from './whereabouts.js';

/** Runs `delete-local` or `delete-remote` lines of one mailbox: three witnesses each (P3). */
export async function runRemovals(
  desk: Desk,
  actions: readonly Action[],
  options: { readonly report: Report; readonly elsewhere: Whereabouts },
): Promise<void> {
  const surplus = actions.filter(({ keep }) => keep !== undefined);
  if (surplus.length > 0) await removeSurplus(desk, surplus, options.report);
  const deletions = actions.filter(({ keep }) => keep === undefined);
  for (const batch of inBatches(deletions)) await runBatch(desk, batch, options);
}

/** First witness: an intact base says the two were a pair. The other two are asked live. */
export function checkRemoval(desk: Desk, action: Action): Refusal | undefined {
  if (action.keep !== undefined) return checkSurplus(desk, action);
  const on: SideName = action.op === 'delete-local' ? 'local' : 'remote';
  const from = otherSide(on);
  if (!desk.has(on)) return already(`the mailbox is not on the ${on} side`);
  if (!desk.has(from) && (desk.record.missing?.[from] ?? 0) < 2) {
    return skipped(`the ${from} side came without this mailbox only once`);
  }
  const pair = desk.pairAt('remote', endOf(action, 'remote'));
  const local = endOf(action, 'local');
  const row = desk.row(on, endOf(action, on));
  if (pair === undefined || pair.local.key !== local.key || pair.local.epoch !== local.epoch) {
    return row === undefined
      ? already(`it is not on the ${on} side`)
      : skipped('base does not say that the two were a pair');
  }
  if (desk.record.rematch !== undefined)
    return skipped(`nothing is deleted here in this round: ${desk.record.rematch}`);
  for (const side of SIDES) {
    if (!desk.has(side)) continue;
    if (pair[side].epoch !== desk.epoch(side)) return skipped('its UIDVALIDITY is another one now');
    if (desk.isUnreadable(side, pair[side].key)) return skipped(`the ${side} message cannot be read`);
  }
  if (action.message?.digest !== pair.identity.digest)
    return skipped('the line names another message than base does');
  return desk.row(from, pair[from]) === undefined ? undefined : skipped(`it is on the ${from} side (again)`);
}

async function runBatch(
  desk: Desk,
  actions: readonly Action[],
  { report, elsewhere }: { readonly report: Report; readonly elsewhere: Whereabouts },
): Promise<void> {
  const on: SideName = actions[0]?.op === 'delete-local' ? 'local' : 'remote';
  const from = otherSide(on);
  const ready: { action: Action; pair: Pair }[] = [];
  for (const action of actions) {
    const refusal = checkRemoval(desk, action);
    if (refusal !== undefined) report(action, refusal);
    else
      ready.push({
        action,
        pair: desk.pairAt('remote', endOf(action, 'remote')) ?? bug('a deletion without a pair'),
      });
  }
  if (ready.length === 0) return;
  await desk.begin();
  const { sides } = desk.repository;
  const absent = await goneFrom(
    desk,
    from,
    ready.map(({ pair }) => pair[from].key),
  );
  const victims = await sides[on].look(
    desk.mailbox,
    desk.epoch(on),
    ready.map(({ pair }) => pair[on].key),
    'to-change',
  );

  const removals: { action: Action; pair: Pair; row: Row }[] = [];
  for (const { action, pair } of ready) {
    const row = victims.rows.get(pair[on].key);
    if (row === undefined) {
      if (victims.gone.has(pair[on].key)) {
        forget(desk, pair);
        report(action, already(`it is gone from the ${on} side too`));
      } else report(action, skipped(`the message on the ${on} side cannot be read`));
      continue;
    }
    if (pair.marked && hasFlag(row.flags, '\\Deleted')) {
      report(action, already('it is marked \\Deleted, and the server cannot expunge one message alone'));
      continue;
    }
    const doubt = await doubtAbout({ desk, pair, row, on, elsewhere, gone: absent.has(pair[from].key) });
    if (doubt === undefined) removals.push({ action, pair, row });
    else {
      desk.files.suspect(on, row.key);
      report(action, skipped(doubt));
    }
  }
  if (removals.length > 0) await remove(desk, on, removals, report);
  await desk.commit({ durable: true });
}

/** Second witness: asked of the side at this moment. A mailbox that the side lists no more has none of its messages. */
async function goneFrom(
  desk: Desk,
  from: SideName,
  keys: readonly MessageKey[],
): Promise<ReadonlySet<MessageKey>> {
  const side = desk.repository.sides[from];
  if (desk.has(from)) return (await side.look(desk.mailbox, desk.epoch(from), keys, 'gone')).gone;
  const { entries, problems, leftOut, hidden } = await side.list();
  const there = entries.some(entry => entry.selectable && entry.mailbox === desk.mailbox);
  const doubtful =
    problems.some(problem => problem.mailbox === desk.mailbox) ||
    leftOut?.includes(desk.mailbox) ||
    hiddenAt(hidden, desk.record) !== undefined;
  return new Set(there || doubtful ? [] : keys);
}

interface Doubt {
  readonly desk: Desk;
  readonly pair: Pair;
  readonly row: Row;
  readonly on: SideName;
  readonly gone: boolean;
  readonly elsewhere: Whereabouts;
}

/** Second and third witness: gone there now and not moved; here still what base recorded. */
async function doubtAbout({ desk, pair, row, on, gone, elsewhere }: Doubt): Promise<string | undefined> {
  const from = otherSide(on);
  if (!gone) return `the ${from} side does not confirm that it is gone`;
  if (isEdited(pair, on, row)) return `its content on the ${on} side is not what base recorded`;
  if (protects(pair.flags, row.flags))
    return `it was flagged or answered on the ${on} side since: plan again`;
  if (pair.weak && on === 'local')
    return 'it was paired although the sizes differed, and can no longer be compared';
  return desk.unpairedLike(from, pair.identity)
    ? mayBeIn(desk.mailbox)
    : elsewhere.movedTo(from, pair.identity.digest, desk.mailbox);
}

async function remove(
  desk: Desk,
  on: SideName,
  removals: readonly { action: Action; pair: Pair; row: Row }[],
  report: Report,
): Promise<void> {
  const outcomes = await desk.repository.sides[on].remove(
    desk.mailbox,
    desk.epoch(on),
    removals.map(({ pair, row }) => ({
      expect: row,
      operation: desk.operation,
      ...(pair.weak && pair.identity.content !== undefined ? { content: pair.identity.content } : {}),
    })),
  );
  for (const [index, { action, pair, row }] of removals.entries()) {
    const outcome = outcomes[index] ?? bug('a removal without an outcome');
    switch (outcome.kind) {
      case 'done':
        forget(desk, pair);
        report(action);
        break;
      case 'gone':
        forget(desk, pair);
        report(action, already(`it is gone from the ${on} side too`));
        break;
      case 'marked':
        // Base has the mark too, so that somebody who takes it back gets the message back.
        desk.putPair({ ...pair, flags: applyDelta(pair.flags, DELETION_MARK), marked: true });
        desk.putRow(on, { ...row, flags: applyDelta(row.flags, DELETION_MARK) });
        report(action);
        break;
      case 'changed':
        desk.files.suspect(on, row.key);
        report(action, skipped(outcome.reason));
        break;
      case 'refused':
        report(action, failed(outcome.reason));
        break;
    }
  }
}

function forget(desk: Desk, pair: Pair): void {
  desk.dropPair(pair);
  for (const side of ['remote', 'local'] as const) desk.dropRow(side, pair[side].key);
}
