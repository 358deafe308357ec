import type { MailboxName } from '@postern/core/model/mailbox.js';

/** `error`: the state is damaged. `warning`: a person should look. `info`: how things are; nothing is wrong. */
export type Severity = 'error' | 'warning' | 'info';

interface FindingKind {
  readonly severity: Severity;
  /** Whether `--repair` rebuilds the state on account of it. */
  readonly rebuild: boolean;
  /** What it means, one sentence. */
  readonly says: string;
  /** What a person can do, one sentence. */
  readonly next: string;
}

const REPAIR = 'Run `postern fsck --repair`.';
const NOTHING = 'Nothing.';
const NEWER = 'Use the postern that wrote it, or a newer one; `--repair` refuses to touch it.';

const damage = (says: string, next: string = REPAIR) =>
  ({ severity: 'error', rebuild: true, says, next }) as const;
const mismatch = (says: string, next: string = REPAIR) =>
  ({ severity: 'warning', rebuild: true, says, next }) as const;
const warning = (says: string, next: string) =>
  ({ severity: 'warning', rebuild: false, says, next }) as const;
const info = (says: string, next: string = NOTHING) =>
  ({ severity: 'info', rebuild: false, says, next }) as const;

/**
 * Everything fsck can find. Ids are for life: scripts and people look for them. docs/reference/fsck.md shows the same
 * table; a test compares them.
 */
export const FINDINGS = {
  'state-missing': damage('There is no state database.'),
  'state-id': damage('`db.id`, which says that there is a database and which one, is missing or unusable.'),
  'state-unopenable': damage('The database cannot be opened.'),
  'state-unreadable': damage('A file of the database cannot be read, or not all of it.'),
  'state-version': {
    severity: 'error',
    rebuild: false,
    says: 'The state was written by another version of postern.',
    next: NEWER,
  },
  'database-mismatch': damage(
    'The database is not the one that `db.id` names: one of them was copied or restored.',
  ),
  'owner-missing': damage('The state does not say which repository it belongs to.'),
  'owner-mismatch': damage(
    'The state belongs to another repository or another account.',
    'Put back the state or correct the configuration; if both are right, run `postern fsck --repair`.',
  ),
  'record-checksum': damage(
    'A record does not match its checksum, or does not hold what its kind must hold.',
  ),
  'record-version': {
    severity: 'error',
    rebuild: false,
    says: 'A sound record was written by another version of postern.',
    next: NEWER,
  },
  'record-misplaced': damage('A record is not stored under the key its content asks for.'),
  'entry-unusable': damage(
    'An entry is neither a record nor a seal, or it is the seal of all seals and damaged.',
  ),
  'seal-checksum': damage('The seal of a set of records does not match its checksum.'),
  'seal-missing': damage('A set of records has no seal.'),
  'seal-mismatch': damage('Records are missing, or there are others than the seal vouches for.'),
  'seal-root': damage('The seal of all seals is missing, or seals went missing.'),
  'row-mismatch': damage('The state has another message recorded under this UID than the server has.'),
  'pair-crossed': damage('The two ends of a pair are different messages.'),
  'pair-duplicate-end': damage('A message is an end of more than one pair.'),
  'witness-missing': mismatch(
    'The mailbox has lost its witness: it was restored from a backup or made anew.',
    'Nothing is deleted on account of it; the next `sync` matches the mailbox anew, and so does `--repair`.',
  ),
  'witness-mismatch': mismatch(
    'State and mail are not of the same time: one of them was restored without the other.',
    'Nothing is deleted on account of it; the next `sync` matches the mailbox anew, and so does `--repair`.',
  ),
  'pair-missing': mismatch(
    'An `apply` was interrupted here, and messages that are on both sides are not paired.',
    'Run `postern sync`, or `postern fsck --repair`.',
  ),
  'mailbox-unreadable': warning(
    'A mailbox is there but cannot be read.',
    'Mend what the detail names; until then nothing is done in this mailbox.',
  ),
  'message-unreadable': warning(
    'A message is there but cannot be read: it is neither copied nor deleted.',
    'Mend what the detail names.',
  ),
  'message-blocked': warning(
    'It is not clear whether the message is on both sides: it is neither copied nor deleted.',
    'Look at the messages the detail names, and remove or change the one that is not wanted.',
  ),
  'maildir-layout': warning(
    'Something in the Maildir is not a mailbox as its layout has them, and is passed over.',
    'Rename or remove it, or leave it.',
  ),
  'mailbox-refused': warning(
    'The server has a mailbox that cannot be handled, and it is passed over.',
    'Rename it on the server, or leave it.',
  ),
  'side-emptied': warning(
    'A side that had mail has none at all.',
    'Mount the disk, or correct the configuration: no command acts on such a side. If it really was emptied, `--allow-empty` believes it.',
  ),
  'mailbox-emptied': warning(
    'A mailbox that had mail is empty on one side, or gone.',
    'Put its mail back if it should not be gone; `postern plan` shows what becomes of the rest.',
  ),
  'attic-unreadable': warning(
    'A message that was removed, or the place where such messages are kept, cannot be read.',
    'Mend what the detail names, or the message cannot be got back.',
  ),
  'pair-end-missing': info(
    'A message that was on both sides is gone on one.',
    'Run `postern plan` to see what becomes of it.',
  ),
  'deletion-withheld': info(
    'A message is gone on one side, and `[sync]` of the configuration keeps it on the other.',
  ),
  'pair-edited': info(
    'A file was changed in place since both sides agreed on it.',
    'Nothing: the `sync` that sees it keeps both versions: the next one after anything else changed in the mailbox, in a large one an hour after the last look at the files, or after a day.',
  ),
  'side-restored': info(
    'UIDVALIDITY changed or a counter of the server went back.',
    'Nothing: the next `fetch` matches the mailbox anew, and nothing is deleted in that round.',
  ),
  'rematch-open': info(
    'The mailbox waits to be matched anew.',
    'Run `postern sync`; nothing is deleted in that round.',
  ),
  'intent-open': info(
    'A delivery was under way when an `apply` ended.',
    'Nothing: the next `apply` finds out what became of it.',
  ),
  'tmp-leftover': info('Deliveries that never ended have left files in `tmp`.', 'Run `postern gc`.'),
  'message-one-sided': info(
    'After the repair, the message counts as new: a deletion that was pending is forgotten.',
    'The next `sync` copies it to the other side; delete it again if it should go.',
  ),
  'pending-unknown': info(
    'The repair could not know what was pending in the mailbox: deletions, and flags that were taken away.',
    'Nothing is removed for their sake: such messages and flags come back. Remove them again if they should go.',
  ),
  'repair-resumed': info('A repair that was interrupted has been completed.'),
} as const satisfies Readonly<Record<string, FindingKind>>;

export type FindingId = keyof typeof FINDINGS;

/** One thing that was found. */
export interface Finding {
  readonly id: FindingId;
  readonly severity: Severity;
  readonly mailbox?: MailboxName;
  /** The message or record it is about. */
  readonly key?: string;
  /** One sentence: what exactly. Not escaped for a terminal. */
  readonly detail: string;
}

export interface FindingPlace {
  readonly mailbox?: string | undefined;
  readonly key?: string | undefined;
}

export function finding(id: FindingId, detail: string, { mailbox, key }: FindingPlace = {}): Finding {
  return {
    id,
    severity: FINDINGS[id].severity,
    ...(mailbox === undefined || mailbox === '' ? {} : { mailbox: mailbox as MailboxName }),
    ...(key === undefined ? {} : { key }),
    detail,
  };
}

/** Whether `--repair` has a reason to rebuild the state. */
export function asksForRebuild(findings: readonly Finding[]): boolean {
  return findings.some(({ id }) => FINDINGS[id].rebuild);
}
