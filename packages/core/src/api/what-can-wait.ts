import { mergeMailbox } from '../merge/merge-mailbox.js';
import { SIDES } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import { loadUnsettled } from '../observe/load-view.js';
import type { MailboxRecord } from '../state/records.js';
import type { Repository } from '../state/repository.js';

/** About so many new messages are planned and carried out at once, so that memory does not grow with the account. */
export const AT_ONCE = 10_000;

/** A mailbox whose messages are all new. */
export interface Waiting {
  readonly mailbox: MailboxName;
  readonly messages: number;
}

/**
 * Mailboxes that can be merged and carried out after all others, so that not all new messages are in memory at once: none of
 * their messages was ever here, and all are on one side only. None can wait where a message may have moved into one of them, or
 * one of them may be another one renamed.
 */
export async function whatCanWait(
  { store }: Repository,
  records: readonly MailboxRecord[],
  most: number,
): Promise<readonly Waiting[]> {
  const waiting: Waiting[] = [];
  const known: MailboxRecord[] = [];
  let inHand = 0;
  for (const record of records) {
    const { mailbox, rematch, sides } = record;
    const counts = SIDES.map(side => sides[side]?.cursor.count ?? 0);
    const messages = Math.max(...counts);
    const isOnOneSide = messages > 0 && counts.includes(0);
    if (!isOnOneSide || rematch !== undefined || (await store.count('pair', mailbox)) > 0) known.push(record);
    else if (inHand + messages <= most) inHand += messages;
    else waiting.push({ mailbox, messages });
  }
  if (waiting.length === 0 || records.some(({ missing }) => missing !== undefined)) return [];
  for (const record of known) {
    if (record.quiet) continue;
    const { decisions } = mergeMailbox(await loadUnsettled(store, record));
    if (decisions.some(({ kind }) => kind === 'delete')) return [];
  }
  return waiting;
}

/** Groups of about so many messages, one at least. */
export function inGroups(waiting: readonly Waiting[], most: number): readonly (readonly Waiting[])[] {
  const groups: Waiting[][] = [];
  let messages = 0;
  for (const one of waiting) {
    messages += one.messages;
    const last = groups.at(-1);
    if (last === undefined || messages > most) {
      groups.push([one]);
      messages = one.messages;
    } else last.push(one);
  }
  return groups;
}
