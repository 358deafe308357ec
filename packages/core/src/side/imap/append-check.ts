import { PosternError } from '../../model/error.js';
import type { Identity } from '../../model/identity.js';
import type { MailboxName } from '../../model/mailbox.js';
import { describe } from './describe.js';
import { identityColumns } from './fetch.js';
import { fetchSets } from './fetch-sets.js';
import type { Session } from './session.js';
import { uidSets } from './uid-set.js';

/**
 * Whether these UIDs are the very next ones and as many messages came as there are of them: then no other message can have
 * any of them, and there is nothing to ask.
 */
export function isAllThatCame(
  uids: readonly number[],
  { from, added }: { readonly from: number; readonly added: number },
): boolean {
  return added === uids.length && uids.every(uid => uid >= from && uid < from + uids.length);
}

/**
 * Which of the UIDs a server gave to appended messages another message has (SAFETY §3.1): one with another Message-ID. A
 * header that reads otherwise is no proof, as servers rewrite what they take; a UID that does not show yet is none either.
 */
export async function foreignAmong(
  session: Session,
  mailbox: MailboxName,
  sent: ReadonlyMap<number, Identity>,
): Promise<ReadonlySet<number>> {
  const foreign = new Set<number>();
  const request = { mailbox, sets: uidSets(sent.keys()), columns: identityColumns(session) };
  try {
    await fetchSets(session, request, {
      take: fetched => {
        const expected = sent.get(fetched.uid)?.messageId;
        const there = describe(fetched)?.identity.messageId;
        if (expected !== undefined && there !== undefined && there !== expected) foreign.add(fetched.uid);
      },
      refused: () => {},
    });
  } catch (error) {
    // It was stored: that the answer cannot be checked just now takes nothing back.
    if (!(error instanceof PosternError)) throw error;
  }
  return foreign;
}
