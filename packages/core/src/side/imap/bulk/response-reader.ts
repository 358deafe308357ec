import { PosternError } from '../../../model/error.js';

const CR = 0x0d;
const LF = 0x0a;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const STAR = 0x2a;
const STATUS = /^\* (OK|NO|BAD|BYE|PREAUTH) /i;

/** Octets one response may have, its literals included. */
const LARGEST_RESPONSE = 80 * 1024 * 1024;
/** Octets a response may have before its first literal, or between two. */
const LONGEST_LINE = 16 * 1024 * 1024;

/**
 * Cuts what a server sends into responses (RFC 3501 §2.2.2, §4.3): a line with the literals announced at its ends, in one
 * piece. Throws `unreachable` for what cannot be cut: behind it nothing can be trusted.
 */
export class ResponseReader {
  #pieces: Buffer[] = [];
  #octets = 0;
  /** No response can be complete before as many octets are here. */
  #needed = 1;
  /** Where in the response the search for its next line end goes on. */
  #scanned = 0;
  #lineStart = 0;

  push(chunk: Buffer): void {
    this.#pieces.push(chunk);
    this.#octets += chunk.length;
  }

  /** Octets that wait. */
  get waiting(): number {
    return this.#octets;
  }

  /** The next response with its last CRLF, or undefined until more octets are here. It shares memory with what was pushed. */
  next(): Buffer | undefined {
    if (this.#octets < this.#needed) return undefined;
    const octets = this.#joined();
    for (;;) {
      const end = octets.indexOf(LF, this.#scanned);
      if (end < 0) {
        this.#demand(octets.length - this.#lineStart <= LONGEST_LINE, 'a line without an end');
        this.#scanned = octets.length;
        this.#needed = octets.length + 1;
        return undefined;
      }
      this.#demand(end > 0 && octets[end - 1] === CR, 'a line that does not end with CRLF');
      const literal = isStatus(octets) ? undefined : literalAt(octets, this.#lineStart, end - 1);
      if (literal === undefined) return this.#cut(octets, end + 1);
      this.#lineStart = end + 1 + literal;
      this.#scanned = this.#lineStart;
      this.#demand(this.#lineStart <= LARGEST_RESPONSE, `a literal of ${literal} octets`);
      if (octets.length <= this.#lineStart) {
        this.#needed = this.#lineStart + 1;
        return undefined;
      }
    }
  }

  /** Everything that waits, for another reader. */
  drain(): Buffer {
    const rest = this.#joined();
    this.#cut(rest, rest.length);
    return rest;
  }

  #joined(): Buffer {
    const [only] = this.#pieces;
    if (this.#pieces.length === 1) return only!;
    const joined = Buffer.concat(this.#pieces, this.#octets);
    this.#pieces = [joined];
    return joined;
  }

  #cut(octets: Buffer, end: number): Buffer {
    this.#pieces = end === octets.length ? [] : [octets.subarray(end)];
    this.#octets = octets.length - end;
    this.#needed = 1;
    this.#scanned = 0;
    this.#lineStart = 0;
    return octets.subarray(0, end);
  }

  #demand(holds: boolean, what: string): void {
    if (holds) return;
    throw new PosternError(
      'unreachable',
      `the server sent ${what}; the connection cannot be used any longer`,
    );
  }
}

/** Tagged answers, continuations and status lines are text for people to their end: no literal is in them. */
function isStatus(octets: Buffer): boolean {
  if (octets[0] !== STAR) return true;
  const third = octets[2]! | 0x20;
  return (
    (third === 0x6f || third === 0x6e || third === 0x62 || third === 0x70) &&
    STATUS.test(octets.toString('latin1', 0, 10))
  );
}

/** Octets of the literal announced at the end of a line (`{123}`, or `~{123}` of RFC 3516); undefined where none is. */
function literalAt(octets: Buffer, from: number, end: number): number | undefined {
  if (end - from < 3 || octets[end - 1] !== CLOSE) return undefined;
  let at = end - 2;
  while (at > from && octets[at]! >= 0x30 && octets[at]! <= 0x39) at--;
  const digits = end - 2 - at;
  if (octets[at] !== OPEN || digits === 0) return undefined;
  return Number(octets.toString('latin1', at + 1, end - 1));
}
