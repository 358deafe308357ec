import { type Flags, flagsFrom } from '../../../model/flags.js';
import type { Fetched } from '../fetch.js';
import { parseInternalDate } from '../internal-date.js';
import { parseModseq } from '../selection.js';
import { parseUid } from '../uid-set.js';

const SPACE = 0x20;
const QUOTE = 0x22;
const OPEN = 0x28;
const CLOSE = 0x29;
const LESS = 0x3c;
const GREATER = 0x3e;
const BRACKET = 0x5b;
const BRACKET_END = 0x5d;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const BRACE_END = 0x7d;
const TILDE = 0x7e;

/** Deepest nesting of an item nobody asked for. */
const DEEPEST = 50;
/** Lists of flags that are kept to be found again: most messages of a mailbox share a few. */
const REMEMBERED = 1_000;

/** A response that is no FETCH row as RFC 3501 §7.4.2 has it. */
export class UnreadableRow extends Error {}

/** The place in the mailbox that a FETCH row says the message has. */
export function sequenceNumber(response: Buffer): number {
  return Number.parseInt(response.toString('latin1', 2, 12), 10);
}

/**
 * Reads `* n FETCH (…)` as a server sent it, literals in place. Every octet has to make sense: anything else throws
 * `UnreadableRow`. Undefined for a row without UID. Octets of bodies and headers share the response's memory.
 */
export class FetchRowReader {
  readonly #flags = new Map<string, Flags>();
  #octets: Buffer = Buffer.alloc(0);
  #at = 0;

  /** `from` is where the item list begins. */
  read(response: Buffer, from: number): Fetched | undefined {
    this.#octets = response;
    this.#at = from;
    const found: { -readonly [K in keyof Fetched]: Fetched[K] } = { uid: 0 };
    this.#expect(OPEN);
    while (this.#octets[this.#at] !== CLOSE) {
      this.#item(found);
      if (this.#octets[this.#at] === SPACE) this.#at++;
      else if (this.#octets[this.#at] !== CLOSE) this.#fail('something between two items');
    }
    this.#at++;
    // Some servers end the line with a blank.
    if (this.#octets[this.#at] === SPACE) this.#at++;
    if (this.#at !== response.length - 2) this.#fail('something after the items');
    return found.uid === 0 ? undefined : found;
  }

  #item(found: { -readonly [K in keyof Fetched]: Fetched[K] }): void {
    const name = this.#name();
    const section = this.#octets[this.#at] === BRACKET ? this.#section() : undefined;
    const origin = this.#octets[this.#at] === LESS ? this.#origin() : undefined;
    this.#expect(SPACE);
    switch (name) {
      case 'UID':
        found.uid = parseUid(this.#atom()) ?? this.#fail('a UID that cannot be one');
        return;
      case 'FLAGS':
        found.flags = this.#flagList();
        return;
      case 'MODSEQ':
        setIf(found, 'modseq', parseModseq(this.#onlyText()));
        return;
      case 'RFC822.SIZE':
        setIf(found, 'size', sizeOf(this.#atom()));
        return;
      case 'INTERNALDATE':
        setIf(found, 'date', parseInternalDate(this.#string()?.toString('latin1') ?? ''));
        return;
      case 'EMAILID':
      case 'X-GM-MSGID':
        setIf(found, 'serverId', this.#onlyText());
        return;
      case 'BODY':
        if (section === '') {
          found.body = this.#string();
          setIf(found, 'origin', origin);
        } else if (section?.startsWith('HEADER.FIELDS ') === true) found.header = this.#string();
        else this.#skip(0);
        return;
      default:
        this.#skip(0);
    }
  }

  /** Letters, digits, dots and hyphens up to a blank or a section, in upper case. */
  #name(): string {
    const from = this.#at;
    for (let octet = this.#octets[this.#at]!; isNamePart(octet); octet = this.#octets[this.#at]!) this.#at++;
    if (this.#at === from) this.#fail('an item without a name');
    return this.#octets.toString('latin1', from, this.#at).toUpperCase();
  }

  /** `[…]`: what is between the brackets, in upper case. */
  #section(): string {
    const end = this.#octets.indexOf(BRACKET_END, this.#at);
    if (end < 0) this.#fail('a section without an end');
    const text = this.#octets.toString('latin1', this.#at + 1, end).toUpperCase();
    this.#at = end + 1;
    return text;
  }

  /** `<octet>`: where in the message a piece begins. */
  #origin(): number | undefined {
    const from = ++this.#at;
    while (isDigit(this.#octets[this.#at]!)) this.#at++;
    const text = this.#octets.toString('latin1', from, this.#at);
    this.#expect(GREATER);
    return sizeOf(text);
  }

  #flagList(): Flags {
    if (this.#octets[this.#at] !== OPEN) this.#fail('FLAGS without a list');
    const end = this.#octets.indexOf(CLOSE, this.#at);
    if (end < 0) this.#fail('flags without an end');
    const text = this.#octets.toString('utf8', this.#at + 1, end);
    this.#at = end + 1;
    const known = this.#flags.get(text);
    if (known !== undefined) return known;
    if (/["{}\r\n(]/.test(text)) this.#fail('a flag that cannot be one');
    const flags = flagsFrom(text.split(' ').filter(flag => flag !== ''));
    if (this.#flags.size < REMEMBERED) this.#flags.set(text, flags);
    return flags;
  }

  #atom(): string {
    const from = this.#at;
    while (isAtomPart(this.#octets[this.#at]!)) this.#at++;
    if (this.#at === from) this.#fail('a value that is missing');
    return this.#octets.toString('latin1', from, this.#at);
  }

  /** The text of a value that stands in parentheses, as it should, or bare; undefined for NIL and an empty one. */
  #onlyText(): string | undefined {
    const listed = this.#octets[this.#at] === OPEN;
    if (listed) this.#at++;
    if (listed && this.#octets[this.#at] === CLOSE) {
      this.#at++;
      return undefined;
    }
    const quoted = this.#octets[this.#at] === QUOTE || this.#octets[this.#at] === BRACE;
    const text = quoted ? this.#string()?.toString('utf8') : this.#atom();
    if (listed) this.#expect(CLOSE);
    return text === '' || (!quoted && text?.toUpperCase() === 'NIL') ? undefined : text;
  }

  /** A quoted string, a literal or NIL (`nstring`). */
  #string(): Buffer | null {
    const octet = this.#octets[this.#at];
    if (octet === QUOTE) return this.#quoted();
    if (octet === BRACE || octet === TILDE) return this.#literal();
    if (this.#atom().toUpperCase() !== 'NIL') this.#fail('a string that is none');
    return null;
  }

  #quoted(): Buffer {
    const from = ++this.#at;
    let escaped = false;
    for (;;) {
      const octet = this.#octets[this.#at]!;
      if (octet === QUOTE) break;
      if (octet === 0x0d || octet === 0x0a || this.#at >= this.#octets.length) {
        this.#fail('a quoted string without an end');
      }
      if (octet === BACKSLASH) {
        escaped = true;
        this.#at++;
      }
      this.#at++;
    }
    const inside = this.#octets.subarray(from, this.#at++);
    return escaped ? Buffer.from(inside.toString('latin1').replace(/\\(.)/gs, '$1'), 'latin1') : inside;
  }

  #literal(): Buffer {
    if (this.#octets[this.#at] === TILDE) this.#at++;
    this.#expect(BRACE);
    const from = this.#at;
    while (isDigit(this.#octets[this.#at]!)) this.#at++;
    const length = this.#at === from ? Number.NaN : Number(this.#octets.toString('latin1', from, this.#at));
    this.#expect(BRACE_END);
    this.#expect(0x0d);
    this.#expect(0x0a);
    const start = this.#at;
    if (!(start + length <= this.#octets.length)) this.#fail('a literal that is cut short');
    this.#at = start + length;
    return this.#octets.subarray(start, this.#at);
  }

  /** Passes over the value of an item nobody asked for. */
  #skip(depth: number): void {
    const octet = this.#octets[this.#at];
    if (octet === QUOTE) this.#quoted();
    else if (octet === BRACE || octet === TILDE) this.#literal();
    else if (octet !== OPEN) {
      this.#atom();
      if (this.#octets[this.#at] === BRACKET) this.#section();
    } else {
      if (depth === DEEPEST) this.#fail('lists within lists without end');
      this.#at++;
      while (this.#octets[this.#at] !== CLOSE) {
        if (this.#at >= this.#octets.length) this.#fail('a list without an end');
        this.#skip(depth + 1);
        if (this.#octets[this.#at] === SPACE) this.#at++;
      }
      this.#at++;
    }
  }

  #expect(octet: number): void {
    if (this.#octets[this.#at] !== octet) this.#fail(`no “${String.fromCharCode(octet)}”`);
    this.#at++;
  }

  #fail(what: string): never {
    throw new UnreadableRow(`${what}, at octet ${this.#at} of ${excerpt(this.#octets, this.#at)}`);
  }
}

/** Some octets before and after a place, for a report. */
function excerpt(octets: Buffer, at: number): string {
  const from = Math.max(0, at - 60);
  const to = Math.min(octets.length, at + 20);
  return `${from > 0 ? '…' : ''}${octets.toString('latin1', from, to).trimEnd()}${to < octets.length ? '…' : ''}`;
}

function sizeOf(text: string): number | undefined {
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

function setIf<T, K extends keyof T>(target: T, key: K, value: T[K] | undefined): void {
  if (value !== undefined) target[key] = value;
}

function isDigit(octet: number): boolean {
  return octet >= 0x30 && octet <= 0x39;
}

function isNamePart(octet: number): boolean {
  return (
    (octet >= 0x41 && octet <= 0x5a) ||
    (octet >= 0x61 && octet <= 0x7a) ||
    isDigit(octet) ||
    octet === 0x2e ||
    octet === 0x2d ||
    octet === 0x5f
  );
}

/** RFC 3501 §9 `ATOM-CHAR`, and the characters servers use in flags and ids all the same. */
function isAtomPart(octet: number): boolean {
  return (
    octet > SPACE &&
    octet !== 0x7f &&
    octet !== OPEN &&
    octet !== CLOSE &&
    octet !== QUOTE &&
    octet !== BRACE &&
    octet !== BRACKET
  );
}
