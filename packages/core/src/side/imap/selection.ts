import { PosternError } from '../../model/error.js';
import type { PermanentFlags } from '../../model/flags.js';
import type { MailboxName } from '../../model/mailbox.js';
import type { Cursor, Epoch, MessageKey, Row } from '../../model/row.js';
import { CommandRefused } from './error-words.js';
import type { Session } from './session.js';
import { type Answer, isList, type Parsed, quoted, responseCode, textOf } from './tokens.js';
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
}

/** A mailbox that is open on a connection. */
export interface Opened {
  readonly session: Session;
  readonly selection: Selection;
}

type Told = {
  -readonly [K in 'uidNext' | 'highestModseq' | 'mailboxId' | 'permanentFlags' | 'exists']?: Selection[K];
} & { uidValidity?: string; sticky?: false; noModseq?: true };

/** Opens a mailbox anew: EXAMINE to read, SELECT to write. Throws `mailbox-unreadable`. */
export async function open(session: Session, place: Place, mode: 'read' | 'write'): Promise<Selection> {
  const told: Told = {};
  const listen = (answer: Answer) => hear(told, answer);
  session.selection = undefined;
  const asked = performance.now();
  const effect = mode === 'read' ? 'EXAMINE' : 'SELECT';
  let access: string | undefined;
  try {
    const { code } = await session.command({
      effect,
      target: place.mailbox,
      command: effect,
      attributes: [quoted(place.raw)],
      untagged: {
        OK: listen,
        NO: listen,
        EXISTS: answer => {
          told.exists = Number(answer.command);
        },
      },
    });
    access = code?.name;
  } catch (error) {
    if (!(error instanceof CommandRefused) || error.code === 'try-later') throw error;
    throw new PosternError(
      'mailbox-unreadable',
      `the server does not open ${place.mailbox}: ${error.words}`,
      {
        cause: error,
      },
    );
  }
  session.selection = {
    place,
    mode,
    readOnly: access === 'READ-ONLY',
    epoch: epochOf(told, place.mailbox),
    uidNext: told.uidNext,
    highestModseq: told.noModseq ? undefined : told.highestModseq,
    mailboxId: told.mailboxId,
    permanentFlags: told.permanentFlags,
    exists: countOf(told, place.mailbox),
    changes: 0,
    asked,
  };
  return session.selection;
}

/** The mailbox with everything the server knows by now: opened, or brought up to date where it is open already. */
export async function openFresh(session: Session, place: Place, mode: 'read' | 'write'): Promise<Selection> {
  const { selection } = session;
  if (selection === undefined || !serves(selection, place, mode)) return open(session, place, mode);
  const asked = performance.now();
  await session.command({ effect: 'NOOP', target: place.mailbox, command: 'NOOP' });
  selection.asked = asked;
  return selection;
}

/** The mailbox as it is open, else opened. */
export async function openAnyhow(session: Session, place: Place, mode: 'read' | 'write'): Promise<Selection> {
  const { selection } = session;
  return selection !== undefined && serves(selection, place, mode) ? selection : open(session, place, mode);
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

function hear(told: Told, answer: Answer): void {
  const code = responseCode(answer);
  if (code === undefined) return;
  const value = code.values[0];
  switch (code.name) {
    case 'UIDVALIDITY':
      told.uidValidity = textOf(value) ?? '';
      break;
    case 'UIDNEXT':
      told.uidNext = parseUidNext(textOf(value));
      break;
    case 'HIGHESTMODSEQ':
      told.highestModseq = parseModseq(textOf(value));
      break;
    case 'NOMODSEQ':
      told.noModseq = true;
      break;
    case 'MAILBOXID':
      told.mailboxId = objectId(value);
      break;
    case 'PERMANENTFLAGS':
      if (isList(value)) told.permanentFlags = value.map(flag => textOf(flag) ?? 'NIL');
      break;
    case 'UIDNOTSTICKY':
      told.sticky = false;
      break;
  }
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

/** RFC 3501 §2.3.1.1 and RFC 4315 §3: without a lasting UIDVALIDITY nothing can be said about messages next time. */
function epochOf(told: Told, mailbox: MailboxName): Epoch {
  const refuse = (why: string): never => {
    throw new PosternError('mailbox-unreadable', `${mailbox} cannot be kept in sync: ${why}`);
  };
  if (told.sticky === false) refuse('the server does not keep its UIDs (UIDNOTSTICKY)');
  if (told.uidValidity === undefined) refuse('the server sent no UIDVALIDITY');
  const validity = parseUid(told.uidValidity);
  return String(validity ?? refuse('the server sent an invalid UIDVALIDITY')) as Epoch;
}

function countOf(told: Told, mailbox: MailboxName): number {
  const { exists } = told;
  if (exists !== undefined && Number.isSafeInteger(exists) && exists <= LARGEST_UID) return exists;
  throw new PosternError('snapshot-incomplete', `the server did not say how many messages ${mailbox} has`);
}
