import { damaged } from './damage.js';
import { type Hash64, ZERO_HASH } from './hash.js';
import { describePartition, parseSealKey, partitionKey, ROOT_KEY, SEAL_RANGE, sealKey } from './keys.js';
import { type AnyLevel, ENCODING, type Operation, walk } from './level.js';
import type { Kind } from './records.js';
import {
  decodeRoot,
  decodeSeal,
  EMPTY_TALLY,
  encodeRoot,
  encodeSeal,
  type Root,
  type Seal,
  sameTally,
  type Tally,
  withHash,
  withoutHash,
} from './seal.js';

interface Leaf {
  readonly kind: Kind;
  readonly mailbox: string;
  readonly seal: Seal;
  readonly hash: Hash64;
}

/** New tallies of partitions that a batch changes. */
export interface Retally {
  readonly kind: Kind;
  readonly mailbox: string;
  readonly tally: Tally;
}

/** What a batch does to the seals: operations to write along, and `commit` for when they are written. */
export interface SealChange {
  readonly operations: readonly Operation[];
  readonly commit: () => void;
}

/**
 * All seals of a database, in memory, as they are on disk. A partition without records has no seal, and the root covers
 * all seals: so a missing seal is either right or noticed at `load`.
 */
export class SealBook {
  readonly #leaves = new Map<string, Leaf>();
  #root: Root;

  private constructor(root: Root) {
    this.#root = root;
  }

  get id(): string {
    return this.#root.id;
  }

  /** Batches written since the database was made. */
  get generation(): number {
    return this.#root.generation;
  }

  /** The seals of a new database, and what to write for them. */
  static first(id: string): { readonly book: SealBook; readonly operation: Operation } {
    const root: Root = { count: 0, sum: ZERO_HASH, generation: 0, id };
    const operation: Operation = { type: 'put', key: ROOT_KEY, value: encodeRoot(root).bytes };
    return { book: new SealBook(root), operation };
  }

  /** Reads all seals. Throws `state-damaged` when one is missing, damaged or too many. */
  static async load(level: AnyLevel): Promise<SealBook> {
    const stored = (await level.get<string, Buffer>(ROOT_KEY, ENCODING)) as Buffer | undefined;
    if (stored === undefined) throw damaged('the seal of the whole database is missing');
    const book = new SealBook(decodeRoot(stored));
    let found: Tally = EMPTY_TALLY;
    await walk(level, SEAL_RANGE, (key, value) => {
      const partition = parseSealKey(key);
      if (partition === undefined) throw damaged(`unknown seal ${JSON.stringify(key)}`);
      const { seal, hash } = decodeSeal(key, value);
      found = withHash(found, hash);
      book.#leaves.set(partitionKey(partition.kind, partition.mailbox), { ...partition, seal, hash });
    });
    if (!sameTally(found, book.#root)) {
      throw damaged(`${found.count} seals are there, and not the ${book.#root.count} that were written`);
    }
    return book;
  }

  /** What a partition must hold. */
  tally(kind: Kind, mailbox: string): Tally {
    return this.#leaves.get(partitionKey(kind, mailbox))?.seal ?? EMPTY_TALLY;
  }

  /** The partitions of a kind that hold records, in no order. */
  partitions(kind: Kind): string[] {
    return [...this.#leaves.values()].filter(leaf => leaf.kind === kind).map(leaf => leaf.mailbox);
  }

  /** Throws `state-damaged` when a partition does not hold what it must. */
  check(kind: Kind, mailbox: string, found: Tally): void {
    const due = this.tally(kind, mailbox);
    if (sameTally(found, due)) return;
    const what = describePartition({ kind, mailbox });
    throw damaged(
      found.count === due.count
        ? `${what} are not the ones that were written`
        : `${found.count} of ${what} are there, and not the ${due.count} that were written`,
    );
  }

  /** The same of their number alone. */
  checkCount(kind: Kind, mailbox: string, found: number): void {
    const due = this.tally(kind, mailbox);
    this.check(kind, mailbox, { ...due, count: found });
  }

  change(retallies: readonly Retally[]): SealChange {
    const generation = this.#root.generation + 1;
    const operations: Operation[] = [];
    const leaves: (readonly [string, Leaf | undefined])[] = [];
    let total: Tally = this.#root;
    for (const { kind, mailbox, tally } of retallies) {
      const name = partitionKey(kind, mailbox);
      const key = sealKey(kind, mailbox);
      const old = this.#leaves.get(name);
      if (old !== undefined) total = withoutHash(total, old.hash);
      if (tally.count === 0 && sameTally(tally, EMPTY_TALLY)) {
        if (old !== undefined) operations.push({ type: 'del', key });
        leaves.push([name, undefined]);
      } else {
        const seal: Seal = { ...tally, generation };
        const { bytes, hash } = encodeSeal(key, seal);
        total = withHash(total, hash);
        operations.push({ type: 'put', key, value: bytes });
        leaves.push([name, { kind, mailbox, seal, hash }]);
      }
    }
    const root: Root = { count: total.count, sum: total.sum, generation, id: this.#root.id };
    operations.push({ type: 'put', key: ROOT_KEY, value: encodeRoot(root).bytes });
    return { operations, commit: () => this.#commit(root, leaves) };
  }

  #commit(root: Root, leaves: readonly (readonly [string, Leaf | undefined])[]): void {
    this.#root = root;
    for (const [name, leaf] of leaves) {
      if (leaf === undefined) this.#leaves.delete(name);
      else this.#leaves.set(name, leaf);
    }
  }
}
