import type { Action } from '../model/action.js';
import { otherSide, type SideName } from '../model/by-side.js';
import { bug } from '../model/error.js';
import { isSurelySame } from '../model/identity.js';
import type { Row } from '../model/row.js';
import { pairArrival } from './arrival.js';
import { inBatches } from './batches.js';
import { already, failed, type Refusal, type Report, skipped } from './judgement.js';
import type { Journey } from './moving.js';
import { endOf, isWhole } from './pairing.js';

function copiedSide(action: Action): SideName {
  return action.op === 'copy-local' ? 'local' : 'remote';
}

/** Whether a copy within a side still stands: its source is there, and its counterpart in the other mailbox waits for it. */
export function checkDuplicate({ from, to }: Journey, action: Action): Refusal | undefined {
  const on = copiedSide(action);
  const other = otherSide(on);
  if (!from.has(on) || !to.has(on)) return skipped(`the mailbox is not on the ${on} side`);
  if (!to.has(other)) return skipped(`${to.mailbox} is not on the ${other} side`);
  const original = from.row(on, endOf(action, on));
  if (original === undefined) return skipped(`the message is no longer in ${from.mailbox} on the ${on} side`);
  const partner = to.row(other, endOf(action, other));
  if (partner === undefined) return skipped(`the message is no longer in ${to.mailbox} on the ${other} side`);
  const held = to.pairAt(other, endOf(action, other));
  if (held !== undefined) {
    return isWhole(to, held)
      ? already('the message is paired there')
      : skipped('it was there before and is gone: plan again');
  }
  const { digest } = action.message ?? bug('a copy without a message');
  if (original.identity.digest !== digest || !isSurelySame(original.identity, partner.identity)) {
    return skipped('another message is there now');
  }
  return to.unpairedLike(on, partner.identity) === undefined
    ? undefined
    : skipped(`a message like it is in ${to.mailbox} already and not paired yet: plan again`);
}

/** Runs `copy-local` or `copy-remote` lines from one mailbox to another: no bytes travel between the sides. */
export async function runDuplicates(
  journey: Journey,
  actions: readonly Action[],
  report: Report,
): Promise<void> {
  for (const batch of inBatches(actions)) await runBatch(journey, batch, report);
}

async function runBatch(journey: Journey, actions: readonly Action[], report: Report): Promise<void> {
  const { from, to } = journey;
  const on = copiedSide(actions[0] ?? bug('an empty batch'));
  const other = otherSide(on);
  const ready: { action: Action; original: Row; partner: Row }[] = [];
  for (const action of actions) {
    const refusal = checkDuplicate(journey, action);
    if (refusal !== undefined) {
      report(action, refusal);
      continue;
    }
    const original = from.row(on, endOf(action, on)) ?? bug('a copy without its source');
    const partner = to.row(other, endOf(action, other)) ?? bug('a copy without its counterpart');
    ready.push({ action, original, partner });
  }
  if (ready.length === 0) return;
  await to.begin();
  const outcomes = await from.repository.sides[on].copy({
    mailbox: from.mailbox,
    epoch: from.epoch(on),
    to: to.mailbox,
    toEpoch: to.epoch(on),
    rows: ready.map(({ original }) => original),
  });
  for (const [index, { action, partner }] of ready.entries()) {
    const outcome = outcomes[index] ?? bug('a copy without an outcome');
    if (outcome.kind === 'done') {
      if (outcome.row !== undefined)
        pairArrival(to, { on, arrived: outcome.row, partner, before: undefined });
      report(action);
    } else if (outcome.kind === 'gone') {
      report(action, skipped(`the message is no longer in ${from.mailbox} on the ${on} side`));
    } else report(action, outcome.kind === 'changed' ? skipped(outcome.reason) : failed(outcome.reason));
  }
  await to.commit({ durable: true });
}
