import type { Socket } from 'node:net';
import { PosternError } from '../../../model/error.js';
import type { RawClient, ResponseStream } from '../client.js';
import { serverText } from '../error-words.js';
import { ResponseReader } from './response-reader.js';
import { readStatusLine, type StatusLine } from './status-line.js';

/** Octets that may wait for being handled before the server is made to wait. */
const MOST_WAITING = 1024 * 1024;
/** Octets of answers that are kept for imapflow while the lane is open. */
const MOST_KEPT = 64 * 1024;
/** Turns of the event loop imapflow gets to be done with what it is reading. */
const PATIENCE = 20;

/** What the lane's user does with the untagged responses to its commands. */
export interface LaneHandlers {
  /** `* n FETCH`: the response, and where its item list begins. */
  readonly row: (response: Buffer, from: number) => void | Promise<void>;
  /** Any other untagged response about messages: its keyword in upper case, and the number before it if any. */
  readonly count: (keyword: 'EXISTS' | 'EXPUNGE' | 'VANISHED', number: number) => void;
  /** Any other untagged response, without `* ` and CRLF. */
  readonly line: (text: string) => void;
  /** A line that makes no sense. */
  readonly fault: (line: string) => void;
  /** The command of this number is answered. */
  readonly answered: (index: number, status: StatusLine) => void;
}

let tags = 0;

function nextTag(): string {
  tags = (tags + 1) % 1_000_000;
  return `Z${tags}`;
}

/**
 * Takes an imapflow connection over for a command that brings many rows, and gives it back: imapflow makes a tree of tokens of
 * each row, with a promise or more, and skips what it cannot read; here a row costs a tenth, and nothing is skipped
 * (docs/decisions/0010). imapflow has no command under way meanwhile.
 */
export class BulkLane {
  readonly #client: RawClient;
  readonly #socket: Socket;
  readonly #streamer: ResponseStream;
  readonly #reader = new ResponseReader();
  readonly #kept: Buffer[] = [];
  #keptOctets = 0;
  #received = 0;
  #wake: (() => void) | undefined;
  #ended: unknown;
  /** What the server gave as the reason when it said that it will close the connection. */
  #bye: string | undefined;
  #paused = false;

  private constructor(client: RawClient) {
    this.#client = client;
    this.#socket = client.socket;
    this.#streamer = client.streamer;
  }

  /** Undefined where the connection cannot be taken over right now. */
  static async enter(client: RawClient): Promise<BulkLane | undefined> {
    for (let turn = 0; turn < PATIENCE; turn++) {
      if (isQuiet(client)) {
        const lane = new BulkLane(client);
        lane.#takeOver();
        return lane;
      }
      await new Promise(resolve => setImmediate(resolve));
    }
    return undefined;
  }

  /** The words of the server's BYE, where it said it. */
  get bye(): string | undefined {
    return this.#bye;
  }

  /** Octets received so far. */
  get received(): number {
    return this.#received;
  }

  /**
   * Sends commands (an octet a character, Latin-1) in one go and reads until all are answered. A server may work at the same
   * time on those that do not depend on each other, and answer them in another order (RFC 3501 §5.5). Throws `unreachable` when
   * the connection ends before.
   */
  async run(commands: readonly string[], handlers: LaneHandlers): Promise<void> {
    const waiting = new Map(commands.map((_, index) => [nextTag(), index]));
    const lines = [...waiting].map(([tag, index]) => `${tag} ${commands[index]}`);
    // It adds the last CRLF itself.
    this.#client.write(Buffer.from(lines.join('\r\n'), 'latin1'));
    while (waiting.size > 0) {
      const response = this.#reader.next();
      if (response === undefined) {
        await this.#more();
        continue;
      }
      const answer = answerIn(response);
      const index = answer === undefined ? undefined : waiting.get(answer.tag);
      if (answer === undefined || index === undefined) {
        const pending = this.#untagged(response, handlers);
        if (pending !== undefined) await pending;
      } else {
        waiting.delete(answer.tag);
        handlers.answered(index, answer.status);
      }
    }
  }

  /** Gives the connection back to imapflow, with what it has to know of what was said meanwhile. */
  leave(): void {
    const socket = this.#socket;
    const streamer = this.#streamer;
    socket.removeListener('data', this.#onData);
    for (const event of ENDS) socket.removeListener(event, this.#onEnd);
    const rest = [...this.#kept, this.#reader.drain()].filter(piece => piece.length > 0);
    if (socket.destroyed || streamer.destroyed) return;
    for (const piece of rest) streamer.write(piece);
    socket.setTimeout(this.#client.socketTimeout);
    socket.pipe(streamer);
  }

  #takeOver(): void {
    const socket = this.#socket;
    socket.unpipe(this.#streamer);
    // Ours is the watch over the time meanwhile: imapflow would send a NOOP into our command.
    socket.setTimeout(0);
    for (const event of ENDS) socket.on(event, this.#onEnd);
    socket.on('data', this.#onData);
    socket.resume();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#received += chunk.length;
    this.#reader.push(chunk);
    if (this.#reader.waiting > MOST_WAITING && this.#wake === undefined) {
      this.#paused = true;
      this.#socket.pause();
    }
    this.#wake?.();
  };

  readonly #onEnd = (error?: unknown): void => {
    this.#ended ??= error instanceof Error ? error : ENDED;
    this.#wake?.();
  };

  /** Resolves when more octets are here. */
  async #more(): Promise<void> {
    if (this.#ended !== undefined || this.#socket.destroyed) {
      const why = this.#ended instanceof Error ? ` (${this.#ended.message})` : '';
      throw new PosternError('unreachable', this.#bye ?? `the other end closed it${why}`);
    }
    await new Promise<void>(resolve => {
      this.#wake = resolve;
      if (!this.#paused) return;
      this.#paused = false;
      this.#socket.resume();
    });
    this.#wake = undefined;
  }

  #untagged(response: Buffer, handlers: LaneHandlers): void | Promise<void> {
    let at = 2;
    if (response[0] === STAR && response[1] === SPACE) {
      while (response[at]! >= 0x30 && response[at]! <= 0x39) at++;
      if (at > 2 && response[at] === SPACE) {
        const keyword = response.toString('latin1', at + 1, at + 9).toUpperCase();
        if (keyword.startsWith('FETCH ')) return handlers.row(response, at + 7);
        const number = Number(response.toString('latin1', 2, at));
        const word = keyword.trimEnd();
        if (word === 'EXISTS' || word === 'EXPUNGE') return handlers.count(word, number);
        if (word === 'RECENT') return;
      } else if (response.toString('latin1', 2, 11).toUpperCase() === 'VANISHED ') {
        return handlers.count('VANISHED', 0);
      } else if (NOT_ABOUT_MESSAGES.test(response.toString('latin1', 2, 16))) {
        if (BYE.test(response.toString('latin1', 2, 6))) this.#bye = wordsOfBye(response);
        handlers.line(response.toString('utf8', 2, response.length - 2));
        return NEEDED_BY_IMAPFLOW.test(response.toString('latin1', 2, 20)) ? this.#keep(response) : undefined;
      }
    }
    handlers.fault(response.toString('latin1', 0, 100).trimEnd());
  }

  #keep(response: Buffer): void {
    this.#keptOctets += response.length;
    if (this.#keptOctets > MOST_KEPT) return;
    // imapflow takes `{5}` at the end of a text for people for a literal and swallows what follows.
    this.#kept.push(Buffer.from(response.toString('latin1').replace(/\}\r\n$/, '} \r\n'), 'latin1'));
  }
}

/** A tagged answer to one of our commands. */
function answerIn(response: Buffer): { readonly tag: string; readonly status: StatusLine } | undefined {
  if (response[0] !== TAG_LETTER) return undefined;
  const tag = response.toString('latin1', 0, Math.max(0, response.indexOf(SPACE)));
  const status = readStatusLine(response.toString('utf8', tag.length + 1, response.length - 2));
  return status === undefined ? undefined : { tag, status };
}

const BYE = /^BYE /i;

function wordsOfBye(response: Buffer): string {
  const line = readStatusLine(`NO ${response.toString('utf8', 6, response.length - 2)}`);
  return serverText(line?.text || line?.code?.name || 'the server said BYE');
}

const ENDS = ['end', 'close', 'error'] as const;
const ENDED = 'ended';
const STAR = 0x2a;
const SPACE = 0x20;
const TAG_LETTER = 0x5a;
const NOT_ABOUT_MESSAGES =
  /^(OK|NO|BAD|BYE|CAPABILITY|FLAGS|LIST|LSUB|STATUS|SEARCH|ESEARCH|ENABLED|NAMESPACE|METADATA|ID)\b/i;
/** imapflow gives the rest to whatever command it sends next: what is said of one mailbox must not be heard as said of another. */
const NEEDED_BY_IMAPFLOW = /^(BYE|CAPABILITY|ENABLED|(OK|NO|BAD) \[(ALERT|CAPABILITY))\b/i;

/** Whether imapflow neither waits for an answer nor is in the middle of a response. */
function isQuiet({ usable, currentRequest, requestQueue, socket, streamer }: RawClient): boolean {
  return (
    usable &&
    !socket.destroyed &&
    currentRequest === false &&
    requestQueue.length === 0 &&
    !streamer.compress &&
    !streamer.processingInput &&
    streamer.inputQueue.length === 0 &&
    streamer.inputBuffer.length === 0 &&
    streamer.lineBytes === 0 &&
    streamer.readableLength === 0 &&
    streamer.writableLength === 0
  );
}
