import type { Parsed, ResponseCode } from '../tokens.js';

/** What follows the tag of a status response (RFC 3501 §7.1). */
export interface StatusLine {
  readonly status: 'OK' | 'NO' | 'BAD';
  readonly code: ResponseCode | undefined;
  readonly text: string;
}

/** Undefined where it is none. Values of the code are atoms and short strings, or one list of them. */
export function readStatusLine(line: string): StatusLine | undefined {
  const parts = /^(OK|NO|BAD)(?: (?:\[([^\] ]+)(?: (\([^()]*\)|[^\]]*))?\] ?)?(.*))?$/is.exec(line);
  if (parts === null) return undefined;
  const [, status, name, values, text] = parts;
  return {
    status: status!.toUpperCase() as StatusLine['status'],
    code: name === undefined ? undefined : { name: name.toUpperCase(), values: valuesOf(values ?? '') },
    text: text ?? '',
  };
}

function valuesOf(text: string): readonly Parsed[] {
  if (text.startsWith('(') && text.endsWith(')')) return [valuesOf(text.slice(1, -1))];
  return text.split(' ').flatMap(value => (value === '' ? [] : [readValue(value)]));
}

function readValue(text: string): Parsed {
  if (text.toUpperCase() === 'NIL') return null;
  const inQuotes = /^"([^"\\]*)"$/.exec(text)?.[1];
  return inQuotes === undefined ? { type: 'ATOM', value: text } : { type: 'STRING', value: inQuotes };
}
