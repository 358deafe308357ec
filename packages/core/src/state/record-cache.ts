import { compareText } from '../model/mailbox.js';
import { partitionKey } from './keys.js';
import type { Kind, RecordKinds } from './records.js';

/** The kinds that are asked for again and again: one record a message, each under a key in ASCII, and one a mailbox. */
const KEPT: ReadonlySet<Kind> = new Set<Kind>(['pair', 'remote', 'local', 'mailbox']);

/** About 20 MB of rows and pairs. */
const MOST_RECORDS = 1 << 15;

/** So many changes of a partition are kept, however small it is. */
const FEW_NEWS = 64;

type Records<T> = ReadonlyMap<string, T>;

interface Kept {
  records: Records<unknown>;
  /** What was written since, by key; undefined: it is gone. */
  readonly news: Map<string, unknown>;
}

/**
 * Whole partitions as they were read from the database and as they were changed since: a command looks at a mailbox several
 * times, and decodes it once. Holds what was used last, and no partition of messages of which a good part changed.
 */
export class RecordCache {
  /** In the order of their last use. */
  readonly #partitions = new Map<string, Kept>();
  #records = 0;

  /** One record of a partition that is kept as a whole; its value is undefined where there is no such record. */
  one<K extends Kind>(
    kind: K,
    mailbox: string,
    key: string,
  ): { readonly value: RecordKinds[K] | undefined } | undefined {
    const kept = this.#use(kind, mailbox);
    if (kept === undefined) return undefined;
    const value = kept.news.has(key) ? kept.news.get(key) : kept.records.get(key);
    return { value: value as RecordKinds[K] | undefined };
  }

  all<K extends Kind>(kind: K, mailbox: string): Records<RecordKinds[K]> | undefined {
    const kept = this.#use(kind, mailbox);
    if (kept === undefined) return undefined;
    if (kept.news.size > 0) {
      const before = kept.records.size;
      kept.records = withNews(kept.records, kept.news);
      kept.news.clear();
      this.#records += kept.records.size - before;
    }
    return kept.records as Records<RecordKinds[K]>;
  }

  /** Notes what a partition holds. The map is everybody's from now on: nobody changes it. */
  keep<K extends Kind>(kind: K, mailbox: string, records: Records<RecordKinds[K]>): void {
    if (!KEPT.has(kind) || records.size > MOST_RECORDS) return;
    const name = partitionKey(kind, mailbox);
    this.#forget(name);
    this.#partitions.set(name, { records, news: new Map() });
    this.#records += records.size;
    for (const oldest of this.#partitions.keys()) {
      if (this.#records <= MOST_RECORDS) return;
      this.#forget(oldest);
    }
  }

  has(kind: Kind, mailbox: string): boolean {
    return this.#partitions.has(partitionKey(kind, mailbox));
  }

  /** Notes what a batch did to a partition: new values by key, undefined for a record that is gone. */
  note(kind: Kind, mailbox: string, news: Iterable<readonly [key: string, value: unknown]>): void {
    const name = partitionKey(kind, mailbox);
    const kept = this.#partitions.get(name);
    if (kept === undefined) return;
    let isKnown = true;
    for (const [key, value] of news) {
      isKnown &&= value === undefined || kept.records.has(key);
      kept.news.set(key, value);
    }
    const isMuch = kept.news.size > FEW_NEWS + kept.records.size / 4;
    // There are few mailboxes, and each is written several times; their names are in an order of their own.
    if (kind === 'mailbox' ? !isKnown : isMuch) this.#forget(name);
  }

  forget(kind: Kind, mailbox: string): void {
    this.#forget(partitionKey(kind, mailbox));
  }

  forgetAll(): void {
    this.#partitions.clear();
    this.#records = 0;
  }

  #use(kind: Kind, mailbox: string): Kept | undefined {
    const name = partitionKey(kind, mailbox);
    const kept = this.#partitions.get(name);
    if (kept === undefined) return undefined;
    this.#partitions.delete(name);
    this.#partitions.set(name, kept);
    return kept;
  }

  #forget(name: string): void {
    this.#records -= this.#partitions.get(name)?.records.size ?? 0;
    this.#partitions.delete(name);
  }
}

/** A new map: the old one is in others' hands. Keys stay in their order. */
function withNews(records: Records<unknown>, news: Kept['news']): Records<unknown> {
  const next = new Map(records);
  let isSorted = true;
  for (const [key, value] of news) {
    if (value === undefined) next.delete(key);
    else {
      isSorted &&= next.has(key);
      next.set(key, value);
    }
  }
  return isSorted ? next : new Map([...next].sort(([a], [b]) => compareText(a, b)));
}
