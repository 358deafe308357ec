import type { Action } from '../model/action.js';
import { agreedFlags } from '../model/agreed-flags.js';
import { otherSide, type SideName } from '../model/by-side.js';
import { bug } from '../model/error.js';
import { applyDelta, type FlagDelta, type Flags, hasFlag, sameFlags } from '../model/flags.js';
import { isAnother } from '../model/identity.js';
import type { Pair } from '../model/pair.js';
import type { Row } from '../model/row.js';
import type { FlagOutcome } from '../side/side.js';
import { inBatches } from './batches.js';
import type { Desk } from './desk.js';
import { already, failed, type Refusal, type Report, skipped } from './judgement.js';
import { endOf } from './pairing.js';

/** Runs `flag-local` or `flag-remote` lines of one mailbox. */
export async function runFlags(desk: Desk, actions: readonly Action[], report: Report): Promise<void> {
  for (const batch of inBatches(actions)) await runBatch(desk, batch, report);
}

/** Whether base still holds the two messages together. What the flags are now is looked at when the action runs. */
export function checkFlag(desk: Desk, action: Action): Refusal | undefined {
  const pair = desk.pairAt('remote', endOf(action, 'remote'));
  const local = endOf(action, 'local');
  if (pair === undefined || pair.local.key !== local.key || pair.local.epoch !== local.epoch) {
    return skipped('the two messages are not paired (any more)');
  }
  for (const side of ['remote', 'local'] as const) {
    if (desk.row(side, pair[side]) === undefined)
      return skipped(`the message is no longer on the ${side} side`);
  }
  return undefined;
}

async function runBatch(desk: Desk, actions: readonly Action[], report: Report): Promise<void> {
  const on: SideName = actions[0]?.op === 'flag-local' ? 'local' : 'remote';
  const source = otherSide(on);
  const ready: Action[] = [];
  for (const action of actions) {
    const refusal = checkFlag(desk, action);
    if (refusal === undefined) ready.push(action);
    else report(action, refusal);
  }
  if (ready.length === 0) return;
  await desk.begin();
  const { sides } = desk.repository;
  const look = (side: SideName) =>
    sides[side].look(
      desk.mailbox,
      desk.epoch(side),
      ready.map(action => endOf(action, side).key),
      side === on ? 'to-change' : 'recent',
    );
  const seen = { [source]: await look(source), [on]: await look(on) } as Record<
    SideName,
    Awaited<ReturnType<typeof look>>
  >;

  const changes: { action: Action; pair: Pair; from: Row; to: Row; delta: FlagDelta }[] = [];
  for (const action of ready) {
    const pair = desk.pairAt('remote', endOf(action, 'remote')) ?? bug('a flag line without a pair');
    const from = seen[source].rows.get(pair[source].key);
    const to = seen[on].rows.get(pair[on].key);
    if (from === undefined || to === undefined) {
      report(
        action,
        skipped(
          `the message is no longer on the ${from === undefined ? source : on} side, or cannot be read`,
        ),
      );
      continue;
    }
    const known = desk.row(on, pair[on]) ?? bug('a pair without its row');
    if (isAnother(known.identity, to.identity)) {
      desk.files.suspect(on, to.key);
      report(action, skipped(`another message is in its place on the ${on} side`));
      continue;
    }
    const delta = { add: action.add ?? [], remove: action.remove ?? [] };
    if (isOutdated(action.flags ?? [], from.flags, delta)) {
      report(action, skipped(`the flags on the ${source} side changed since the plan was made`));
    } else if (sameFlags(applyDelta(to.flags, delta), to.flags)) {
      record(desk, pair, { [source]: from, [on]: to } as Record<SideName, Row>);
      report(action, already('it has these flags'));
    } else changes.push({ action, pair, from, to, delta });
  }
  const outcomes =
    changes.length === 0
      ? []
      : await sides[on].flag(
          desk.mailbox,
          desk.epoch(on),
          changes.map(({ to, delta }) => ({ key: to.key, ...delta })),
        );
  for (const [index, { action, pair, from, to }] of changes.entries()) {
    const outcome: FlagOutcome = outcomes[index] ?? bug('a flag change without an outcome');
    if (outcome.kind === 'done') {
      record(desk, pair, { [source]: from, [on]: { ...to, flags: outcome.flags } } as Record<SideName, Row>);
      report(action);
    } else if (outcome.kind === 'gone') report(action, skipped(`the message is no longer on the ${on} side`));
    else report(action, failed(outcome.reason));
  }
  await desk.commit({ durable: true });
}

/** The change came from the other side; if that side took it back meanwhile, it must not be carried over. */
function isOutdated(planned: Flags, now: Flags, delta: FlagDelta): boolean {
  return [...delta.add, ...delta.remove].some(flag => hasFlag(planned, flag) !== hasFlag(now, flag));
}

function record(desk: Desk, pair: Pair, live: Record<SideName, Row>): void {
  const rows = { remote: live.remote, local: live.local };
  for (const side of ['remote', 'local'] as const) {
    const known = desk.row(side, pair[side]) ?? bug('a pair without its row');
    if (!sameFlags(known.flags, rows[side].flags)) desk.putRow(side, { ...known, flags: rows[side].flags });
  }
  const flags = agreedFlags(
    pair.flags,
    { remote: rows.remote.flags, local: rows.local.flags },
    desk.permanent(),
  );
  if (!sameFlags(flags, pair.flags)) desk.putPair({ ...pair, flags });
}
