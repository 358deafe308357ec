import { PosternError } from '../../model/error.js';
import type { PermanentFlags } from '../../model/flags.js';
import type { MailboxName } from '../../model/mailbox.js';
import type { Cursor, Epoch, MessageKey, Row } from '../../model/row.js';
import type { Fetched } from './fetch.js';
import type { Session } from './session.js';
import { isList, type Parsed, textOf } from './tokens.js';
import type { UidRanges } from './uid-ranges.js';
import { LARGEST_UID, parseUid } from './uid-set.js';

/** A mailbox as the server names it. */
export interface Place {
  readonly mailbox: MailboxName;
  readonly raw: string;
}

/** What the server said of a mailbox when it was opened. */
export interface Selection {
  readonly place: Place;
  readonly mode: 'read' | 'write';
  /** The server opened it for reading only. */
  readonly readOnly: boolean;
  readonly epoch: Epoch;
  readonly uidNext: number | undefined;
  readonly highestModseq: string | undefined;
  readonly mailboxId: string | undefined;
  /** Undefined where the server did not say: then every flag can be stored (RFC 3501 §7.1). */
  readonly permanentFlags: PermanentFlags | undefined;
  /** Messages in it now. */
  exists: number;
  /** How often messages came or went since it was opened: what was listed meanwhile is not one moment's truth. */
  changes: number;
  /** When the server was last asked to bring it up to date (`performance.now()`, milliseconds). */
  asked: number;
  /** The messages that were last looked at in it. */
  looked?: {
    /** When, where what follows at once may rely on it (`performance.now()`). */
    readonly at: number | undefined;
    readonly changes: number;
    readonly rows: ReadonlyMap<MessageKey, Row>;
  };
  /** What was asked in one breath with opening it, for whoever asks the same within a moment. */
  foreseen?: {
    /** When (`performance.now()`). */
    readonly at: number;
    /** Those that nothing was done with since. */
    readonly rows: Map<MessageKey, Row>;
    /** Messages with their bodies that nobody has read yet. */
    readonly bodies: Map<MessageKey, Fetched>;
    /** The UIDs there were, proven complete; undefined where they were not asked for. */
    readonly existing: UidRanges | undefined;
    /** Nothing was delivered on the strength of it. */
    isUntouched: boolean;
  };
}

/** A mailbox that is open on a connection. */
export interface Opened {
  readonly session: Session;
  readonly selection: Selection;
}

/** Whether what is open is this mailbox, and as it has to be. */
export function serves(selection: Selection, place: Place, mode: 'read' | 'write'): boolean {
  return selection.place.raw === place.raw && (mode === 'read' || selection.mode === 'write');
}

/** Throws `snapshot-incomplete` where the mailbox's UIDs are not the ones the caller knows. */
export function demandEpoch(selection: Selection, epoch: Epoch): void {
  if (selection.epoch === epoch) return;
  throw new PosternError(
    'snapshot-incomplete',
    `UIDVALIDITY of ${selection.place.mailbox} is ${selection.epoch} now, it was ${epoch || 'none'}`,
    { hint: 'fetch again: the mailbox is matched anew' },
  );
}

export function cursorOf(selection: Selection, count: number): Cursor {
  const { epoch, uidNext, highestModseq, mailboxId } = selection;
  return {
    epoch,
    count,
    ...(uidNext === undefined ? {} : { uidNext }),
    ...(highestModseq === undefined ? {} : { highestModseq }),
    ...(mailboxId === undefined ? {} : { mailboxId }),
  };
}

/** UIDNEXT; 2^32 is said by a mailbox that has used the last UID. */
export function parseUidNext(text: string | undefined): number | undefined {
  return text === String(LARGEST_UID + 1) ? LARGEST_UID + 1 : parseUid(text);
}

/** A mod-sequence as decimal text (RFC 7162: 63 bits, not 0), or undefined where it is none. */
export function parseModseq(text: string | undefined): string | undefined {
  return text !== undefined && /^[1-9][0-9]{0,18}$/.test(text) ? text : undefined;
}

/** A server's id of an object (RFC 8474): in parentheses, though some send it bare. */
export function objectId(value: Parsed | undefined): string | undefined {
  return textOf(isList(value) ? value[0] : value) || undefined;
}
