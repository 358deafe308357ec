import type { Action } from '../model/action.js';
import { SIDES, type SideName } from '../model/by-side.js';
import { bug } from '../model/error.js';
import { protects } from '../model/flags.js';
import { contentOfChunks } from '../model/identity.js';
import { type End, isEdited, type Pair } from '../model/pair.js';
import type { MessageKey, Row } from '../model/row.js';
import { inBatches } from './batches.js';
import type { Desk } from './desk.js';
import { already, failed, type Refusal, type Report, skipped } from './judgement.js';

/** A message that is there more than once: the pair that goes, and the one that stays. */
interface Surplus {
  readonly action: Action;
  readonly pair: Pair;
  readonly kept: Pair;
}

/**
 * Runs `delete-local` lines that name what they keep: of two paired messages with the same content the local file of one
 * goes to the attic. The other is looked at and read on both sides right before, and so is what goes: never the last copy.
 * The remote end goes by an ordinary deletion of a later plan, with its own witnesses.
 */
export async function removeSurplus(desk: Desk, actions: readonly Action[], report: Report): Promise<void> {
  for (const batch of inBatches(actions)) await new SurplusBatch(desk, report).run(batch);
}

/** What can be told without asking a side. */
export function checkSurplus(desk: Desk, action: Action): Refusal | undefined {
  const keep = action.keep ?? bug('a duplicate without what is kept');
  if (action.op !== 'delete-local') return skipped('only the local end of a duplicate is deleted');
  if (!SIDES.every(side => desk.has(side))) return skipped('the mailbox is not on both sides');
  if (desk.record.rematch !== undefined)
    return skipped(`nothing is deleted here in this round: ${desk.record.rematch}`);
  const { remote, local } = action;
  if (remote === undefined || local === undefined) return bug('a duplicate without its ends');
  if (desk.row('local', local) === undefined && !desk.isUnreadable('local', local.key))
    return already('it is not on the local side');
  const pair = pairOf(desk, { remote, local });
  if (pair === undefined) return skipped('base does not say that the two were a pair');
  const kept = pairOf(desk, keep);
  if (kept === undefined) return skipped('the message that stays is not paired (any more)');
  if (kept.local.key === pair.local.key || kept.remote.key === pair.remote.key)
    return skipped('it is the very message that stays');
  if (action.message?.digest !== pair.identity.digest)
    return skipped('the line names another message than base does');
  for (const one of [pair, kept]) {
    if (one.weak) return skipped('it was paired although the sizes differed');
    for (const side of SIDES) {
      const row = desk.row(side, one[side]);
      if (row === undefined) return skipped(`one of the two is no longer on the ${side} side: plan again`);
      if (isEdited(one, side, row)) return skipped(`the content of one of the two changed on ${side}`);
    }
  }
  return undefined;
}

function pairOf(desk: Desk, ends: Readonly<Record<SideName, End>>): Pair | undefined {
  const pair = desk.pairAt('remote', ends.remote);
  const isIt = pair?.local.key === ends.local.key && pair.local.epoch === ends.local.epoch;
  return isIt ? pair : undefined;
}

class SurplusBatch {
  readonly #desk: Desk;
  readonly #report: Report;

  constructor(desk: Desk, report: Report) {
    this.#desk = desk;
    this.#report = report;
  }

  async run(actions: readonly Action[]): Promise<void> {
    const desk = this.#desk;
    const ready = this.#ready(actions);
    if (ready.length === 0) return;
    await desk.begin();
    const seen = {
      remote: await this.#see('remote', ready),
      local: await this.#see('local', ready),
    };
    const removals: (Surplus & { readonly row: Row; readonly content: string })[] = [];
    for (const surplus of ready) {
      const { action, pair, kept } = surplus;
      const ends = SIDES.map(
        side => [seen[side].get(pair[side].key), seen[side].get(kept[side].key)] as const,
      );
      const missing = SIDES.find((_side, index) => ends[index]?.some(message => message === undefined));
      const differ = SIDES.find((_side, index) => ends[index]?.[0]?.content !== ends[index]?.[1]?.content);
      const victim = seen.local.get(pair.local.key);
      if (missing !== undefined || victim === undefined)
        this.#report(action, skipped(`one of the two cannot be read on the ${missing} side, or is gone`));
      else if (differ !== undefined)
        this.#report(action, skipped(`the two are not the same message on the ${differ} side`));
      else if (protects(pair.flags, victim.row.flags))
        this.#report(action, skipped('it was flagged or answered since: plan again'));
      else removals.push({ ...surplus, ...victim });
    }
    if (removals.length > 0) await this.#remove(removals);
    await desk.commit({ durable: true });
  }

  /** Of two that name one another as what stays, the first is taken. */
  #ready(actions: readonly Action[]): Surplus[] {
    const ready: Surplus[] = [];
    const leaving = new Set<MessageKey>();
    for (const action of actions) {
      const refusal = checkSurplus(this.#desk, action);
      const { keep, remote, local } = action;
      if (refusal !== undefined || keep === undefined || remote === undefined || local === undefined) {
        this.#report(action, refusal ?? bug('a duplicate without its ends'));
        continue;
      }
      if (leaving.has(keep.local.key)) {
        this.#report(action, skipped('what it keeps is removed by another line'));
        continue;
      }
      leaving.add(local.key);
      const pair = pairOf(this.#desk, { remote, local }) ?? bug('a duplicate without a pair');
      const kept = pairOf(this.#desk, keep) ?? bug('nothing that stays');
      ready.push({ action, pair, kept });
    }
    return ready;
  }

  /** What is there at this moment, read to the last octet. */
  async #see(
    on: SideName,
    ready: readonly Surplus[],
  ): Promise<ReadonlyMap<MessageKey, { readonly row: Row; readonly content: string }>> {
    const { mailbox, repository } = this.#desk;
    const epoch = this.#desk.epoch(on);
    const keys = [...new Set(ready.flatMap(({ pair, kept }) => [pair[on].key, kept[on].key]))];
    const { rows } = await repository.sides[on].look(mailbox, epoch, keys);
    const seen = new Map<MessageKey, { row: Row; content: string }>();
    await repository.sides[on].read(mailbox, epoch, [...rows.values()], async letter => {
      const row = rows.get(letter.key);
      const content = await contentOfChunks(letter.chunks);
      if (row !== undefined) seen.set(row.key, { row, content });
    });
    return seen;
  }

  async #remove(
    removals: readonly (Surplus & { readonly row: Row; readonly content: string })[],
  ): Promise<void> {
    const desk = this.#desk;
    const outcomes = await desk.repository.sides.local.remove(
      desk.mailbox,
      desk.epoch('local'),
      removals.map(({ row, content }) => ({ expect: row, content, operation: desk.operation })),
    );
    for (const [index, { action, pair }] of removals.entries()) {
      const outcome = outcomes[index] ?? bug('a removal without an outcome');
      switch (outcome.kind) {
        case 'done':
        case 'gone':
          // The pair stays: it is what the deletion of the remote end will rest on.
          desk.dropRow('local', pair.local.key);
          this.#report(action, outcome.kind === 'done' ? undefined : already('it is not on the local side'));
          break;
        case 'marked':
          this.#report(action, failed('the local side marks messages only, and does not remove them'));
          break;
        case 'changed':
          desk.files.suspect('local', pair.local.key);
          this.#report(action, skipped(outcome.reason));
          break;
        case 'refused':
          this.#report(action, failed(outcome.reason));
          break;
      }
    }
  }
}
