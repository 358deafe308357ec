import { bug, PosternError } from '../../model/error.js';
import { type Flags, flagsFrom } from '../../model/flags.js';
import { IDENTITY_FIELDS } from '../../model/identity.js';
import type { MailboxName } from '../../model/mailbox.js';
import { commandText } from './bulk/command-text.js';
import { FetchRowReader, UnreadableRow } from './bulk/fetch-row.js';
import { type BulkCommand, type Done, Failed } from './bulk/pipeline.js';
import { parseInternalDate } from './internal-date.js';
import { objectId, parseModseq } from './selection.js';
import type { Session } from './session.js';
import {
  type Answer,
  type Attribute,
  atom,
  isList,
  octetsOf,
  type Parsed,
  type ParsedToken,
  type ResponseCode,
  sequence,
  textOf,
} from './tokens.js';
import { parseUid } from './uid-set.js';

/** What one FETCH answer says of a message. What it does not mention is undefined; what it says is NIL is null. */
export interface Fetched {
  readonly uid: number;
  readonly flags?: Flags;
  readonly modseq?: string;
  readonly size?: number;
  readonly date?: number;
  readonly serverId?: string;
  readonly header?: Buffer | null;
  readonly body?: Buffer | null;
  /** Where in the message the body begins that came; absent where it is the whole one. */
  readonly origin?: number;
}

export type Columns = readonly Attribute[];

export const UID_ONLY: Columns = [atom('UID')];
export const WITH_FLAGS: Columns = [atom('UID'), atom('FLAGS')];
export const WHOLE_BODY: Columns = [
  ...WITH_FLAGS,
  atom('INTERNALDATE'),
  atom('RFC822.SIZE'),
  { type: 'ATOM', value: 'BODY.PEEK', section: [] },
];

export function flagColumns(session: Session): Columns {
  return session.condstore ? [...WITH_FLAGS, atom('MODSEQ')] : WITH_FLAGS;
}

/** X-TUID is asked for because its octets do not count (`tuidOctets`). */
const HEADER_FIELDS = [...IDENTITY_FIELDS, 'x-tuid'].map(field => atom(field.toUpperCase()));

/** What the identity of a message is made of, cheap for the server. */
export function identityColumns(session: Session): Columns {
  const columns: Attribute[] = [
    atom('UID'),
    atom('RFC822.SIZE'),
    atom('INTERNALDATE'),
    { type: 'ATOM', value: 'BODY.PEEK', section: [atom('HEADER.FIELDS'), HEADER_FIELDS] },
  ];
  if (session.has('OBJECTID')) columns.push(atom('EMAILID'));
  else if (session.has('X-GM-EXT-1')) columns.push(atom('X-GM-MSGID'));
  return columns;
}

/** Flags and identity in one. */
export function rowColumns(session: Session): Columns {
  return [...flagColumns(session), ...identityColumns(session).slice(1)];
}

export function bodyPiece(from: number, length: number): Columns {
  return [...WITH_FLAGS, { type: 'ATOM', value: 'BODY.PEEK', section: [], partial: [from, length] }];
}

/** Rows beyond a few for each message that an answer may have: those nobody asked for. */
const SPARE_ROWS = 10_000;

export interface FetchRequest {
  readonly mailbox: MailboxName;
  /** A set of UIDs as on the wire. */
  readonly set: string;
  readonly columns: Columns;
  /** Only what changed since this mod-sequence (RFC 7162 §3.1.4). */
  readonly changedSince?: string;
  readonly effect?: 'FETCH' | 'FETCH BODY';
}

/**
 * UID FETCH. `take` sees every answer that names a UID, also those nobody asked for; no other command may be sent before
 * it has returned. A server that stopped at a limit of its own (RFC 9738, RFC 9394) is an error.
 */
export async function fetch(
  session: Session,
  request: FetchRequest,
  take: (fetched: Fetched) => void | Promise<void>,
): Promise<void> {
  const { mailbox } = request;
  const effect = request.effect ?? 'FETCH';
  const code = await ask(session, { effect, mailbox, ...fetchCommand(request) }, take);
  if (isPartial(code)) {
    throw new PosternError('snapshot-incomplete', `the server lists only part of ${mailbox} (${code?.name})`);
  }
}

function fetchCommand({ set, columns, changedSince }: FetchRequest) {
  const modifiers = changedSince === undefined ? [] : [[atom('CHANGEDSINCE'), atom(changedSince)]];
  return { command: 'UID FETCH', attributes: [sequence(set), columns, ...modifiers] };
}

function isPartial(code: ResponseCode | undefined): boolean {
  return code !== undefined && ['LIMIT', 'MESSAGELIMIT'].includes(code.name);
}

/** The same for a pipeline. Its result is no error where the server stopped at a limit: `isWhole` tells. */
export function bulkFetch(
  session: Session,
  request: FetchRequest,
  take: (fetched: Fetched) => void | Promise<void>,
): BulkCommand {
  const { mailbox, effect = 'FETCH' } = request;
  return bulkCommand(session, { effect, mailbox, ...fetchCommand(request) }, take);
}

/** Whether a FETCH of a pipeline brought everything. */
export function isWhole(result: Done | Failed | undefined): boolean {
  return result !== undefined && !(result instanceof Failed) && !isPartial(result.code);
}

/** One change of flags. */
export interface StoreRequest {
  readonly mailbox: MailboxName;
  /** A set of UIDs as on the wire. */
  readonly set: string;
  readonly change: '+FLAGS' | '-FLAGS';
  readonly flags: Flags;
}

/** UID STORE; `take` sees what the server says of the messages' flags since. */
export async function storeFlags(
  session: Session,
  request: StoreRequest,
  take: (fetched: Fetched) => void,
): Promise<void> {
  await ask(session, storeCommand(request), take);
}

/** The same for a pipeline. */
export function bulkStore(
  session: Session,
  request: StoreRequest,
  take: (fetched: Fetched) => void,
): BulkCommand {
  return bulkCommand(session, storeCommand(request), take);
}

function storeCommand({ mailbox, set, change, flags }: StoreRequest): Question {
  const attributes = [sequence(set), atom(change), flags.map(atom)];
  return { effect: 'STORE', mailbox, command: 'UID STORE', attributes };
}

interface Question {
  readonly effect: string;
  readonly mailbox: MailboxName;
  readonly command: string;
  readonly attributes: readonly Attribute[];
}

/** Sends a command that is answered by FETCH rows. */
async function ask(
  session: Session,
  question: Question,
  take: (fetched: Fetched) => void | Promise<void>,
): Promise<ResponseCode | undefined> {
  const { effect, mailbox, command, attributes } = question;
  const isFlood = floodGuard(session, mailbox);
  const { code } =
    (await session.bulk(bulkCommand(session, question, take))) ??
    (await session.command({
      effect,
      target: mailbox,
      command,
      attributes,
      untagged: {
        FETCH: answer => {
          if (isFlood()) return;
          const fetched = readFetch(answer, mailbox);
          return fetched === undefined ? undefined : take(fetched);
        },
      },
    }));
  return code;
}

function bulkCommand(
  session: Session,
  { effect, mailbox, command, attributes }: Question,
  take: (fetched: Fetched) => void | Promise<void>,
): BulkCommand {
  const isFlood = floodGuard(session, mailbox);
  return {
    effect,
    target: mailbox,
    text: commandText(command, attributes) ?? bug('a question that needs a literal'),
    row: (response, from) => {
      if (isFlood()) return;
      const fetched = readStrictly(session, response, from);
      return fetched === undefined ? undefined : take(fetched);
    },
  };
}

/** Gives the connection up where a command has more rows than make sense. */
function floodGuard(session: Session, mailbox: MailboxName): () => boolean {
  let seen = 0;
  return () => {
    if (++seen <= SPARE_ROWS) return false;
    if (seen <= SPARE_ROWS + 4 * (session.selection?.exists ?? 0)) return false;
    session.giveUp(`it sends more rows than ${mailbox} has messages`);
    return true;
  };
}

const rows = new FetchRowReader();

/** A row that makes no sense is a fault of the session: what is listed with one is not believed to be all. */
function readStrictly(session: Session, response: Buffer, from: number): Fetched | undefined {
  try {
    return rows.read(response, from);
  } catch (error) {
    if (!(error instanceof UnreadableRow)) throw error;
    session.noteFault(error.message);
    return undefined;
  }
}

/** Undefined for an answer without UID. Throws `snapshot-incomplete` for a UID that cannot be one. */
function readFetch(answer: Answer, mailbox: MailboxName): Fetched | undefined {
  const items = answer.attributes?.[1];
  if (!isList(items)) return undefined;
  const found: { -readonly [K in keyof Fetched]: Fetched[K] } = { uid: 0 };
  let named = false;
  for (let at = 0; at + 1 < items.length; at += 2) {
    const key = items[at] as ParsedToken | null;
    const value = items[at + 1];
    switch (textOf(key)?.toUpperCase()) {
      case 'UID': {
        const uid = parseUid(textOf(value));
        if (uid === undefined) {
          throw new PosternError(
            'snapshot-incomplete',
            `the server named a message of ${mailbox} without a valid UID`,
          );
        }
        found.uid = uid;
        named = true;
        break;
      }
      case 'FLAGS':
        if (isList(value)) found.flags = flagsFrom(value.map(flag => textOf(flag) ?? 'NIL'));
        break;
      case 'MODSEQ':
        setIf(found, 'modseq', parseModseq(objectId(value)));
        break;
      case 'RFC822.SIZE':
        setIf(found, 'size', parseSize(textOf(value)));
        break;
      case 'INTERNALDATE':
        setIf(found, 'date', parseInternalDate(textOf(value) ?? ''));
        break;
      case 'EMAILID':
      case 'X-GM-MSGID':
        setIf(found, 'serverId', objectId(value));
        break;
      case 'BODY':
        readBody(found, key, value);
        break;
    }
  }
  return named ? found : undefined;
}

function setIf<T, K extends keyof T>(target: T, key: K, value: T[K] | undefined): void {
  if (value !== undefined) target[key] = value;
}

function readBody(
  found: { body?: Buffer | null; header?: Buffer | null; origin?: number },
  key: ParsedToken | null,
  value: Parsed | undefined,
): void {
  const section = key?.section;
  if (section === undefined) return;
  if (section.length === 0) {
    found.body = octetsOf(value);
    setIf(found, 'origin', key?.partial?.[0]);
  } else if (textOf(section[0])?.toUpperCase() === 'HEADER.FIELDS') found.header = octetsOf(value);
}

function parseSize(text: string | undefined): number | undefined {
  if (text === undefined || !/^[0-9]{1,15}$/.test(text)) return undefined;
  return Number(text);
}
