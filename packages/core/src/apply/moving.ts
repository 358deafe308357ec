import type { Action } from '../model/action.js';
import { otherSide, type SideName } from '../model/by-side.js';
import { bug } from '../model/error.js';
import { sameMessage } from '../model/identity.js';
import type { Pair } from '../model/pair.js';
import type { Row } from '../model/row.js';
import type { MoveOutcome } from '../side/side.js';
import { pairArrival } from './arrival.js';
import { inBatches } from './batches.js';
import type { Desk } from './desk.js';
import { already, failed, type Refusal, type Report, skipped } from './judgement.js';
import { endOf, isWhole } from './pairing.js';

/** The mailbox a move leaves and the one it goes to. */
export interface Journey {
  readonly from: Desk;
  readonly to: Desk;
}

function movedSide(action: Action): SideName {
  return action.op === 'move-local' ? 'local' : 'remote';
}

/**
 * Whether a move still stands: the message is where it was, its counterpart is in the other mailbox on the other side and
 * no longer in this one, and the two are the same. The copy that justifies the removal is looked for, not assumed.
 */
export function checkMove({ from, to }: Journey, action: Action): Refusal | undefined {
  const on = movedSide(action);
  const source = otherSide(on);
  const partner = endOf(action, source);
  const held = to.has(source) ? to.pairAt(source, partner) : undefined;
  if (held !== undefined && isWhole(to, held)) return already('the message is paired there');
  if (!from.has(on) || !to.has(on)) return skipped(`the mailbox is not on the ${on} side`);
  if (!to.has(source)) return skipped(`${to.mailbox} is not on the ${source} side`);
  const victim = from.row(on, endOf(action, on));
  if (victim === undefined) return skipped(`the message is no longer in ${from.mailbox} on the ${on} side`);
  const twin = to.row(source, partner);
  if (twin === undefined) return skipped(`the message is no longer in ${to.mailbox} on the ${source} side`);
  const { digest } = action.message ?? bug('a move without a message');
  if (victim.identity.digest !== digest || sameMessage(victim.identity, twin.identity) === 'no') {
    return skipped('another message is there now');
  }
  const pair = from.pairAt(on, endOf(action, on));
  if (pair !== undefined) {
    const there = from.has(source) && from.row(source, pair[source]) !== undefined;
    const unsure = from.has(source) && from.isUnreadable(source, pair[source].key);
    if (there || unsure) return skipped(`it is in ${from.mailbox} on the ${source} side (again)`);
  }
  if (to.unpairedLike(on, twin.identity) !== undefined) {
    return skipped(`a message like it is in ${to.mailbox} already and not paired yet: plan again`);
  }
  return undefined;
}

/** Runs `move-local` or `move-remote` lines from one mailbox to another. */
export async function runMoves(journey: Journey, actions: readonly Action[], report: Report): Promise<void> {
  for (const batch of inBatches(actions)) await runBatch(journey, batch, report);
}

interface Move {
  readonly action: Action;
  readonly pair: Pair | undefined;
  readonly victim: Row;
  readonly partner: Row;
}

async function runBatch(journey: Journey, actions: readonly Action[], report: Report): Promise<void> {
  const { from, to } = journey;
  const on = movedSide(actions[0] ?? bug('an empty batch'));
  const source = otherSide(on);
  const ready: Action[] = [];
  for (const action of actions) {
    const refusal = checkMove(journey, action);
    if (refusal === undefined) ready.push(action);
    else report(action, refusal);
  }
  if (ready.length === 0) return;
  await from.begin();
  await to.begin();
  const moves = await confirmed(journey, ready, report);
  if (moves.length === 0) return;
  const outcomes = await from.repository.sides[on].move({
    mailbox: from.mailbox,
    epoch: from.epoch(on),
    to: to.mailbox,
    toEpoch: to.epoch(on),
    rows: moves.map(({ victim }) => victim),
  });
  for (const [index, move] of moves.entries()) {
    conclude(journey, move, outcomes[index] ?? bug('a move without an outcome'), report);
  }
  await from.commitWith(to, { durable: true });

  async function confirmed(
    { from, to }: Journey,
    actions: readonly Action[],
    report: Report,
  ): Promise<Move[]> {
    const { sides } = from.repository;
    const partners = await sides[source].look(
      to.mailbox,
      to.epoch(source),
      actions.map(action => endOf(action, source).key),
    );
    const pairs = actions.map(action => from.pairAt(on, endOf(action, on)));
    const keys = pairs.flatMap(pair => (pair === undefined ? [] : [pair[source].key]));
    const left =
      from.has(source) && keys.length > 0
        ? (await sides[source].look(from.mailbox, from.epoch(source), keys)).gone
        : undefined;
    const moves: Move[] = [];
    for (const [index, action] of actions.entries()) {
      const pair = pairs[index];
      const partner = partners.rows.get(endOf(action, source).key);
      if (partner === undefined)
        report(action, skipped(`the message is no longer in ${to.mailbox} on the ${source} side`));
      else if (pair !== undefined && left !== undefined && !left.has(pair[source].key)) {
        report(action, skipped(`the ${source} side does not confirm that it left ${from.mailbox}`));
      } else {
        const victim = from.row(on, endOf(action, on)) ?? bug('a move without its message');
        moves.push({ action, pair, victim, partner });
      }
    }
    return moves;
  }
}

function conclude(journey: Journey, move: Move, outcome: MoveOutcome, report: Report): void {
  const { from, to } = journey;
  const { action, pair, victim, partner } = move;
  const on = movedSide(action);
  switch (outcome.kind) {
    case 'done':
      if (pair !== undefined) from.dropPair(pair);
      from.dropRow(on, victim.key);
      if (outcome.row !== undefined) pairArrival(to, { on, arrived: outcome.row, partner, before: pair });
      report(action);
      return;
    case 'marked':
      if (pair !== undefined) from.putPair({ ...pair, marked: true });
      if (outcome.row !== undefined) pairArrival(to, { on, arrived: outcome.row, partner, before: pair });
      report(action);
      return;
    case 'gone':
      report(action, skipped(`the message is no longer in ${from.mailbox} on the ${on} side`));
      return;
    case 'changed':
      report(action, skipped(outcome.reason));
      return;
    case 'refused':
      report(action, failed(outcome.reason));
      return;
  }
}
