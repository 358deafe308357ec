const FEED = 0x0a;
const RETURN = 0x0d;

/**
 * Turns message bytes into wire form, chunk by chunk: a bare LF becomes CRLF, CRLF and a bare CR stay (RFC 5322 §2.1).
 * A chunk that is in wire form already is returned as it is, not copied.
 */
export class WireEncoder {
  #lastWasReturn = false;

  encode(chunk: Uint8Array): Buffer {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const bare = this.#countBareFeeds(bytes);
    const out = bare === 0 ? bytes : this.#insertReturns(bytes, bare);
    if (bytes.length > 0) this.#lastWasReturn = bytes[bytes.length - 1] === RETURN;
    return out;
  }

  #isBare(bytes: Buffer, feed: number): boolean {
    return feed === 0 ? !this.#lastWasReturn : bytes[feed - 1] !== RETURN;
  }

  #countBareFeeds(bytes: Buffer): number {
    let count = 0;
    for (let feed = bytes.indexOf(FEED); feed !== -1; feed = bytes.indexOf(FEED, feed + 1)) {
      if (this.#isBare(bytes, feed)) count++;
    }
    return count;
  }

  #insertReturns(bytes: Buffer, bare: number): Buffer {
    const out = Buffer.allocUnsafe(bytes.length + bare);
    out.set(bytes);
    // From the end, so that nothing is written over that is still to be moved; `copyWithin` is twice as fast as `copy`.
    let until = bytes.length;
    let feed = until;
    for (let left = bare; left > 0; ) {
      feed = bytes.lastIndexOf(FEED, feed - 1);
      if (!this.#isBare(bytes, feed)) continue;
      out.copyWithin(feed + left, feed, until);
      out[feed + --left] = RETURN;
      until = feed;
    }
    return out;
  }
}

/**
 * Turns wire form into what a Maildir file holds, chunk by chunk: CRLF becomes LF, a bare CR stays, and so does CR CR LF,
 * so that `WireEncoder` gives the very same bytes back. A CR at the end of a chunk is held back until the next one, or
 * `finish`. With `scratch`, what is returned may lie there, until the next call of anyone who has it.
 */
export class DiskEncoder {
  #heldReturn = false;
  /** Whether the octet before this chunk (before the held CR) was a CR. */
  #afterReturn = false;
  readonly #scratch: Buffer | undefined;

  constructor(scratch?: Buffer) {
    this.#scratch = scratch;
  }

  encode(chunk: Uint8Array): Buffer {
    const given = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const bytes = this.#heldReturn ? Buffer.concat([Buffer.of(RETURN), given]) : given;
    this.#heldReturn = bytes.length > 0 && bytes[bytes.length - 1] === RETURN;
    const end = this.#heldReturn ? bytes.length - 1 : bytes.length;
    const out = this.#room(end);
    out.set(bytes.subarray(0, end));
    let from = 0;
    let to = 0;
    // `copyWithin`, and a number to look for, are several times faster than `copy` and a text.
    const take = (until: number) => {
      if (to !== from) out.copyWithin(to, from, until);
      to += until - from;
    };
    for (let mark = bytes.indexOf(RETURN); mark !== -1; mark = bytes.indexOf(RETURN, mark + 1)) {
      if (bytes[mark + 1] !== FEED) continue;
      if (mark === 0 ? this.#afterReturn : bytes[mark - 1] === RETURN) continue;
      take(mark);
      from = mark + 1;
    }
    take(end);
    if (end > 0) this.#afterReturn = bytes[end - 1] === RETURN;
    return out.subarray(0, to);
  }

  #room(size: number): Buffer {
    const scratch = this.#scratch;
    return scratch !== undefined && size <= scratch.length
      ? scratch.subarray(0, size)
      : Buffer.allocUnsafe(size);
  }

  finish(): Buffer {
    const rest = this.#heldReturn ? Buffer.of(RETURN) : Buffer.alloc(0);
    this.#heldReturn = false;
    return rest;
  }
}
