import { type Flags, flagsFrom, isFlag, type PermanentFlags, usualFlag } from '../../model/flags.js';
import type { FileName } from './file-name.js';
import { SYSTEM_LETTERS } from './system-letters.js';

const FIRST = 0x61;
const MOST = 26;

/** Whether a flag is one that a letter of its own can stand for: an atom, and no flag that has a letter already. */
export function isKeyword(flag: string): boolean {
  if (!isFlag(flag) || flag.startsWith('\\')) return false;
  return !SYSTEM_LETTERS.some(([, known]) => known === usualFlag(flag));
}

/**
 * What the letters of a mailbox's file names stand for: the six of maildir(5), and `a` to `z` as its `dovecot-keywords`
 * file says (lines `N name`, 0 is `a`). A letter without a name is no flag.
 */
export class KeywordLetters {
  static readonly none = new KeywordLetters('');
  /** The file's bytes as Latin-1 text. */
  readonly text: string;
  /** Flags that file names can say now. */
  readonly flags: Flags;
  readonly #flagsByLetter = new Map<string, string>(SYSTEM_LETTERS);
  readonly #taken = new Set<number>();
  readonly #cache = new Map<string, Flags>();

  constructor(text: string) {
    this.text = text;
    for (const line of text.split('\n')) {
      const [, index = '', name = ''] = /^(\d{1,2}) (.+?)\r?$/.exec(line) ?? [];
      if (name === '' || Number(index) >= MOST) continue;
      this.#taken.add(Number(index));
      const flag = usualFlag(name);
      if (isFlag(flag) && !flag.startsWith('\\')) this.#flagsByLetter.set(letterAt(Number(index)), flag);
    }
    this.flags = flagsFrom(this.#flagsByLetter.values());
  }

  /** The flags these letters stand for; others are passed over. The same letters give the very same object. */
  flagsOf({ letters = '' }: Pick<FileName, 'letters'>): Flags {
    const known = this.#cache.get(letters);
    if (known !== undefined) return known;
    const flags = flagsFrom([...letters].flatMap(letter => this.#flagsByLetter.get(letter) ?? []));
    if (letters.length <= MOST && this.#cache.size < 4096) this.#cache.set(letters, flags);
    return flags;
  }

  /** The letters of the flags that have one, in ASCII order. */
  lettersOf(flags: Flags): string {
    if (flags.length === 0) return '';
    const wanted = new Set(flags.map(flag => flag.toLowerCase()));
    const letters: string[] = [];
    for (const [letter, flag] of this.#flagsByLetter) {
      if (wanted.has(flag.toLowerCase())) letters.push(letter);
    }
    return letters.sort().join('');
  }

  isKnown(letter: string): boolean {
    return this.#flagsByLetter.has(letter);
  }

  /**
   * What the mailbox can store. `\*` only while letters are free, and none that stands in a name has lost its meaning:
   * keywords whose names were lost must not look as if somebody had removed them.
   */
  permanent(used: Iterable<string>): PermanentFlags {
    return this.#canGrow(used) ? [...this.flags, '\\*'] : this.flags;
  }

  /** The letters with one more, the first free, for each of these that has none and fits; itself where none was added. */
  with(keywords: Flags, used: Iterable<string>): KeywordLetters {
    if (!this.#canGrow(used)) return this;
    const taken = new Set(this.#taken);
    let text = this.text === '' || this.text.endsWith('\n') ? this.text : `${this.text}\n`;
    let added = 0;
    for (const keyword of flagsFrom(keywords)) {
      const index = freeIndex(taken);
      if (index === undefined || !isKeyword(keyword) || this.lettersOf([keyword]) !== '') continue;
      taken.add(index);
      text += `${index} ${keyword}\n`;
      added++;
    }
    return added === 0 ? this : new KeywordLetters(text);
  }

  #canGrow(used: Iterable<string>): boolean {
    if (freeIndex(this.#taken) === undefined) return false;
    for (const letters of used) {
      for (const letter of letters) if (/[a-z]/.test(letter) && !this.isKnown(letter)) return false;
    }
    return true;
  }
}

function letterAt(index: number): string {
  return String.fromCharCode(FIRST + index);
}

function freeIndex(taken: ReadonlySet<number>): number | undefined {
  for (let index = 0; index < MOST; index++) if (!taken.has(index)) return index;
  return undefined;
}
