import type { Envelope } from './identity.js';
import { ContentHasher, fullIdentity, type Identity, readHeader } from './identity.js';

/** A header longer than this is cut: memory stays bounded whatever a message is. */
const LONGEST_HEADER = 16 * 1024 * 1024;

export interface MessageFacts {
  readonly identity: Identity & { readonly content: string };
  readonly envelope: Envelope;
}

/** Computes what a message is from its bytes, chunk by chunk, in wire form or with bare LF line ends. */
export class MessageDigester {
  readonly #hasher = new ContentHasher();
  #header: Buffer[] = [];
  #headerLength = 0;
  #headerEnded = false;

  /** The chunk may be used again by the caller afterwards. */
  update(chunk: Buffer): void {
    this.#hasher.update(chunk);
    if (this.#headerEnded) return;
    const room = chunk.subarray(0, LONGEST_HEADER - this.#headerLength);
    const end = endOfHeader(room);
    this.#header.push(Buffer.from(end === -1 ? room : room.subarray(0, end)));
    this.#headerLength += room.length;
    this.#headerEnded = end !== -1 || this.#headerLength >= LONGEST_HEADER;
  }

  /** Ends the count; the digester is spent. */
  finish(): MessageFacts {
    const { messageId, digest, envelope } = readHeader(Buffer.concat(this.#header));
    this.#header = [];
    return { identity: fullIdentity({ messageId, digest, ...this.#hasher.finish() }), envelope };
  }
}

/** Where the empty line after a header ends; -1 where the chunk holds none (one cut in two by a chunk's end too). */
function endOfHeader(chunk: Buffer): number {
  const bare = chunk.indexOf('\n\n');
  const wire = chunk.indexOf('\n\r\n');
  if (bare === -1) return wire === -1 ? -1 : wire + 3;
  return wire === -1 || bare < wire ? bare + 2 : wire + 3;
}
