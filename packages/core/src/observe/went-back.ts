import type { Cursor } from '../model/row.js';
import type { Witness } from '../side/side.js';
import type { MailboxRecord } from '../state/records.js';

/**
 * Why a side's new cursor shows that the mailbox is not the one base was made with, or an older copy of it (DESIGN §5,
 * RFC 3501 §2.3.1.1, RFC 7162 §3.1.2, RFC 8474 §4); undefined when all is well.
 */
export function wentBack(before: Cursor, now: Cursor): string | undefined {
  if (before.epoch !== now.epoch) return `UIDVALIDITY changed from ${before.epoch} to ${now.epoch}`;
  if (before.mailboxId !== undefined && now.mailboxId !== undefined && before.mailboxId !== now.mailboxId) {
    return 'another mailbox has this name now (MAILBOXID changed)';
  }
  if (before.uidNext !== undefined && now.uidNext !== undefined && now.uidNext < before.uidNext) {
    return `UIDNEXT went back from ${before.uidNext} to ${now.uidNext}: the server was restored`;
  }
  if (before.highestModseq !== undefined && now.highestModseq !== undefined) {
    if (BigInt(now.highestModseq) < BigInt(before.highestModseq)) {
      return `HIGHESTMODSEQ went back from ${before.highestModseq} to ${now.highestModseq}: the server was restored`;
    }
  }
  return undefined;
}

/** The witness that says what a record says. */
export function witnessOf(repository: string, { mailbox, generation, pending }: MailboxRecord): Witness {
  return { repository, mailbox, generation, ...(pending === undefined ? {} : { pending }) };
}

/** Why a witness shows that state and mail are not of the same time; undefined when they are. */
export function witnessFault(
  record: MailboxRecord,
  witness: Witness | undefined,
  repository: string,
): string | undefined {
  if (record.generation === 0 && record.pending === undefined) return undefined;
  if (witness === undefined) {
    return record.generation === 0
      ? undefined
      : 'the witness of the mailbox is missing: it was restored or made anew';
  }
  if (witness.repository !== repository) return 'the witness of the mailbox is of another repository';
  if (witness.mailbox !== record.mailbox && witness.mailbox !== record.formerly)
    return `the witness is of the mailbox ${witness.mailbox}`;
  if (isOfOneTime(record, witness)) return undefined;
  const latest = witness.pending ?? witness.generation;
  const older = latest < record.generation ? 'the mail' : 'the state';
  return `${older} was restored from an older copy (generation ${latest}, the state says ${record.generation})`;
}

/**
 * The state is ahead by one write at most: it notes an apply before the witness does, and its end too. A witness that knows
 * of the end while the state does not shows a state that lost its last records.
 */
function isOfOneTime(record: MailboxRecord, { generation, pending }: Witness): boolean {
  if (generation === record.generation) return pending === undefined || pending === record.pending;
  return pending === record.generation;
}
