import { type Flags, flagsFrom, hasFlag, NO_FLAGS } from '../../model/flags.js';
import type { MessageKey } from '../../model/row.js';
import { type Octets, printable } from './octets.js';

/** Octets a file name may have on the file systems mail is kept on. */
export const LONGEST_NAME = 255;

const LETTERS: readonly (readonly [letter: string, flag: string])[] = [
  ['D', '\\Draft'],
  ['F', '\\Flagged'],
  ['P', '$Forwarded'],
  ['R', '\\Answered'],
  ['S', '\\Seen'],
  ['T', '\\Deleted'],
];

/** What the letters of a file name can say (maildir(5)); \Deleted is `T`, $Forwarded is `P` (passed). */
export const STORABLE_FLAGS: Flags = flagsFrom(LETTERS.map(([, flag]) => flag));

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

const flagsByLetters = new Map<string, Flags>();

/** The flags the known letters stand for; others are passed over. The same letters give the very same object. */
export function flagsOf({ letters }: FileName): Flags {
  if (letters === undefined || letters === '') return NO_FLAGS;
  const known = flagsByLetters.get(letters);
  if (known !== undefined) return known;
  const flags = flagsFrom(LETTERS.filter(([letter]) => letters.includes(letter)).map(([, flag]) => flag));
  if (letters.length <= LETTERS.length) flagsByLetters.set(letters, flags);
  return flags;
}

/** The letters of the flags that have one, in ASCII order. */
export function lettersOf(flags: Flags): string {
  let letters = '';
  for (const [letter, flag] of LETTERS) if (hasFlag(flags, flag)) letters += letter;
  return letters;
}

/** The name with these flags: letters in ASCII order, each once; unknown letters and what follows them are kept. */
export function withFlags(name: FileName, flags: Flags): Octets {
  const unknown = [...(name.letters ?? '')].filter(letter => !LETTERS.some(([known]) => known === letter));
  const letters = [...new Set([...lettersOf(flags), ...unknown])].sort().join('');
  return `${name.base}:2,${letters}${name.rest}` as Octets;
}

/** Whether a name carries `:1,` info, whose meaning nobody defined: its flags are not ours to change. */
export function isExperimental({ base }: FileName): boolean {
  return base.includes(':1,');
}

/** The key of a base name: `%` and octets outside printable ASCII as `%XX`. */
export function keyOf(base: Octets): MessageKey {
  return printable(base) as MessageKey;
}

/** The base name of a key; undefined for what is no key of a file here (a path, a dot file, a name with flags). */
export function baseOf(key: MessageKey): Octets | undefined {
  if (!/^(?:[ -$&-~]|%[0-9A-F]{2})+$/.test(key)) return undefined;
  const base = key.replace(/%(..)/g, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  ) as Octets;
  if (/[/\0]|^\.|:2,/.test(base) || keyOf(base) !== key) return undefined;
  return base;
}
