import { bug } from '../model/error.js';
import { compareText, type MailboxName } from '../model/mailbox.js';
import type { DigestIndex } from '../state/records.js';
import type { Change, Store } from '../state/store.js';

/*
 * An entry is a digest's first 48 bits in base64, the key of the pair's remote end, and a slash. Entries are only ever added: so many
 * are a block, a record that stays as it is, and those after the last block are in the head.
 */

const HEAD = 'head';
/** Characters of a digest. */
const CHARACTERS = 8;
/** Characters of a block, and a few more. */
const BLOCK = 1 << 16;

/** What an index goes with. */
export interface IndexPlace {
  readonly mailbox: MailboxName;
  /** Another one after whatever adds pairs. */
  readonly stamp: string;
  /** The beginning of the names of its pairs. A pair with another one (of an earlier epoch) cannot be in it. */
  readonly prefix: string;
}

/** What is to be said of the digests of a pair, with its whole name. */
export function entriesFor(pairName: string, digests: readonly string[]): readonly string[] {
  return digests.map(digest => `${short(digest)}${pairName}/`);
}

/** The head of the index, where there is one. */
export async function findIndex(
  store: Store,
  { mailbox, stamp }: IndexPlace,
): Promise<DigestIndex | undefined> {
  const head = await store.get('digests', mailbox, HEAD);
  return head?.stamp === stamp ? head : undefined;
}

/** What writes an index of these entries, or adds them to an earlier one: nothing where one of them cannot be in it, for it lacks none. */
export function indexChanges(
  { mailbox, stamp, prefix }: IndexPlace,
  entries: readonly string[],
  before?: DigestIndex,
): Change[] {
  const changes: Change[] = before === undefined ? [{ clear: 'digests', mailbox }] : [];
  let { digests = '', blocks = 0 } = before ?? {};
  for (const entry of entries) {
    if (!entry.startsWith(prefix, CHARACTERS)) return [];
    digests += entry.slice(0, CHARACTERS) + entry.slice(CHARACTERS + prefix.length);
    if (digests.length < BLOCK) continue;
    changes.push({ put: 'digests', mailbox, key: blockKey(blocks), value: { digests } });
    blocks++;
    digests = '';
  }
  const value = { stamp, digests, blocks, entries: (before?.entries ?? 0) + entries.length };
  return [...changes, { put: 'digests', mailbox, key: HEAD, value }];
}

/**
 * The names of the pairs that may have one of these digests, in order: all of those that have one, and hardly ever another. Undefined
 * where the index is not whole.
 */
export async function pairNamesLike(
  store: Store,
  { mailbox, prefix }: IndexPlace,
  { head, wanted }: { readonly head: DigestIndex; readonly wanted: Iterable<string> },
): Promise<readonly string[] | undefined> {
  const { blocks: count = 0 } = head;
  // The head is a record besides.
  if (count >= (await store.count('digests', mailbox))) return undefined;
  const blockKeys = Array.from({ length: count }, (_, number) => blockKey(number));
  const blocks = await store.getMany('digests', mailbox, blockKeys);
  if (blocks.size < count) return undefined;
  const search = new Search(wanted);
  const names = new Set<string>();
  for (const { digests } of [...blocks.values(), head]) {
    const keys = search.keysIn(digests);
    if (keys === undefined) return undefined;
    for (const key of keys) names.add(prefix + key);
  }
  return [...names].sort(compareText);
}

/** Looks for a few digests among many. */
class Search {
  readonly #wanted: ReadonlySet<string>;
  /** Whether one of them begins with these two characters: that excludes most, and costs no text. */
  readonly #beginnings = new Uint8Array(1 << 14);

  constructor(wanted: Iterable<string>) {
    this.#wanted = new Set(Array.from(wanted, short));
    for (const digest of this.#wanted) this.#beginnings[beginning(digest, 0)] = 1;
  }

  /** Undefined where an entry is cut short. */
  keysIn(entries: string): readonly string[] | undefined {
    const keys: string[] = [];
    let at = 0;
    while (at < entries.length) {
      const end = entries.indexOf('/', at + CHARACTERS);
      if (end < 0) return undefined;
      const isLikely = this.#beginnings[beginning(entries, at)] === 1;
      if (isLikely && this.#wanted.has(entries.slice(at, at + CHARACTERS)))
        keys.push(entries.slice(at + CHARACTERS, end));
      at = end + 1;
    }
    return keys;
  }
}

/** Seven bits of each of two characters: base64 is ASCII. */
function beginning(text: string, at: number): number {
  return ((text.charCodeAt(at) & 127) << 7) | (text.charCodeAt(at + 1) & 127);
}

function blockKey(number: number): string {
  return `block ${number}`;
}

function short(digest: string): string {
  const text = Buffer.from(digest.slice(0, 12), 'hex').toString('base64');
  return text.length === CHARACTERS ? text : bug('a digest that is no digest');
}
