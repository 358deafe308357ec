import type { Action } from '../model/action.js';
import { otherSide, type SideName } from '../model/by-side.js';
import { bug, type ErrorCode, PosternError } from '../model/error.js';
import { sameMessage } from '../model/identity.js';
import type { Pair } from '../model/pair.js';
import type { Row } from '../model/row.js';
import type { MoveOutcome } from '../side/side.js';
import type { Intent } from '../state/records.js';
import { inBatches } from './batches.js';
import type { Journey } from './journey.js';
import { already, failed, type Refusal, type Report, skipped } from './judgement.js';
import { MoveIntents } from './move-intents.js';
import { endOf, isWhole } from './pairing.js';
import { recordMove } from './record-move.js';

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
  const ready: Action[] = [];
  for (const action of actions) {
    const refusal = checkMove(journey, action);
    if (refusal === undefined) ready.push(action);
    else report(action, refusal);
  }
  if (ready.length === 0) return;
  const moves = await confirmed(journey, ready, report);
  if (moves.length === 0) return;
  const intents = new Map(moves.map(move => intend(journey, on, move)));
  await from.begin();
  await to.begin();
  await to.commit({ durable: true });
  const outcomes = await carriedOut(journey, on, { moves, intents });
  const settling = new MoveIntents(to);
  for (const [index, [id, intent]] of [...intents].entries()) {
    const { action, pair, victim, partner } = moves[index] ?? bug('an intent without its move');
    const outcome = outcomes[index] ?? bug('a move without an outcome');
    const left = outcome.kind === 'done' || outcome.kind === 'marked';
    const arrived = left ? (outcome.row ?? settling.find(intent)) : undefined;
    if (left) recordMove(journey, { on, outcome: outcome.kind, victim, arrived, partner, before: pair });
    if (left && arrived === undefined) to.putIntent(id, { ...intent, lost: to.repository.clock.now() });
    else to.clearIntent(id);
    if (outcome.kind === 'changed') from.files.suspect(on, victim.key);
    report(action, refusalOf(outcome, journey, on));
  }
  await from.commitWith(to, { durable: true });
}

/** Asks both sides at this moment: the counterpart is there, and it has left the mailbox the message is still in. */
async function confirmed({ from, to }: Journey, actions: readonly Action[], report: Report): Promise<Move[]> {
  const on = movedSide(actions[0] ?? bug('an empty batch'));
  const source = otherSide(on);
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

/** A move that dies between its two halves leaves the message in both mailboxes, and base may not tell why: this does. */
function intend({ from, to }: Journey, on: SideName, { action, victim, partner }: Move): [string, Intent] {
  const { operation, repository } = to;
  const uidFrom = to.uidNext(on);
  const id = `${operation}/${action.id}`;
  const intent: Intent = {
    operation,
    side: on,
    mailbox: to.mailbox,
    source: { epoch: to.epoch(otherSide(on)), key: partner.key },
    identity: victim.identity,
    epoch: to.epoch(on),
    ...(uidFrom === undefined ? {} : { uidFrom }),
    begun: repository.clock.now(),
    from: { mailbox: from.mailbox, epoch: from.epoch(on), key: victim.key },
  };
  to.putIntent(id, intent);
  return [id, intent];
}

/** What a side fails with when an answer was lost. */
const LOST: ReadonlySet<ErrorCode> = new Set(['unreachable', 'try-later']);

interface Begun {
  readonly moves: readonly Move[];
  readonly intents: ReadonlyMap<string, Intent>;
}

/** Where the side cannot tell what a message is in the other mailbox, that one is looked at once more. */
async function carriedOut(
  { from, to }: Journey,
  on: SideName,
  { moves, intents }: Begun,
): Promise<readonly MoveOutcome[]> {
  try {
    const outcomes = await from.repository.sides[on].move({
      mailbox: from.mailbox,
      epoch: from.epoch(on),
      to: to.mailbox,
      toEpoch: to.epoch(on),
      rows: moves.map(({ victim }) => victim),
    });
    const isUntold = (outcome: MoveOutcome) =>
      (outcome.kind === 'done' || outcome.kind === 'marked') && outcome.row === undefined;
    if (outcomes.some(isUntold)) await to.refresh(on);
    return outcomes;
  } catch (error) {
    if (!(error instanceof PosternError) || !LOST.has(error.code)) throw error;
    // The answer is lost, not what the server does: it may be about to copy them.
    const lost = to.repository.clock.now();
    for (const [id, intent] of intents) to.putIntent(id, { ...intent, lost });
    await to.commit({ durable: true });
    throw error;
  }
}

function refusalOf(outcome: MoveOutcome, { from }: Journey, on: SideName): Refusal | undefined {
  switch (outcome.kind) {
    case 'done':
    case 'marked':
      return undefined;
    case 'gone':
      return skipped(`the message is no longer in ${from.mailbox} on the ${on} side`);
    case 'changed':
      return skipped(outcome.reason);
    case 'refused':
      return failed(outcome.reason);
  }
}
