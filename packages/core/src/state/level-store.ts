import type { Seam } from '../model/effect.js';
import { bug, PosternError } from '../model/error.js';
import { compareText } from '../model/mailbox.js';
import { type Decoded, decodeRecord, peekRecord } from './codec.js';
import { damaged } from './damage.js';
import { type Draft, draftsOf } from './drafts.js';
import { verifyFrame } from './frame.js';
import { type Hash64, sameHash } from './hash.js';
import { describePartition, partitionKey, partitionRange } from './keys.js';
import { type AnyLevel, compact, entriesOf, keysOf, type Operation, writeBatch } from './level.js';
import { guarded, refusal, stateError, stateWriteError } from './level-errors.js';
import { RecordCache } from './record-cache.js';
import { RecordReader } from './record-reader.js';
import type { Kind, RecordKinds } from './records.js';
import { EMPTY_TALLY, sameTally, type Tally, withHash, withoutHash } from './seal.js';
import { type Retally, SealBook } from './seal-book.js';
import { tallyOf } from './sealed-walk.js';
import type { Change, Store } from './store.js';

export interface StoreOptions {
  readonly seam: Seam;
}

/** A partition that is kept as a whole where it is read record by record: about 5 MB of them. */
const FEW_RECORDS = 1 << 13;

/**
 * A store on any abstract-level database. Calls may overlap and are done in the order they came. After a failed write
 * it refuses to write again: what LevelDB's log holds then is known only after opening it anew (SAFETY §3.9).
 */
export class LevelStore implements Store {
  readonly #level: AnyLevel;
  readonly #seam: Seam;
  readonly #seals: SealBook;
  /** Partitions that were read as a whole and fitted their seals: for them a missing key is proven to be missing. */
  readonly #proven = new Set<string>();
  /** This process alone writes to the database while it is open. */
  readonly #cache = new RecordCache();
  readonly #records: RecordReader;
  readonly #editions = new Map<string, number>();
  #turn: Promise<unknown> = Promise.resolve();
  #unsynced = false;
  #closed = false;
  #writeFault: PosternError | undefined;

  private constructor(level: AnyLevel, seals: SealBook, { seam }: StoreOptions) {
    this.#level = level;
    this.#records = new RecordReader(level);
    this.#seals = seals;
    this.#seam = seam;
  }

  /** Makes an empty database a state, durably. `id` is its identity for life. */
  static async create(level: AnyLevel, options: StoreOptions & { readonly id: string }): Promise<LevelStore> {
    return guarded('it cannot be created', async () => {
      if ((await keysOf(level, {})).length > 0) throw damaged('a new database holds something already');
      const { book, operation } = SealBook.first(options.id);
      const effect = { surface: 'db', name: 'batch', target: 'a new database' } as const;
      await options.seam.run(effect, () => writeBatch(level, [operation], { sync: true }));
      return new LevelStore(level, book, options);
    });
  }

  /** Opens what `create` made; throws `state-damaged` when the seals do not fit together. */
  static async open(level: AnyLevel, options: StoreOptions): Promise<LevelStore> {
    return guarded('its seals cannot be read', async () => {
      return new LevelStore(level, await SealBook.load(level), options);
    });
  }

  get id(): string {
    return this.#seals.id;
  }

  /** Batches written since the database was made. */
  get generation(): number {
    return this.#seals.generation;
  }

  get<K extends Kind>(kind: K, mailbox: string, key: string): Promise<RecordKinds[K] | undefined> {
    return this.#inTurn(`a ${kind} record cannot be read`, async () => {
      const kept = this.#cache.one(kind, mailbox, key);
      if (kept !== undefined) return kept.value;
      const record = await this.#records.one(kind, mailbox, key);
      if (record === undefined) await this.#prove(kind, mailbox);
      return record;
    });
  }

  getMany<K extends Kind>(
    kind: K,
    mailbox: string,
    keys: Iterable<string>,
  ): Promise<ReadonlyMap<string, RecordKinds[K]>> {
    return this.#inTurn(`${kind} records cannot be read`, async () => {
      const wanted = [...keys];
      const records = await this.#records.some(kind, mailbox, wanted);
      if (wanted.some(key => !records.has(key))) await this.#prove(kind, mailbox);
      return records;
    });
  }

  some<K extends Kind>(
    kind: K,
    mailbox: string,
    keys: Iterable<string>,
  ): Promise<ReadonlyMap<string, RecordKinds[K]>> {
    return this.#inTurn(`${kind} records cannot be read`, () => this.#records.some(kind, mailbox, [...keys]));
  }

  keys(kind: Kind, mailbox: string): Promise<readonly string[]> {
    return this.#inTurn(`${describePartition({ kind, mailbox })} cannot be listed`, async () => {
      const range = partitionRange(kind, mailbox);
      const names = await keysOf(this.#level, range);
      this.#seals.checkCount(kind, mailbox, names.length);
      return names.map(name => name.slice(range.gte.length));
    });
  }

  glimpses<T>(kind: Kind, mailbox: string, peek: (payload: Buffer) => T): Promise<ReadonlyMap<string, T>> {
    return this.#inTurn(`${describePartition({ kind, mailbox })} cannot be read`, async () => {
      return this.#readAll(kind, mailbox, (name, bytes) => peekRecord(name, bytes, peek));
    });
  }

  all<K extends Kind>(kind: K, mailbox: string): Promise<ReadonlyMap<string, RecordKinds[K]>> {
    return this.#inTurn(`${describePartition({ kind, mailbox })} cannot be read`, async () => {
      const kept = this.#cache.all(kind, mailbox);
      if (kept !== undefined) return kept;
      const records = await this.#readAll(kind, mailbox, this.#records.decoder(kind));
      this.#cache.keep(kind, mailbox, records);
      return records;
    });
  }

  async *each<K extends Kind>(
    kind: K,
    mailbox: string,
  ): AsyncGenerator<readonly [key: string, value: RecordKinds[K]]> {
    if ((await this.count(kind, mailbox)) <= FEW_RECORDS) {
      yield* await this.all(kind, mailbox);
      return;
    }
    const range = partitionRange(kind, mailbox);
    let tally: Tally = EMPTY_TALLY;
    try {
      for await (const entries of entriesOf(this.#level, range)) {
        for (const [name, bytes] of entries) {
          const { value, hash } = decodeRecord(kind, name, bytes);
          tally = withHash(tally, hash);
          yield [name.slice(range.gte.length), value];
        }
      }
      this.#checkProven(kind, mailbox, tally);
    } catch (error) {
      throw stateError(error, `${describePartition({ kind, mailbox })} cannot be read`);
    }
  }

  count(kind: Kind, mailbox: string): Promise<number> {
    return this.#inTurn('its records cannot be counted', async () => this.#seals.tally(kind, mailbox).count);
  }

  fingerprint(kind: Kind, mailbox: string): Promise<string> {
    return this.#inTurn('its seals cannot be read', async () => {
      const { count, sum } = this.#seals.tally(kind, mailbox);
      return `${count} ${sum.high} ${sum.low}`;
    });
  }

  edition(kind: Kind, mailbox: string): number {
    return this.#editions.get(partitionKey(kind, mailbox)) ?? 0;
  }

  partitions(kind: Kind): Promise<string[]> {
    return this.#inTurn('its partitions cannot be listed', async () =>
      this.#seals.partitions(kind).sort(compareText),
    );
  }

  write(changes: readonly Change[], { durable }: { readonly durable: boolean }): Promise<void> {
    return this.#inTurn('it cannot be written', async () => {
      if (this.#writeFault !== undefined) throw refusal(this.#writeFault);
      const operations: Operation[] = [];
      const retallies: Retally[] = [];
      const words: string[] = [];
      const drafts = [...draftsOf(changes)];
      for (const draft of drafts) {
        const before = operations.length;
        const tally = await this.#settle(draft, operations);
        const count = operations.length - before;
        if (count === 0 && sameTally(tally, this.#seals.tally(draft.kind, draft.mailbox))) continue;
        retallies.push({ kind: draft.kind, mailbox: draft.mailbox, tally });
        words.push(`${draft.kind} ${draft.mailbox} ${count}`.replace('  ', ' '));
      }
      if (retallies.length === 0 && !(durable && this.#unsynced)) return;
      await this.#commit(operations, retallies, { words, durable });
      for (const draft of drafts) this.#noteWritten(draft);
    });
  }

  /** Lets the database give back the space that old versions of records take. No record changes. */
  compact(): Promise<void> {
    return this.#inTurn('it cannot be compacted', () =>
      this.#seam.run({ surface: 'db', name: 'compact', target: 'all records' }, () => compact(this.#level)),
    );
  }

  /** Ends the store after what was asked before. Closing again does nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    return this.#inTurn('it cannot be closed', async () => {
      this.#closed = true;
      await this.#level.close();
    });
  }

  /** A whole partition, read in one way or another, against its seal. */
  async #readAll<T>(
    kind: Kind,
    mailbox: string,
    read: (name: string, bytes: Buffer) => Decoded<T>,
  ): Promise<Map<string, T>> {
    const found = new Map<string, T>();
    const range = partitionRange(kind, mailbox);
    const tally = await tallyOf(this.#level, range, (name, bytes) => {
      const { value, hash } = read(name, bytes);
      found.set(name.slice(range.gte.length), value);
      return hash;
    });
    this.#checkProven(kind, mailbox, tally);
    return found;
  }

  /** Adds the operations a draft needs and returns the partition's new tally. */
  async #settle(draft: Draft, operations: Operation[]): Promise<Tally> {
    const { kind, mailbox, final } = draft;
    const keys = [...final.keys()];
    let tally = this.#seals.tally(kind, mailbox);
    let old: readonly (Hash64 | undefined)[] = [];
    if (draft.cleared) {
      for (const key of await keysOf(this.#level, partitionRange(kind, mailbox))) {
        if (final.get(key) === undefined) operations.push({ type: 'del', key });
      }
      tally = EMPTY_TALLY;
    } else if (tally.count === 0) {
      await this.#prove(kind, mailbox);
    } else {
      old = await this.#records.hashesOf(keys);
    }
    for (const [index, key] of keys.entries()) {
      const value = final.get(key);
      const was = old[index];
      if (was !== undefined) {
        if (value !== undefined && sameHash(value.hash, was)) continue;
        tally = withoutHash(tally, was);
        if (value === undefined) operations.push({ type: 'del', key });
      }
      if (value !== undefined) {
        tally = withHash(tally, value.hash);
        operations.push({ type: 'put', key, value: value.bytes });
      }
    }
    return tally;
  }

  async #commit(
    operations: Operation[],
    retallies: readonly Retally[],
    { words, durable }: { readonly words: readonly string[]; readonly durable: boolean },
  ): Promise<void> {
    const seals = this.#seals.change(retallies);
    for (const operation of seals.operations) operations.push(operation);
    const target = words.length === 0 ? 'nothing but a sync' : words.join(', ');
    try {
      await this.#seam.run({ surface: 'db', name: 'batch', target }, () =>
        writeBatch(this.#level, operations, { sync: durable }),
      );
    } catch (error) {
      const fault = stateWriteError(error);
      this.#writeFault =
        fault instanceof PosternError
          ? fault
          : new PosternError('failed', 'a write to the state database did not finish', { cause: error });
      this.#cache.forgetAll();
      this.#records.forgetAll();
      throw fault;
    }
    seals.commit();
    this.#unsynced = !durable;
  }

  #noteWritten(draft: Draft): void {
    const { kind, mailbox, cleared, final } = draft;
    this.#records.noteWritten(draft);
    this.#editions.set(partitionKey(kind, mailbox), this.edition(kind, mailbox) + 1);
    if (cleared) this.#cache.forget(kind, mailbox);
    else if (this.#cache.has(kind, mailbox)) {
      const prefix = partitionRange(kind, mailbox).gte.length;
      const news = [...final].map(([key, last]) => [key.slice(prefix), last?.value] as const);
      this.#cache.note(kind, mailbox, news);
    }
  }

  /** Reads a partition against its seal, once. */
  async #prove(kind: Kind, mailbox: string): Promise<void> {
    if (this.#proven.has(partitionKey(kind, mailbox))) return;
    this.#checkProven(kind, mailbox, await tallyOf(this.#level, partitionRange(kind, mailbox), verifyFrame));
  }

  #checkProven(kind: Kind, mailbox: string, tally: Tally): void {
    this.#seals.check(kind, mailbox, tally);
    this.#proven.add(partitionKey(kind, mailbox));
  }

  /** A write that failed may have happened: what does not fit the seals since is no damage. */
  #explained(error: unknown): unknown {
    const fault = this.#writeFault;
    if (fault === undefined || error === fault) return error;
    return error instanceof PosternError && error.code === 'state-damaged' ? refusal(fault) : error;
  }

  #inTurn<T>(otherwise: string, act: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(async () => {
      if (this.#closed) bug('the state database is used after it was closed');
      try {
        return await guarded(otherwise, act);
      } catch (error) {
        throw this.#explained(error);
      }
    });
    this.#turn = mine.catch(() => {});
    return mine;
  }
}
