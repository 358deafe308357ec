import { PosternError } from '../../model/error.js';
import type { MailboxName } from '../../model/mailbox.js';
import type { Epoch } from '../../model/row.js';
import type { Done } from './bulk/pipeline.js';
import { CommandRefused } from './error-words.js';
import { objectId, type Place, parseModseq, parseUidNext, type Selection, serves } from './selection.js';
import type { Session } from './session.js';
import { type Answer, isList, quoted, type ResponseCode, responseCode, textOf } from './tokens.js';
import { LARGEST_UID, parseUid } from './uid-set.js';

type Told = {
  -readonly [K in 'uidNext' | 'highestModseq' | 'mailboxId' | 'permanentFlags' | 'exists']?: Selection[K];
} & { uidValidity?: string; sticky?: false; noModseq?: true };

/** One EXAMINE or SELECT: what the server says meanwhile, until the mailbox is open. */
export class Opening {
  readonly #session: Session;
  readonly #place: Place;
  readonly #mode: 'read' | 'write';
  readonly #told: Told = {};
  readonly #asked = performance.now();

  constructor(session: Session, place: Place, mode: 'read' | 'write') {
    this.#session = session;
    this.#place = place;
    this.#mode = mode;
    session.selection = undefined;
  }

  get verb(): 'EXAMINE' | 'SELECT' {
    return this.#mode === 'read' ? 'EXAMINE' : 'SELECT';
  }

  /** The code of an untagged OK or NO. */
  hear(code: ResponseCode | undefined): void {
    if (code !== undefined) hear(this.#told, code);
  }

  /** `* n EXISTS`. */
  count(messages: number): void {
    this.#told.exists = messages;
  }

  /** The mailbox is open: the tagged OK had this code. */
  finish(code: Done['code']): Selection {
    const told = this.#told;
    const { mailbox } = this.#place;
    const selection: Selection = {
      place: this.#place,
      mode: this.#mode,
      readOnly: code?.name === 'READ-ONLY',
      epoch: epochOf(told, mailbox),
      uidNext: told.uidNext,
      highestModseq: told.noModseq ? undefined : told.highestModseq,
      mailboxId: told.mailboxId,
      permanentFlags: told.permanentFlags,
      exists: countOf(told, mailbox),
      changes: 0,
      asked: this.#asked,
    };
    this.#session.selection = selection;
    return selection;
  }

  /** What a caller is told of an error of the command. */
  failure(error: unknown): unknown {
    if (!(error instanceof CommandRefused) || error.code === 'try-later') return error;
    const reason = `the server does not open ${this.#place.mailbox}: ${error.words}`;
    return new PosternError('mailbox-unreadable', reason, { cause: error });
  }
}

/** Opens a mailbox anew: EXAMINE to read, SELECT to write. Throws `mailbox-unreadable`. */
export async function open(session: Session, place: Place, mode: 'read' | 'write'): Promise<Selection> {
  const opening = new Opening(session, place, mode);
  const listen = (answer: Answer) => opening.hear(responseCode(answer));
  try {
    const { code } = await session.command({
      effect: opening.verb,
      target: place.mailbox,
      command: opening.verb,
      attributes: [quoted(place.raw)],
      untagged: { OK: listen, NO: listen, EXISTS: answer => opening.count(Number(answer.command)) },
    });
    return opening.finish(code);
  } catch (error) {
    throw opening.failure(error);
  }
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

function hear(told: Told, code: ResponseCode): void {
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
