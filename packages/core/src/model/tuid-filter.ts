/**
 * mbsync writes a header line of its own, `X-TUID: ` and twelve base64 characters, into every message it copies. It is no
 * part of the message: without this, no message of a Maildir that mbsync filled would be the one on the server.
 */
const MARK = Buffer.from('X-TUID: ', 'latin1');
/** Octets of the whole line in wire form. */
const LINE_LENGTH = 22;
const HEADER_END = Buffer.from('\r\n\r\n', 'latin1');
const NOTHING = Buffer.alloc(0);
const FEED = 0x0a;
const RETURN = 0x0d;

type Use = (octets: Buffer) => void;

/** Hands on a message in wire form, chunk by chunk, without the lines in its header that mbsync added. */
export class TuidFilter {
  #held = NOTHING;
  #lineBegins = true;
  #headerEnded = false;

  /** `use` gets parts of this chunk, and octets that were held back until it was clear what they are. */
  take(wire: Buffer, use: Use): void {
    if (this.#headerEnded) {
      use(wire);
      return;
    }
    const octets = this.#held.length === 0 ? wire : Buffer.concat([this.#held, wire]);
    this.#held = NOTHING;
    if (this.#lineBegins && !octets.includes(MARK) && octets.includes(HEADER_END)) {
      this.#headerEnded = true;
      use(octets);
    } else this.#header(octets, use);
  }

  /** Hands on what is still held back: the message ended in its header. */
  finish(use: Use): void {
    if (this.#held.length > 0) use(this.#held);
    this.#held = NOTHING;
  }

  #header(octets: Buffer, use: Use): void {
    let from = 0;
    for (let at = 0; at < octets.length; ) {
      if (this.#lineBegins) {
        const line = octets.subarray(at, at + LINE_LENGTH);
        if (line.length < LINE_LENGTH && !line.includes(FEED)) {
          if (at > from) use(octets.subarray(from, at));
          this.#held = Buffer.from(line);
          return;
        }
        if (line[0] === RETURN && line[1] === FEED) {
          this.#headerEnded = true;
          break;
        }
        if (isTuid(line)) {
          if (at > from) use(octets.subarray(from, at));
          at += LINE_LENGTH;
          from = at;
          continue;
        }
      }
      const feed = octets.indexOf(FEED, at);
      this.#lineBegins = feed !== -1;
      at = feed === -1 ? octets.length : feed + 1;
    }
    if (from < octets.length) use(octets.subarray(from));
  }
}

function isTuid(line: Buffer): boolean {
  return /^X-TUID: [A-Za-z0-9+/]{12}\r\n$/.test(line.toString('latin1'));
}

/** How many octets of a header (or of the beginning of a message that holds it), in wire form, are lines that mbsync added. */
export function tuidOctets(header: Buffer): number {
  if (!header.includes(MARK)) return 0;
  const filter = new TuidFilter();
  let kept = 0;
  const count = (octets: Buffer) => {
    kept += octets.length;
  };
  filter.take(header, count);
  filter.finish(count);
  return header.length - kept;
}
