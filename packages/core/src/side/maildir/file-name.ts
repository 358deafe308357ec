import type { Flags } from '../../model/flags.js';
import type { MessageKey } from '../../model/row.js';
import type { KeywordLetters } from './keyword-letters.js';
import { type Octets, printable } from './octets.js';

/** Octets a file name may have on the file systems mail is kept on. */
export const LONGEST_NAME = 255;

/**
 * A Maildir file name in its parts: `base`, or `base:2,lettersRest`. Anything else after a colon (`:1,`), and other
 * delimiters (`;2,S`, `!2,S`), belong to the base: such a file has no flags.
 */
export interface FileName {
  readonly base: Octets;
  /** Undefined where there is no `:2,`. */
  readonly letters: string | undefined;
  /** From the first comma after the letters on, kept as it is. */
  readonly rest: string;
}

export function parseFileName(name: Octets): FileName {
  const info = name.indexOf(':2,');
  if (info === -1) return { base: name, letters: undefined, rest: '' };
  const comma = name.indexOf(',', info + 3);
  const end = comma === -1 ? name.length : comma;
  return {
    base: name.slice(0, info) as Octets,
    letters: name.slice(info + 3, end),
    rest: name.slice(end),
  };
}

/** The base alone. */
export function baseOfName(name: Octets): Octets {
  const info = name.indexOf(':2,');
  return info === -1 ? name : (name.slice(0, info) as Octets);
}

/** The letters of all names, each combination once. */
export function lettersIn(names: Iterable<Octets>): Set<string> {
  const all = new Set<string>();
  for (const name of names) all.add(parseFileName(name).letters ?? '');
  return all;
}

/** The name with these flags: letters in ASCII order, each once; unknown letters and what follows them are kept. */
export function withFlags(name: FileName, flags: Flags, letters: KeywordLetters): Octets {
  const unknown = [...(name.letters ?? '')].filter(letter => !letters.isKnown(letter));
  const all = [...new Set([...letters.lettersOf(flags), ...unknown])].sort().join('');
  return `${name.base}:2,${all}${name.rest}` as Octets;
}

/** Whether a name carries `:1,` info, whose meaning nobody defined: its flags are not ours to change. */
export function isExperimental({ base }: FileName): boolean {
  return base.includes(':1,');
}

/** The key of a base name: `%` and octets outside printable ASCII as `%XX`. */
export function keyOf(base: Octets): MessageKey {
  return printable(base) as MessageKey;
}

const NO_BASE = /[/\0]|^\.|:2,/;

/** The base name of a key; undefined for what is no key of a file here (a path, a dot file, a name with flags). */
export function baseOf(key: MessageKey): Octets | undefined {
  if (/^[ -$&-~]+$/.test(key)) return NO_BASE.test(key) ? undefined : (key as string as Octets);
  if (!/^(?:[ -$&-~]|%[0-9A-F]{2})+$/.test(key)) return undefined;
  const base = key.replace(/%(..)/g, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  ) as Octets;
  if (NO_BASE.test(base) || keyOf(base) !== key) return undefined;
  return base;
}
