import { bySide, otherSide, SIDES, type SideName } from '../model/by-side.js';
import { type End, isSettled, type Pair } from '../model/pair.js';
import type { Epoch, MessageKey, Row } from '../model/row.js';
import { pairedEnds, unpairedKeys } from '../observe/paired-ends.js';
import { loadTouchedFor, type MessageKeys } from '../observe/touched-part.js';
import type { MailboxRecord } from '../state/records.js';
import type { Store } from '../state/store.js';
import { MailboxBook } from './mailbox-book.js';

/** What is to be done at a desk, where it is about these messages alone. */
export interface DeskWork {
  readonly ends: MessageKeys;
  /** It is nothing but copies of them to this side, where they have no end yet. */
  readonly copiesTo?: SideName;
}

export type CopyWork = DeskWork & { readonly copiesTo: SideName };

/** A book, and which part of the mailbox stands in it. */
export interface Loaded {
  readonly book: MailboxBook;
  /**
   * `touched`: what changed since each message was in a settled pair of two. `unpaired`: what is in no pair of the side that gets
   * copies; originals are brought batch by batch.
   */
  readonly extent: 'whole' | 'touched' | 'unpaired';
  /** Where it is `unpaired`: what for, and the names of the pairs that originals are in. */
  readonly copies?: CopyWork & { readonly paired: ReadonlyMap<MessageKey, string> };
}

/** The least that the work takes. */
export async function loadDesk(
  store: Store,
  record: MailboxRecord,
  work: DeskWork | undefined,
): Promise<Loaded> {
  const book = emptyBook(record);
  const touched = work === undefined ? undefined : await loadTouchedFor(store, record, work.ends);
  if (touched !== undefined) {
    book.fill(
      touched.pairs,
      bySide(side => touched.sides[side]?.rows.values() ?? []),
    );
    return { book, extent: 'touched' };
  }
  const { ends, copiesTo } = work ?? {};
  if (ends !== undefined && copiesTo !== undefined) return loadUnpaired(store, record, { ends, copiesTo });
  const { mailbox, sides } = record;
  const pairs = await store.all('pair', mailbox);
  const rowsOf = async (side: SideName) =>
    sides[side] === undefined ? [] : (await store.all(side, mailbox)).values();
  book.fill(pairs.values(), { remote: await rowsOf('remote'), local: await rowsOf('local') });
  return { book, extent: 'whole' };
}

async function loadUnpaired(store: Store, record: MailboxRecord, work: CopyWork): Promise<Loaded> {
  const { ends, copiesTo: target } = work;
  const { mailbox, sides } = record;
  const book = emptyBook(record);
  const all = await pairedEnds(store, mailbox);
  const unpaired = await unpairedKeys(store, record, target, all);
  const rows = (await store.getMany(target, mailbox, unpaired)) as ReadonlyMap<MessageKey, Row>;
  book.fill([], { remote: [], local: [], [target]: rows.values() });
  const source = otherSide(target);
  const epoch = sides[source]?.cursor.epoch;
  const paired = new Map<MessageKey, string>();
  for (const [name, local] of all) {
    const key = source === 'local' ? local.key : keyIn(name, epoch);
    if (key !== undefined && ends[source].has(key)) paired.set(key, name);
  }
  return { book, extent: 'unpaired', copies: { ...work, paired } };
}

/** Adds originals of copies, and the pairs that hold them. */
export async function bringOriginals(
  store: Store,
  { mailbox, sides }: MailboxRecord,
  { book, copies }: Loaded,
  keys: readonly MessageKey[],
): Promise<void> {
  if (copies === undefined) return;
  const target = copies.copiesTo;
  const source = otherSide(target);
  const names = keys.flatMap(key => copies.paired.get(key) ?? []);
  const pairs = [...(await store.getMany('pair', mailbox, names)).values()];
  const rowsOf = async (side: SideName, wanted: readonly MessageKey[]) =>
    sides[side] === undefined ? [] : ((await store.getMany(side, mailbox, wanted)).values() as Iterable<Row>);
  const originals = await rowsOf(source, keys);
  const partners = await rowsOf(target, keysOf(pairs, target));
  book.fill(pairs, { [source]: originals, [target]: partners } as Record<SideName, Iterable<Row>>);
}

/** So many pairs are compared with their messages at once. */
const PAIRS_AT_ONCE = 1000;

/** Whether each message of a mailbox is in a settled pair of two, read part by part. */
export async function isAllSettled(store: Store, { mailbox, sides }: MailboxRecord): Promise<boolean> {
  const count = await store.count('pair', mailbox);
  for (const side of SIDES) if ((await store.count(side, mailbox)) !== count) return false;
  const areSettled = async (pairs: readonly Pair[]) => {
    const rows = {
      remote: await store.some('remote', mailbox, keysOf(pairs, 'remote')),
      local: await store.some('local', mailbox, keysOf(pairs, 'local')),
    };
    const at = (side: SideName, { epoch, key }: End) =>
      epoch === sides[side]?.cursor.epoch ? rows[side].get(key) : undefined;
    return pairs.every(pair =>
      isSettled(
        pair,
        bySide(side => at(side, pair[side])),
      ),
    );
  };
  const locals = new Set<MessageKey>();
  let part: Pair[] = [];
  for await (const [, pair] of store.each('pair', mailbox)) {
    part.push(pair);
    locals.add(pair.local.key);
    if (part.length < PAIRS_AT_ONCE) continue;
    if (!(await areSettled(part))) return false;
    part = [];
  }
  return locals.size === count && areSettled(part);
}

function keysOf(pairs: readonly Pair[], side: SideName): MessageKey[] {
  return pairs.map(pair => pair[side].key);
}

function keyIn(name: string, epoch: Epoch | undefined): MessageKey | undefined {
  const start = `${epoch}:`;
  return epoch !== undefined && name.startsWith(start) ? (name.slice(start.length) as MessageKey) : undefined;
}

function emptyBook({ sides }: MailboxRecord): MailboxBook {
  return new MailboxBook(bySide(side => sides[side]?.cursor.epoch));
}
