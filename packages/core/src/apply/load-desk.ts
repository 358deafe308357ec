import { bySide, otherSide, type SideName } from '../model/by-side.js';
import { endName } from '../model/pair.js';
import type { MessageKey, Row } from '../model/row.js';
import { pairedEnds, recallLeft, unpairedKeys } from '../observe/paired-ends.js';
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
  /** Where it is `unpaired`: what for. */
  readonly copies?: CopyWork & Originals;
}

/** What is known of where originals are in pairs. */
interface Originals {
  /** The names of the pairs that originals of this work are in. */
  readonly paired: ReadonlyMap<MessageKey, string>;
  /** All of their side that are in no pair, where pairs are not found by their keys. Kept by whoever makes pairs. */
  readonly unpaired?: Set<MessageKey>;
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
  const { copiesTo: target } = work;
  const book = emptyBook(record);
  const unpaired = await unpairedKeys(store, record, target);
  const rows = (await store.getMany(target, record.mailbox, unpaired)) as ReadonlyMap<MessageKey, Row>;
  book.fill([], { remote: [], local: [], [target]: rows.values() });
  const originals = await (target === 'local' ? originalsThere : originalsHere)(store, record, work);
  return { book, extent: 'unpaired', copies: { ...work, ...originals } };
}

/** Of the remote: pairs go by the names of their remote ends. Hardly ever an original is in one. */
async function originalsThere(
  store: Store,
  { mailbox, sides }: MailboxRecord,
  { ends }: CopyWork,
): Promise<Originals> {
  const epoch = sides.remote?.cursor.epoch;
  const paired = new Map<MessageKey, string>();
  if (epoch === undefined) return { paired };
  const names = [...ends.remote].map(key => endName({ epoch, key }));
  for (const [name, { remote }] of await store.getMany('pair', mailbox, names)) paired.set(remote.key, name);
  return { paired };
}

async function originalsHere(store: Store, record: MailboxRecord, { ends }: CopyWork): Promise<Originals> {
  const { mailbox } = record;
  const unpaired =
    recallLeft(store, mailbox)?.originals ?? new Set(await unpairedKeys(store, record, 'local'));
  const paired = new Map<MessageKey, string>();
  if ([...ends.local].every(key => unpaired.has(key))) return { paired, unpaired };
  for (const [name, { key }] of await pairedEnds(store, mailbox))
    if (ends.local.has(key)) paired.set(key, name);
  return { paired, unpaired };
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
  const partners = await rowsOf(
    target,
    pairs.map(pair => pair[target].key),
  );
  book.fill(pairs, { [source]: originals, [target]: partners } as Record<SideName, Iterable<Row>>);
}

function emptyBook({ sides }: MailboxRecord): MailboxBook {
  return new MailboxBook(bySide(side => sides[side]?.cursor.epoch));
}
