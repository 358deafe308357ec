import type { Flags, PermanentFlags } from './flags.js';
import type { Hidden } from './hidden.js';
import type { Envelope, Identity } from './identity.js';
import type { MailboxName } from './mailbox.js';

/**
 * The name of a message inside one mailbox of one side, unique within an epoch: a decimal UID, or the base name of a
 * Maildir file (without the `:2,` info), `%` and octets outside printable ASCII as `%XX`.
 */
export type MessageKey = string & { readonly __brand: 'MessageKey' };

/**
 * What keys of a mailbox are valid under: UIDVALIDITY as a decimal string (RFC 3501 §2.3.1.1), or the empty string for a
 * side whose keys need none.
 */
export type Epoch = string & { readonly __brand: 'Epoch' };

export const NO_EPOCH = '' as Epoch;

/** One message as a side has it. */
export interface Row {
  readonly key: MessageKey;
  readonly flags: Flags;
  /** INTERNALDATE or the file's mtime; milliseconds since the epoch. */
  readonly date: number;
  readonly identity: Identity;
  readonly envelope: Envelope;
  /** EMAILID or X-GM-MSGID, where the server has them. */
  readonly serverId?: string;
  /** MODSEQ as a decimal string (63 bits; RFC 7162 §3.1), where the server has it. */
  readonly modseq?: string;
  /** What must be equal for a file's bytes to be taken as unread since (size and mtime in ns). Opaque. */
  readonly stamp?: string;
  /** Of a local message the remote key of the pair it was last known in. A hint: whoever goes by it looks whether it is so. */
  readonly partner?: MessageKey;
}

/** The same message with another hint. Millions are made: they share one hidden class. */
export function withPartner(row: Row, partner: MessageKey): Row {
  return row.partner === undefined ? { partner, ...row } : { ...row, partner };
}

/** The same message with the hint that was known before, where it has none. */
export function withPartnerOf(row: Row, before: Row | undefined): Row {
  return row.partner !== undefined || before?.partner === undefined ? row : withPartner(row, before.partner);
}

/** Of a row what it takes to see whether the message changed. */
export type Glimpse = Pick<Row, 'flags' | 'date' | 'modseq' | 'stamp'>;

/** Where a snapshot stands, so that the next one can start from it and a side that went backwards is noticed. */
export interface Cursor {
  readonly epoch: Epoch;
  /** Messages in the mailbox. */
  readonly count: number;
  /** RFC 3501 §2.3.1.1; absent where the side has no UIDs. */
  readonly uidNext?: number;
  /** HIGHESTMODSEQ announced when the mailbox was opened (RFC 7162 §3.1.2.1), decimal; absent without CONDSTORE. */
  readonly highestModseq?: string;
  /** MAILBOXID (RFC 8474 §4), where the server has it. */
  readonly mailboxId?: string;
  /** A file side's own notes on the directories (stamps); opaque. */
  readonly stamp?: string;
}

export function sameCursor(a: Cursor, b: Cursor): boolean {
  return (
    a.epoch === b.epoch &&
    a.count === b.count &&
    a.uidNext === b.uidNext &&
    a.highestModseq === b.highestModseq &&
    a.mailboxId === b.mailboxId &&
    a.stamp === b.stamp
  );
}

/** All messages of a mailbox at one moment, proven complete. A side that cannot prove it throws `snapshot-incomplete`. */
export interface Snapshot {
  readonly mailbox: MailboxName;
  readonly cursor: Cursor;
  readonly permanentFlags: PermanentFlags;
  /** A row that did not change since the known snapshot is the very same object. */
  readonly rows: ReadonlyMap<MessageKey, Row>;
  /** Messages that are there but could not be read, with the reason: neither copied nor taken for deleted. */
  readonly unreadable: ReadonlyMap<MessageKey, string>;
}

/** One mailbox as a listing shows it. */
export interface MailboxEntry {
  readonly mailbox: MailboxName;
  /** False for \Noselect and \NonExistent: a directory level only. */
  readonly selectable: boolean;
  /** RFC 6154 use, e.g. `\Trash`. */
  readonly specialUse?: string;
  /** Whether other clients are to show it (RFC 3501 §6.3.6), where the side was told to ask. */
  readonly subscribed?: boolean;
  /** What STATUS said, where the listing brought it: enough to tell that nothing changed. */
  readonly status?: Cursor;
}

/** Something that is left alone and reported (P10). */
export interface Problem {
  readonly mailbox?: MailboxName;
  readonly key?: MessageKey;
  /** One sentence, without control characters. */
  readonly reason: string;
}

/** Each once: one look after the other tells of what it cannot read. */
export function distinctProblems(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map(problem => [JSON.stringify(problem), problem])).values()];
}

export interface Listing {
  readonly entries: readonly MailboxEntry[];
  readonly problems: readonly Problem[];
  /** Mailboxes that are there and that the configuration leaves out, where only a listing can tell. */
  readonly leftOut?: readonly MailboxName[];
  /** Places where a mailbox may be that nobody can see: one that we knew there is not gone. */
  readonly hidden?: readonly Hidden[];
}

/** Base names with numbers and UIDs in their natural order: shorter digits first. */
export function compareKeys(a: MessageKey, b: MessageKey): number {
  const digits = /^[0-9]+$/;
  if (digits.test(a) && digits.test(b) && a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}
