import { createHash, type Hash } from 'node:crypto';
import { WireEncoder } from './line-ends.js';
import { TuidFilter } from './tuid-filter.js';

/**
 * How the same message is known on both sides (DESIGN §4), computed the same way from either: on the remote from header
 * fields and RFC822.SIZE alone.
 */
export interface Identity {
  /** The first Message-ID, unfolded, trimmed and cut at 998 octets, as Latin-1 text; absent when there is none. */
  readonly messageId?: string;
  /** SHA-256 of the normalised identity fields, first 128 bits, 32 hex digits. */
  readonly digest: string;
  /** Octets with CRLF line ends, without what mbsync added. A filter, never proof of difference: servers estimate. */
  readonly size: number;
  /** SHA-256 of the whole message with CRLF line ends, without what mbsync added, 64 hex digits; absent until the bytes were seen. */
  readonly content?: string;
}

/** For people only: raw header text, Latin-1, cut short. Never compared. */
export interface Envelope {
  readonly from?: string;
  readonly subject?: string;
  readonly date?: string;
}

/** The header fields an identity is made of, in the order they are hashed. Ask the server for exactly these. */
export const IDENTITY_FIELDS = ['message-id', 'date', 'from', 'to', 'cc', 'subject'] as const;

type FieldName = (typeof IDENTITY_FIELDS)[number];

export interface HeaderFacts {
  readonly messageId?: string;
  readonly digest: string;
  readonly envelope: Envelope;
}

const ENVELOPE_LENGTH = 200;
/** No mail program makes a longer one (RFC 5322 §2.1.1); what is cut off still counts in the digest. */
const MESSAGE_ID_LENGTH = 998;

/**
 * Reads the identity fields from a header (all of it, or the excerpt HEADER.FIELDS returns), in linear time. Of a
 * repeated field the first counts. Line ends may be CRLF, LF or CR CR LF; a leading mbox `From ` line is passed over.
 */
export function readHeader(header: Buffer): HeaderFacts {
  const fields = firstFields(header);
  let text = '';
  for (const name of IDENTITY_FIELDS) {
    const value = fields.get(name);
    text += `${name}:${value === undefined ? '' : normalise(value)}\n`;
  }
  const hash = createHash('sha256').update(text, 'latin1');
  const messageId = fields.get('message-id')?.trim().slice(0, MESSAGE_ID_LENGTH);
  const digest = hash.digest().toString('hex', 0, 16);
  const envelope = envelopeOf(fields);
  return messageId ? { messageId, digest, envelope } : { digest, envelope };
}

function envelopeOf(fields: ReadonlyMap<FieldName, string>): Envelope {
  const envelope: { -readonly [K in keyof Envelope]: Envelope[K] } = {};
  for (const name of ['from', 'subject', 'date'] as const) {
    const text = fields.get(name)?.slice(0, ENVELOPE_LENGTH).trim();
    if (text) envelope[name] = text;
  }
  return envelope;
}

/** Octets looked at first; nearly every header ends before. */
const USUAL_HEADER = 16 * 1024;

/** Unfolded raw values (RFC 5322 §2.2.3) of the identity fields; the header ends at the first empty line. */
function firstFields(header: Buffer): Map<FieldName, string> {
  const fields = new Map<FieldName, string>();
  if (scanFields(header, USUAL_HEADER, fields) || header.length <= USUAL_HEADER) return fields;
  fields.clear();
  scanFields(header, header.length, fields);
  return fields;
}

/**
 * Whether the first octets, so many, held the end of the header. One text for all lines is many times faster than a decoding each;
 * but a value that were a part of that text would keep all of it in memory, for as long as somebody knows the message.
 */
function scanFields(octets: Buffer, length: number, fields: Map<FieldName, string>): boolean {
  const header = octets.toString('latin1', 0, length);
  let current: FieldName | undefined;
  let value = '';
  const finish = () => {
    if (current !== undefined && !fields.has(current)) fields.set(current, value);
    current = undefined;
  };
  for (let start = 0; start < header.length; ) {
    const feed = header.indexOf('\n', start);
    const next = feed === -1 ? header.length : feed + 1;
    let end = feed === -1 ? header.length : feed;
    // Servers drop a CR before CRLF, or take the line for an empty one.
    while (end > start && header.charCodeAt(end - 1) === 0x0d) end--;
    if (end === start) {
      finish();
      return true;
    }
    const first = header.charCodeAt(start);
    if (first === 0x20 || first === 0x09) {
      if (current !== undefined) value += octets.toString('latin1', start, end);
    } else {
      finish();
      const colon = header.slice(start, Math.min(end, start + 65)).indexOf(':');
      const name =
        colon === -1
          ? undefined
          : IDENTITY_NAMES.get(
              header
                .slice(start, start + colon)
                .trimEnd()
                .toLowerCase(),
            );
      if (name !== undefined) {
        current = name;
        value = octets.toString('latin1', start + colon + 1, end);
      }
    }
    start = next;
  }
  finish();
  return false;
}

const IDENTITY_NAMES = new Map<string, FieldName>(IDENTITY_FIELDS.map(name => [name, name]));

/**
 * Undoes what servers do to header text on the way (after imapsync): octets that are not printable ASCII become X, tabs
 * and runs of blanks become one blank, and case does not count.
 */
function normalise(value: string): string {
  const plain = /[^ -~]| {2}/.test(value) ? value.replace(/[ \t\r\n]+/g, ' ').replace(/[^ -~]/g, 'X') : value;
  return plain.trim().toUpperCase();
}

/** Counts and hashes the wire form of a message: a bare LF counts as CRLF, a bare CR stays, what mbsync added is left out. */
export class ContentHasher {
  readonly #hash: Hash = createHash('sha256');
  readonly #wire = new WireEncoder();
  readonly #filter = new TuidFilter();
  readonly #count = (octets: Buffer) => {
    this.#size += octets.length;
    this.#hash.update(octets);
  };
  #size = 0;

  update(chunk: Uint8Array): void {
    this.#filter.take(this.#wire.encode(chunk), this.#count);
  }

  /** Ends the count; the hasher is spent. */
  finish(): { readonly size: number; readonly content: string } {
    this.#filter.finish(this.#count);
    return { size: this.#size, content: this.#hash.digest('hex') };
  }
}

/** The content hash of a message that is read to its end. */
export async function contentOfChunks(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<string> {
  const hasher = new ContentHasher();
  for await (const chunk of chunks) hasher.update(chunk);
  return hasher.finish().content;
}

/** The whole identity of a message whose bytes are at hand. */
export function identityOf(message: Buffer): { readonly identity: Identity; readonly envelope: Envelope } {
  const hasher = new ContentHasher();
  hasher.update(message);
  const { messageId, digest, envelope } = readHeader(message);
  return { identity: fullIdentity({ messageId, digest, ...hasher.finish() }), envelope };
}

/**
 * An identity with everything in it. Made without spreading into a literal: there is one for each message, and objects made
 * that way get a hidden class each, which takes more memory than they do.
 */
export function fullIdentity(parts: {
  readonly messageId: string | undefined;
  readonly digest: string;
  readonly size: number;
  readonly content: string;
}): Identity & { readonly content: string } {
  const { messageId, digest, size, content } = parts;
  return messageId === undefined ? { digest, size, content } : { messageId, digest, size, content };
}

/**
 * Whether two identities may be the same message: `yes` when contents are equal, `no` when both contents are known and
 * differ or the digests differ, else `perhaps`. Size alone decides nothing.
 */
export function sameMessage(a: Identity, b: Identity): 'yes' | 'no' | 'perhaps' {
  if (a.content !== undefined && b.content !== undefined) return a.content === b.content ? 'yes' : 'no';
  return a.digest === b.digest ? 'perhaps' : 'no';
}

/**
 * Whether two identities, both read from headers, are two messages: neither the header nor the Message-ID is the same. A header
 * alone proves nothing, as servers rewrite what they take.
 */
export function isAnother(a: Identity, b: Identity): boolean {
  return a.digest !== b.digest && a.messageId !== b.messageId;
}

/**
 * Whether two identities are the same message as surely as a first match must be (DESIGN §4): equal contents, or, where no
 * content says otherwise, equal header, Message-ID and size.
 */
export function isSurelySame(a: Identity, b: Identity): boolean {
  if (a.content !== undefined && b.content !== undefined) return a.content === b.content;
  return (
    a.digest === b.digest && a.messageId !== undefined && a.messageId === b.messageId && a.size === b.size
  );
}
