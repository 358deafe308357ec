import type { Action } from '../model/action.js';
import { otherSide, type SideName } from '../model/by-side.js';
import { bug } from '../model/error.js';
import { sameMessage } from '../model/identity.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Epoch, Row } from '../model/row.js';
import type { Repository } from '../state/repository.js';
import { inBatches } from './batches.js';
import { type CopyJob, copyWithin } from './copy-within.js';
import type { Desk } from './desk.js';
import { already, type Refusal, type Report, skipped } from './judgement.js';
import { endOf, isWhole } from './pairing.js';

function copiedSide(action: Action): SideName {
  return action.op === 'copy-local' ? 'local' : 'remote';
}

/** What a copy is made from, as it was just seen; the mailbox may be large, and only this one message of it matters. */
export interface Origin {
  readonly mailbox: MailboxName;
  /** Undefined where the side has no such mailbox. */
  readonly epoch: Epoch | undefined;
  readonly row: Row | undefined;
}

export async function findOrigin({ store }: Repository, action: Action): Promise<Origin> {
  const { mailbox } = action;
  const on = copiedSide(action);
  const record = await store.get('mailbox', '', mailbox);
  const epoch = record?.sides[on]?.cursor.epoch;
  const end = endOf(action, on);
  return { mailbox, epoch, row: end.epoch === epoch ? await store.get(on, mailbox, end.key) : undefined };
}

/** Whether a copy within a side still stands: its source is there, and its counterpart in the other mailbox waits for it. */
export function checkDuplicate(to: Desk, origin: Origin, action: Action): Refusal | undefined {
  const on = copiedSide(action);
  const other = otherSide(on);
  if (origin.epoch === undefined || !to.has(on)) return skipped(`the mailbox is not on the ${on} side`);
  if (!to.has(other)) return skipped(`${to.mailbox} is not on the ${other} side`);
  if (origin.row === undefined) {
    return skipped(`the message is no longer in ${origin.mailbox} on the ${on} side`);
  }
  const partner = to.row(other, endOf(action, other));
  if (partner === undefined) return skipped(`the message is no longer in ${to.mailbox} on the ${other} side`);
  const held = to.pairAt(other, endOf(action, other));
  if (held !== undefined) {
    return isWhole(to, held)
      ? already('the message is paired there')
      : skipped('it was there before and is gone: plan again');
  }
  const { digest } = action.message ?? bug('a copy without a message');
  if (origin.row.identity.digest !== digest || sameMessage(origin.row.identity, partner.identity) === 'no') {
    return skipped('another message is there now');
  }
  return to.unpairedLike(on, partner.identity) === undefined
    ? undefined
    : skipped(`a message like it is in ${to.mailbox} already and not paired yet: plan again`);
}

/** Runs `copy-local` or `copy-remote` lines into one mailbox: no bytes travel between the sides. */
export async function runDuplicates(to: Desk, actions: readonly Action[], report: Report): Promise<void> {
  for (const batch of inBatches(actions)) {
    const on = copiedSide(batch[0] ?? bug('an empty batch'));
    const jobs: CopyJob[] = [];
    for (const action of batch) {
      const origin = await findOrigin(to.repository, action);
      const refusal = checkDuplicate(to, origin, action);
      if (refusal !== undefined) {
        report(action, refusal);
        continue;
      }
      const { mailbox, epoch = bug('no epoch'), row: original = bug('a copy without its source') } = origin;
      const partner = to.row(otherSide(on), endOf(action, otherSide(on))) ?? bug('no counterpart');
      jobs.push({ action, from: { mailbox, epoch }, original, partner });
    }
    for (const [action, refusal] of await copyWithin(to, on, jobs)) report(action, refusal);
  }
}
