import { PosternError } from '../../model/error.js';
import type { MailboxName } from '../../model/mailbox.js';
import type { BulkCommand } from './bulk/pipeline.js';
import { fetch, UID_ONLY } from './fetch.js';
import type { Selection } from './selection.js';
import type { Session } from './session.js';
import { type Answer, atom, isList, textOf } from './tokens.js';
import { UidRanges } from './uid-ranges.js';

const ATTEMPTS = 3;

/**
 * The UIDs of the open mailbox, proven complete: as many as the server says there are (SAFETY §3.6). Throws
 * `snapshot-incomplete` where that cannot be had.
 */
export async function existingUids(session: Session, selection: Selection): Promise<UidRanges> {
  const { mailbox } = selection.place;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    if (attempt > 1) await session.command({ effect: 'NOOP', target: mailbox, command: 'NOOP' });
    if (selection.exists === 0) return UidRanges.of([]);
    const { faults } = session;
    const { changes } = selection;
    const uids =
      attempt === 1 && session.has('ESEARCH')
        ? await searched(session, selection)
        : await listed(session, selection);
    const still = session.faults === faults && selection.changes === changes;
    if (still && uids?.size === selection.exists) return uids;
  }
  throw new PosternError(
    'snapshot-incomplete',
    `the server says ${mailbox} has ${selection.exists} messages and lists another number`,
  );
}

async function listed(session: Session, selection: Selection): Promise<UidRanges> {
  const uids = new Set<number>();
  const { mailbox } = selection.place;
  await fetch(session, { mailbox, set: '1:*', columns: UID_ONLY }, ({ uid }) => void uids.add(uid));
  return UidRanges.of(uids);
}

/** UID SEARCH RETURN (ALL) ALL (RFC 4731): a few ranges instead of a line a message. */
async function searched(session: Session, selection: Selection): Promise<UidRanges | undefined> {
  let uids: UidRanges | undefined;
  await session.command({
    effect: 'SEARCH',
    target: selection.place.mailbox,
    command: 'UID SEARCH',
    attributes: [atom('RETURN'), [atom('ALL')], atom('ALL')],
    untagged: {
      ESEARCH: answer => {
        uids = UidRanges.parse(allOf(answer), selection.exists + 1);
      },
    },
  });
  return uids;
}

/** Without the word UID they would be sequence numbers (RFC 4731 §3.1). */
function allOf(answer: Answer): string {
  const parts = answer.attributes ?? [];
  const words = parts.map(part => (isList(part) ? undefined : textOf(part)?.toUpperCase()));
  const at = words.indexOf('ALL');
  return at === -1 || !words.slice(0, at).includes('UID') ? '' : (textOf(parts[at + 1]) ?? '');
}

/** The same command for a pipeline; `take` gets the UIDs. */
export function bulkSearch(
  session: Session,
  mailbox: MailboxName,
  take: (uids: UidRanges) => void,
): BulkCommand {
  return {
    effect: 'SEARCH',
    target: mailbox,
    text: 'UID SEARCH RETURN (ALL) ALL',
    line: text => {
      const found = /^ESEARCH(?: .*)? UID(?: .*)? ALL ([0-9:,]+)(?: |$)/i.exec(text);
      const uids = UidRanges.parse(found?.[1] ?? '', (session.selection?.exists ?? 0) + 1);
      if (uids !== undefined) take(uids);
    },
  };
}
