import type { Flags } from '../model/flags.js';
import type { End } from '../model/pair.js';
import type { Epoch, Glimpse, MessageKey } from '../model/row.js';
import { unpack } from './codec.js';
import { DIGEST, PAIR, ROW, readFlags } from './message-forms.js';
import { misshapen, number } from './shape.js';

/*
 * Reads a few fields of a stored row or pair where they stand in the MessagePack list, without making values of the others:
 * a mailbox has as many as messages, and whoever looks for what changed needs little of each.
 */

export function peekRow(payload: Buffer): Glimpse {
  const fields = new Fields(payload);
  fields.skipTo(ROW.flags);
  const flags = fields.flags();
  const date = fields.number();
  fields.skipTo(ROW.modseq);
  const modseq = fields.text();
  const stamp = fields.text();
  return {
    flags,
    date,
    ...(modseq === undefined ? {} : { modseq }),
    ...(stamp === undefined ? {} : { stamp }),
  };
}

/** The digest of a message. */
export function peekDigest(payload: Buffer): string {
  const fields = new Fields(payload);
  fields.skipTo(ROW.identity + DIGEST);
  return fields.text() ?? misshapen('a message without its digest');
}

/** The local end of a pair. */
export function peekLocalEnd(payload: Buffer): End {
  const fields = new Fields(payload);
  fields.skipTo(PAIR.local);
  const epoch = fields.text();
  const key = fields.text();
  if (epoch === undefined || key === undefined) return misshapen('a pair without its local end');
  return { epoch: epoch as Epoch, key: key as MessageKey };
}

/** The digests of a pair, as `digestsOf` has them of the whole. */
export function peekDigests(payload: Buffer): readonly string[] {
  const fields = new Fields(payload);
  fields.skipTo(PAIR.identity + DIGEST);
  const digest = fields.text();
  if (digest === undefined) return misshapen('a pair without its digest');
  fields.skipTo(PAIR.remoteDigest);
  const other = fields.text();
  return other === undefined ? [digest] : [digest, other];
}

const KNOWN_FLAGS = 1000;
const knownFlags = new Map<string, Flags>();

/** The fields of a list, one after the other. Whatever is not MessagePack as the codec writes it is damage. */
class Fields {
  readonly #octets: Buffer;
  #at = 0;
  #field = 0;

  constructor(payload: Buffer) {
    this.#octets = payload;
    this.#list();
  }

  skipTo(field: number): void {
    while (this.#field < field) this.#skip();
  }

  /** Text, or undefined for nil. */
  text(): string | undefined {
    const start = this.#octets[this.#at];
    if (start === 0xc0) {
      this.#skip();
      return undefined;
    }
    const length = this.#textLength();
    const from = this.#at;
    this.#end(length);
    this.#field++;
    return this.#octets.toString('utf8', from, this.#at);
  }

  number(): number {
    const from = this.#at;
    this.#skip();
    // Nearly all are dates in milliseconds.
    return this.#octets[from] === 0xcb
      ? this.#octets.readDoubleBE(from + 1)
      : number(unpack(this.#octets.subarray(from, this.#at)));
  }

  /** Each set of flags is made once. */
  flags(): Flags {
    const from = this.#at;
    this.#skip();
    const name = this.#octets.toString('latin1', from, this.#at);
    const known = knownFlags.get(name);
    if (known !== undefined) return known;
    const flags = readFlags(unpack(this.#octets.subarray(from, this.#at)));
    if (knownFlags.size < KNOWN_FLAGS) knownFlags.set(name, flags);
    return flags;
  }

  /** Goes on to the next field. */
  #skip(): void {
    this.#pass();
    this.#field++;
  }

  /** Passes over one value, and what it holds. */
  #pass(): void {
    const type = this.#octets[this.#at] ?? misshapen('a list that is cut short');
    if (isList(type)) for (let left = this.#list(); left > 0; left--) this.#pass();
    else if (isText(type)) this.#end(this.#textLength());
    else this.#end(1 + scalarLength(type));
  }

  #end(length: number): void {
    this.#at += length;
    if (this.#at > this.#octets.length) misshapen('a list that is cut short');
  }

  /** How many items the list has that begins here. */
  #list(): number {
    const octets = this.#octets;
    const type = octets[this.#at++] ?? misshapen('nothing at all');
    if ((type & 0xf0) === 0x90) return type & 0x0f;
    if (type !== 0xdc || this.#at + 2 > octets.length)
      return misshapen('something else where a list belongs');
    this.#at += 2;
    return octets.readUInt16BE(this.#at - 2);
  }

  /** How long the text is that begins here; its octets come next. */
  #textLength(): number {
    const octets = this.#octets;
    const type = octets[this.#at++] ?? misshapen('a list that is cut short');
    if ((type & 0xe0) === 0xa0) return type & 0x1f;
    const size = type === 0xd9 ? 1 : type === 0xda ? 2 : type === 0xdb ? 4 : 0;
    if (size === 0 || this.#at + size > octets.length) return misshapen('something else where text belongs');
    this.#at += size;
    return octets.readUIntBE(this.#at - size, size);
  }
}

function isText(type: number): boolean {
  return (type & 0xe0) === 0xa0 || (type >= 0xd9 && type <= 0xdb);
}

function isList(type: number): boolean {
  return (type & 0xf0) === 0x90 || type === 0xdc;
}

/** Octets after the type of nil, a truth value or a number. */
function scalarLength(type: number): number {
  if (type < 0x80 || type >= 0xe0 || type === 0xc0 || type === 0xc2 || type === 0xc3) return 0;
  switch (type) {
    case 0xcc:
    case 0xd0:
      return 1;
    case 0xcd:
    case 0xd1:
      return 2;
    case 0xca:
    case 0xce:
    case 0xd2:
      return 4;
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return 8;
    default:
      return misshapen('a field of an unknown kind');
  }
}
