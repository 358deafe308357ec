import { PosternError } from '../../model/error.js';
import type { MailboxName } from '../../model/mailbox.js';
import type { Epoch, Row } from '../../model/row.js';
import { tuidOctets } from '../../model/tuid-filter.js';
import type { Letter } from '../side.js';
import { bodyPiece, type Fetched, fetch, WHOLE_BODY } from './fetch.js';
import { fetchSets, type Reopen } from './fetch-sets.js';
import { takeForeseenBody } from './foreseen.js';
import { demandEpoch, type Opened } from './selection.js';
import type { Session } from './session.js';
import { keyOf, uidOf, uidSets } from './uid-set.js';

/** Larger messages are streamed in pieces instead of held in memory. */
const LARGE = 4 * 1024 * 1024;
const PIECE = 1024 * 1024;
/** A message may be larger than announced, but not by so much and eight times. */
const ENDLESS_FROM = 64 * 1024 * 1024;
/** Octets and messages one command asks for. */
const BATCH_OCTETS = 8 * 1024 * 1024;
const BATCH_MESSAGES = 1_000;

type Take = (letter: Letter) => Promise<void>;

/** Reads messages in the order of their UIDs, the large ones last, and hands each to `take` before the next is read. */
export async function readBodies(
  { session, selection }: Opened,
  epoch: Epoch,
  rows: readonly Row[],
  take: Take,
  reopen?: () => Promise<Opened>,
): Promise<void> {
  demandEpoch(selection, epoch);
  const reader = new BodyReader(session, selection.place.mailbox, take);
  if (reopen !== undefined) {
    reader.reopen = async () => {
      const opened = await reopen();
      demandEpoch(opened.selection, epoch);
      return opened.session;
    };
  }
  const large = rows.filter(row => row.identity.size > LARGE);
  for (const batch of batches(rows.filter(row => row.identity.size <= LARGE))) await reader.whole(batch);
  for (const row of large) await reader.inPieces(row);
}

/** Hands out what came when the mailbox was opened a moment ago; returns the rows of which nothing did. */
export async function readForeseen(
  { selection }: Opened,
  epoch: Epoch,
  rows: readonly Row[],
  take: Take,
): Promise<readonly Row[]> {
  demandEpoch(selection, epoch);
  const left: Row[] = [];
  for (const row of rows) {
    const fetched = takeForeseenBody(selection, row.key);
    const letter = fetched === undefined ? undefined : letterOf(fetched);
    if (letter === undefined) left.push(row);
    else await take(letter);
  }
  return left;
}

function batches(rows: readonly Row[]): number[][] {
  const all: number[][] = [];
  let octets = 0;
  for (const row of [...rows].sort((a, b) => uidOf(a.key)! - uidOf(b.key)!)) {
    const last = all.at(-1);
    octets += row.identity.size;
    if (last === undefined || octets > BATCH_OCTETS || last.length >= BATCH_MESSAGES) {
      all.push([uidOf(row.key)!]);
      octets = row.identity.size;
    } else last.push(uidOf(row.key)!);
  }
  return all;
}

class BodyReader {
  reopen: Reopen | undefined;
  #session: Session;
  readonly #mailbox: MailboxName;
  readonly #take: Take;

  constructor(session: Session, mailbox: MailboxName, take: Take) {
    this.#session = session;
    this.#mailbox = mailbox;
    this.#take = take;
  }

  /** An error of `take` becomes the command's: the rest of the answer is read and dropped, then it is thrown. */
  async whole(uids: readonly number[]): Promise<void> {
    const waiting = new Set(uids);
    const request = {
      mailbox: this.#mailbox,
      sets: uidSets(uids),
      columns: WHOLE_BODY,
      effect: 'FETCH BODY' as const,
    };
    await fetchSets(this.#session, request, {
      take: fetched => {
        if (!waiting.has(fetched.uid)) return;
        const letter = letterOf(fetched);
        if (letter === undefined) return;
        waiting.delete(fetched.uid);
        return this.#take(letter);
      },
      refused: () => {},
      ...(this.reopen === undefined ? {} : { reopen: () => this.#again() }),
    });
  }

  async #again(): Promise<Session> {
    this.#session = (await this.reopen?.()) ?? this.#session;
    return this.#session;
  }

  async inPieces(row: Row): Promise<void> {
    const uid = uidOf(row.key)!;
    let { size } = row.identity;
    let flags: Letter['flags'] | undefined;
    const piece = async (from: number): Promise<Buffer | undefined> => {
      let found: Buffer | undefined;
      const request = {
        mailbox: this.#mailbox,
        set: String(uid),
        columns: bodyPiece(from, PIECE),
        effect: 'FETCH BODY' as const,
      };
      await fetch(this.#session, request, fetched => {
        if (fetched.uid !== uid) return;
        flags = fetched.flags ?? flags;
        if (fetched.body) demandPiece(from, fetched.body, fetched.origin);
        // Some servers say NIL for what lies behind the end; anywhere else it means that the octets are lost.
        const behindEnd = fetched.body === null && from > 0 && from >= size;
        found = behindEnd ? Buffer.alloc(0) : (fetched.body ?? found);
      });
      return found;
    };
    const first = await this.#orNothing(() => piece(0));
    if (first === undefined || first.length === 0 || flags === undefined) return;
    size += tuidOctets(first);
    const chunks = new Pieces(first, size, piece);
    try {
      await this.#take({ key: row.key, flags, date: row.date, chunks });
    } catch (error) {
      if (error !== chunks.interrupted || !chunks.passable) throw error;
    }
  }

  /** A message the server refuses to hand out is passed over. */
  async #orNothing<T>(act: () => Promise<T>): Promise<T | undefined> {
    try {
      return await act();
    } catch (error) {
      if (isPassable(error)) return undefined;
      throw error;
    }
  }
}

function isPassable(error: unknown): boolean {
  return error instanceof PosternError && ['server-refused', 'mailbox-unreadable'].includes(error.code);
}

/** Some servers ignore which piece was asked for: put together, such answers would make another message. */
function demandPiece(from: number, body: Buffer, origin: number | undefined): void {
  const whole = origin === undefined && from === 0;
  if (body.length === 0 || whole || (origin === from && body.length <= PIECE)) return;
  throw new PosternError('mailbox-unreadable', 'the server hands out other octets of it than were asked for');
}

/** Undefined where the body is not all there: NIL, lost in decoding, or empty although the server says it has octets. */
function letterOf({ uid, flags, date, size, body }: Fetched): Letter | undefined {
  if (body === undefined || body === null || flags === undefined) return undefined;
  if (body.length === 0 && size !== 0) return undefined;
  return { key: keyOf(uid), flags, date: date ?? 0, chunks: [body] };
}

/**
 * A body in pieces. It is at its end when the server has no more: a piece that is shorter than asked for ends it only when
 * the announced size is reached, as servers estimate sizes and some cut pieces short.
 */
class Pieces implements AsyncIterable<Buffer> {
  readonly #first: Buffer;
  readonly #size: number;
  readonly #read: (from: number) => Promise<Buffer | undefined>;
  /** What ended the reading before the end, if anything. */
  interrupted: unknown;

  constructor(first: Buffer, size: number, read: (from: number) => Promise<Buffer | undefined>) {
    this.#first = first;
    this.#size = size;
    this.#read = read;
  }

  /** Whether only this message is concerned, not the connection. */
  get passable(): boolean {
    return isPassable(this.interrupted);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Buffer> {
    let at = 0;
    for (let piece = this.#first; piece.length > 0; ) {
      yield piece;
      at += piece.length;
      if (piece.length !== PIECE && at >= this.#size) return;
      if (at > ENDLESS_FROM + 8 * this.#size) this.#interrupt('it has no end');
      piece = await this.#next(at);
    }
  }

  #interrupt(why: string): never {
    this.interrupted = new PosternError('mailbox-unreadable', why);
    throw this.interrupted;
  }

  async #next(at: number): Promise<Buffer> {
    try {
      const piece = await this.#read(at);
      if (piece !== undefined) return piece;
      this.#interrupt('the message went away while it was read');
    } catch (error) {
      this.interrupted = error;
      throw error;
    }
  }
}
