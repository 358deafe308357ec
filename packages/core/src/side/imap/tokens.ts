/** The pieces an IMAP command is made of, as imapflow's compiler takes them; an array is a parenthesised list. */
export interface Token {
  readonly type: 'ATOM' | 'STRING' | 'SEQUENCE' | 'LITERAL';
  readonly value: string | Buffer;
  readonly section?: readonly Attribute[];
  readonly partial?: readonly number[];
  readonly isLiteral8?: boolean;
}

export type Attribute = Token | readonly Attribute[];

export const atom = (value: string): Token => ({ type: 'ATOM', value });
export const quoted = (value: string): Token => ({ type: 'STRING', value });
export const sequence = (value: string): Token => ({ type: 'SEQUENCE', value });

/** A literal; with octets 0 in it a literal8 (RFC 3516), which only servers with BINARY take. */
export const literal = (value: Buffer): Token =>
  value.includes(0) ? { type: 'LITERAL', value, isLiteral8: true } : { type: 'LITERAL', value };

/** A piece of an answer, as imapflow's parser gives it; null is NIL. */
export type Parsed = ParsedToken | readonly Parsed[] | null;

export interface ParsedToken {
  readonly type?: string;
  readonly value?: string | Buffer;
  readonly section?: readonly Parsed[];
  readonly partial?: readonly number[];
}

export interface Answer {
  readonly tag: string;
  readonly command: string;
  readonly attributes?: readonly Parsed[];
}

export function isList(parsed: Parsed | undefined): parsed is readonly Parsed[] {
  return Array.isArray(parsed);
}

/** The text of an atom, a number or a string; undefined for anything else. Octets of a literal must be UTF-8. */
export function textOf(parsed: Parsed | undefined): string | undefined {
  if (parsed === null || parsed === undefined || isList(parsed)) return undefined;
  const { value } = parsed as ParsedToken;
  return Buffer.isBuffer(value) ? value.toString('utf8') : value;
}

/** The octets of a string; null where they are NIL or were lost to imapflow's decoding of quoted strings. */
export function octetsOf(parsed: Parsed | undefined): Buffer | null {
  if (parsed === null || parsed === undefined || isList(parsed)) return null;
  const { value } = parsed as ParsedToken;
  if (Buffer.isBuffer(value)) return value;
  if (value === undefined || value.includes('\ufffd')) return null;
  return Buffer.from(value, 'utf8');
}

/** The response code of a status line (RFC 3501 §7.1): its name in upper case and what follows it. */
export interface ResponseCode {
  readonly name: string;
  readonly values: readonly Parsed[];
}

export function responseCode(answer: Answer): ResponseCode | undefined {
  const first = answer.attributes?.[0];
  if (first === null || first === undefined || isList(first)) return undefined;
  const token = first as ParsedToken;
  const name = token.value ? undefined : textOf(token.section?.[0]);
  return name === undefined ? undefined : { name: name.toUpperCase(), values: token.section!.slice(1) };
}

/** The text for people of a status line. */
export function statusText(answer: Answer): string {
  const texts = (answer.attributes ?? []).flatMap(part => {
    const token = part as ParsedToken | null;
    return token !== null && !isList(part) && token.type === 'TEXT' ? [textOf(part) ?? ''] : [];
  });
  return texts.join(' ').trim();
}
