import { firstFrom } from '../model/bisect.js';
import { compareText } from '../model/mailbox.js';

/** Sorted names, those of one directory, whose first letter is not among them. */
export interface Listing {
  readonly letter: string;
  readonly names: readonly string[];
}

export interface Comparison {
  /** There, and not familiar. */
  readonly strangers: ReadonlySet<string>;
  /** Familiar, and not there. */
  readonly gone: ReadonlySet<string>;
  /** Familiar names that are there. */
  readonly met: number;
}

/** The names of a mailbox's files, a letter for the directory before each: many, so that they are kept and compared as one text. */
export class FamiliarNames {
  readonly #all: string;
  readonly #gone: readonly string[];
  readonly #added: readonly string[];

  /** `all`: names as one text. Of them those of `gone` are no more; then came those of `added`, which may be the same ones again. */
  constructor(all: string, gone: readonly string[] = [], added: readonly string[] = []) {
    this.#all = all;
    this.#gone = gone;
    this.#added = added;
  }

  set(): Set<string> {
    const names = new Set(namesOfText(this.#all));
    for (const name of this.#gone) names.delete(name);
    for (const name of this.#added) names.add(name);
    return names;
  }

  /** Quick where the text is sorted, right in any order. */
  compare(listings: readonly Listing[]): Comparison {
    const strangers = new Set<string>();
    const gone = new Set<string>();
    const byLetter = [...listings].sort((a, b) => compareText(a.letter, b.letter));
    let met = walk(this.#all, byLetter, { strangers, gone });
    // Names out of order were passed by on both sides.
    for (const name of gone) {
      if (!strangers.delete(name)) continue;
      gone.delete(name);
      met++;
    }
    const added = new Set(this.#added);
    for (const name of this.#gone) {
      if (added.has(name)) continue;
      if (!gone.delete(name) && isThere(listings, name) && !strangers.has(name)) {
        strangers.add(name);
        met--;
      }
    }
    for (const name of added) {
      if (strangers.delete(name)) met++;
      else if (!isThere(listings, name)) gone.add(name);
    }
    return { strangers, gone, met };
  }
}

/** Compares in one walk over both. Returns how many were met side by side. */
function walk(
  all: string,
  listings: readonly Listing[],
  { strangers, gone }: { readonly strangers: Set<string>; readonly gone: Set<string> },
): number {
  let met = 0;
  let at = 0;
  const entryAt = () => all.slice(at, all.indexOf('/', at));
  for (const { letter, names } of listings) {
    for (const name of names) {
      for (;;) {
        const end = at + 1 + name.length;
        if (all[end] === '/' && all[at] === letter && all.startsWith(name, at + 1)) {
          at = end + 1;
          met++;
          break;
        }
        const familiar = at < all.length ? entryAt() : undefined;
        if (familiar === undefined || familiar > letter + name) {
          strangers.add(letter + name);
          break;
        }
        gone.add(familiar);
        at += familiar.length + 1;
      }
    }
  }
  while (at < all.length) {
    const familiar = entryAt();
    gone.add(familiar);
    at += familiar.length + 1;
  }
  return met;
}

function isThere(listings: readonly Listing[], name: string): boolean {
  return listings.some(({ letter, names }) => {
    const bare = name.slice(1);
    return name.startsWith(letter) && names[firstFrom(names, bare)] === bare;
  });
}

/** Names as one text: each ends with a slash, which no file name has. */
export function textOfNames(names: Iterable<string>): string {
  const text = [...names].join('/');
  return text === '' ? '' : `${text}/`;
}

export function namesOfText(text: string): string[] {
  const names = text.split('/');
  names.pop();
  return names;
}
