import type { Seam } from '../model/effect.js';
import { type ErrorCode, PosternError } from '../model/error.js';
import { damagedLogs, damagedTables } from './check-files.js';
import { decodeRecord } from './codec.js';
import { readDatabaseId } from './database-id.js';
import { openLevel, statePaths } from './disk-store.js';
import {
  describeKey,
  describePartition,
  parseRecordKey,
  parseSealKey,
  partitionKey,
  ROOT_KEY,
} from './keys.js';
import { type AnyLevel, ENCODING } from './level.js';
import { copyLevel } from './raw-copy.js';
import type { Kind } from './records.js';
import {
  decodeRoot,
  decodeSeal,
  EMPTY_TALLY,
  type Root,
  type Seal,
  sameTally,
  type Tally,
  withHash,
} from './seal.js';
import { entriesIn } from './table-file.js';

/**
 * One entry as it was found. `value` is there only when checksum, version and shape are right. A seal that cannot be used
 * has no key; what is neither record nor seal of a partition has no kind.
 */
export interface RawEntry {
  readonly kind?: Kind;
  readonly mailbox?: string;
  readonly key?: string;
  readonly value?: unknown;
  /** Why it cannot be used, one sentence. */
  readonly fault?: string;
  /** With a fault: `state-version` for a sound entry that another version of postern wrote, else `state-damaged`. */
  readonly code?: ErrorCode;
}

/**
 * What a fault of the state as a whole is about: `id` db.id, `files` a file that cannot be read, `tables` a table that does not
 * fit its checksums or a log that repeats itself (LevelDB is not asked to open them), `open` the database cannot be opened,
 * `entries` not all entries can be read, `root` the seal of seals, `foreign` db.id and the database do not belong together.
 */
export type RawFaultKind = 'id' | 'files' | 'tables' | 'open' | 'entries' | 'root' | 'foreign';

export interface RawFault {
  readonly kind: RawFaultKind;
  /** One sentence. */
  readonly reason: string;
  readonly code?: ErrorCode;
}

/** A partition by its seal or by records that were found. */
export interface RawPartition {
  readonly kind: Kind;
  readonly mailbox: string;
  readonly seal?: Seal;
  /** What verified. */
  readonly found: Tally;
  /** Why the partition as a whole cannot be trusted; absent when the seal fits. */
  readonly fault?: string;
}

export interface RawReport {
  /** The identity in `db.id`, and the one inside the database; absent where unreadable. */
  readonly id?: string;
  readonly databaseId?: string;
  /** Batches written, as the root says. */
  readonly generation?: number;
  readonly partitions: readonly RawPartition[];
  /** What is wrong apart from single entries and partitions. */
  readonly faults: readonly RawFault[];
}

export interface RawOptions {
  /** The state directory, intact or damaged. */
  readonly directory: string;
  readonly seam: Seam;
  /**
   * Let LevelDB repair its files first (in a copy). It brings back what has lost its MANIFEST or CURRENT, and also keys
   * that were deleted: what is read so is a hint, never a base.
   */
  readonly repair?: boolean;
  readonly visit: (entry: RawEntry) => void | Promise<void>;
}

/**
 * Reads everything that can be read from a state directory and trusts nothing. Works on a private copy: not an octet of
 * the state changes. The caller holds the repository's lock. Damage is reported, never thrown.
 */
export async function readRaw({ directory, seam, repair = false, visit }: RawOptions): Promise<RawReport> {
  const paths = statePaths(directory);
  const survey = new Survey(visit, { mended: repair });
  const id = await survey.attempt('id', 'db.id', () => readDatabaseId(paths.id));
  if (id === undefined) survey.note('id', 'db.id is missing or unusable');
  const copy = await copyLevel(paths.level, seam);
  try {
    for (const reason of copy.faults) survey.note('files', reason);
    const tables = await damagedTables(copy.directory);
    const logs = await damagedLogs(copy.directory);
    for (const { fault } of [...tables, ...logs]) survey.note('tables', fault);
    // LevelDB may take the whole process down with such a file: it never sees one.
    for (const { name } of tables) await copy.drop(name);
    for (const { name, sound } of logs) await copy.cut(name, sound);
    if ((tables.length === 0 && logs.length === 0) || repair) {
      const level = await survey.attempt('open', 'the database', () => openCopy(copy.directory, repair));
      if (level !== undefined) {
        try {
          await survey.run(level);
        } finally {
          await level.close();
        }
      }
    }
    if (repair) await survey.rescue(tables.flatMap(({ blocks }) => blocks));
  } finally {
    await copy.remove();
  }
  return survey.report(id);
}

/** Reads everything in a database that is open, and trusts nothing; `id` is what `db.id` says. */
export async function surveyLevel(
  level: AnyLevel,
  { id, visit }: { readonly id: string; readonly visit: RawOptions['visit'] },
): Promise<RawReport> {
  const survey = new Survey(visit, { mended: false });
  await survey.run(level);
  return survey.report(id);
}

/** classic-level has it; the types of `level` do not say so, because browsers have not. */
interface Repairer {
  repair(directory: string): Promise<void>;
}

async function openCopy(directory: string, repair: boolean): Promise<AnyLevel> {
  if (repair) {
    const { Level } = await import('level');
    await (Level as unknown as Repairer).repair(directory);
  }
  return openLevel(directory, { createIfMissing: false, errorIfExists: false });
}

/** Collects what a pass over all entries finds. */
class Survey {
  readonly #faults: RawFault[] = [];
  readonly #visit: RawOptions['visit'];
  readonly #seals = new Map<string, Seal>();
  readonly #found = new Map<string, { readonly kind: Kind; readonly mailbox: string; tally: Tally }>();
  readonly #faulty = new Set<string>();
  readonly #mended: boolean;
  /** Keys that were handed over, in a mended database. */
  readonly #visited = new Set<string>();
  #rootSeen = false;
  #sound: string | undefined;
  #sealed: Tally = EMPTY_TALLY;
  #root: Root | undefined;

  constructor(visit: RawOptions['visit'], { mended }: { readonly mended: boolean }) {
    this.#visit = visit;
    this.#mended = mended;
  }

  note(kind: RawFaultKind, reason: string, code?: ErrorCode): void {
    this.#faults.push({ kind, reason, ...(code === undefined ? {} : { code }) });
  }

  async attempt<T>(kind: RawFaultKind, what: string, act: () => Promise<T>): Promise<T | undefined> {
    try {
      return await act();
    } catch (error) {
      this.note(kind, `${what}: ${lastWords(error)}`, error instanceof PosternError ? error.code : undefined);
      return undefined;
    }
  }

  /**
   * LevelDB passes over blocks it cannot read and says so at the very end, when classic-level drops the entries it has
   * not handed over yet: these are fetched again one at a time.
   */
  async run(level: AnyLevel): Promise<void> {
    const failure = await this.#pass(level, 1000);
    if (failure === undefined) return;
    this.note('entries', `not all entries can be read: ${lastWords(failure)}`);
    await this.#pass(level, 1);
  }

  /** Takes what comes after the last sound entry; returns the error that ended it. */
  async #pass(level: AnyLevel, chunk: number): Promise<unknown> {
    const after = this.#sound === undefined ? {} : { gt: this.#sound };
    const iterator = level.iterator<string, Buffer>({ ...ENCODING, ...after });
    try {
      for (;;) {
        let entries: [string, Buffer][];
        try {
          entries = await iterator.nextv(chunk);
        } catch (error) {
          return error;
        }
        if (entries.length === 0) return undefined;
        for (const [key, bytes] of entries) {
          if (this.#faulty.has(key)) continue;
          const entry = this.#judge(key, bytes);
          if (entry?.fault === undefined) this.#sound = key;
          else this.#faulty.add(key);
          if (entry !== undefined) await this.#take(key, entry);
        }
      }
    } finally {
      await iterator.close();
    }
  }

  async #take(key: string, entry: RawEntry): Promise<void> {
    if (this.#mended) this.#visited.add(key);
    await this.#visit(entry);
  }

  /** Takes what is in single blocks and nowhere else. Of several versions of a record the first one counts. */
  async rescue(blocks: readonly Buffer[]): Promise<void> {
    for (const block of blocks) {
      for (const { key, value } of entriesIn(block)) {
        const name = key.toString();
        if (value === undefined || this.#visited.has(name)) continue;
        const entry = this.#judge(name, value);
        if (entry !== undefined) await this.#take(name, entry);
      }
    }
  }

  report(id: string | undefined): RawReport {
    const root = this.#root;
    if (root === undefined && !this.#rootSeen) this.note('root', 'the seal of the whole database is missing');
    else if (root !== undefined && !sameTally(root, this.#sealed)) {
      this.note('root', `${this.#sealed.count} seals are there, and not the ${root.count} that were written`);
    }
    if (root !== undefined && id !== undefined && root.id !== id) {
      this.note('foreign', 'the database is not the one that db.id names');
    }
    const partitions = [...this.#found].map(([name, { kind, mailbox, tally }]): RawPartition => {
      const seal = this.#seals.get(name);
      const what = describePartition({ kind, mailbox });
      const fault =
        seal === undefined
          ? `${what} have no seal`
          : sameTally(seal, tally)
            ? undefined
            : `${tally.count} of ${what} verify, and ${seal.count} were written`;
      return {
        kind,
        mailbox,
        found: tally,
        ...(seal === undefined ? {} : { seal }),
        ...(fault === undefined ? {} : { fault }),
      };
    });
    return {
      ...(id === undefined ? {} : { id }),
      ...(root === undefined ? {} : { databaseId: root.id, generation: root.generation }),
      partitions,
      faults: this.#faults,
    };
  }

  /** What an entry is; undefined for a seal that verifies. */
  #judge(key: string, bytes: Buffer): RawEntry | undefined {
    const record = parseRecordKey(key);
    try {
      if (record === undefined) return this.#judgeSeal(key, bytes);
      const { value, hash } = decodeRecord(record.kind, key, bytes);
      const partition = this.#partition(record.kind, record.mailbox);
      partition.tally = withHash(partition.tally, hash);
      return { ...record, value };
    } catch (error) {
      if (!(error instanceof PosternError)) throw error;
      return { ...(record ?? parseSealKey(key)), fault: error.message, code: error.code };
    }
  }

  #judgeSeal(key: string, bytes: Buffer): RawEntry | undefined {
    if (key === ROOT_KEY) {
      this.#rootSeen = true;
      this.#root = decodeRoot(bytes);
      return undefined;
    }
    const partition = parseSealKey(key);
    if (partition === undefined)
      return { fault: `${describeKey(key)} is not one of postern's`, code: 'state-damaged' };
    const { seal, hash } = decodeSeal(key, bytes);
    this.#partition(partition.kind, partition.mailbox);
    this.#seals.set(partitionKey(partition.kind, partition.mailbox), seal);
    this.#sealed = withHash(this.#sealed, hash);
    return undefined;
  }

  #partition(kind: Kind, mailbox: string): { tally: Tally } {
    const name = partitionKey(kind, mailbox);
    const known = this.#found.get(name) ?? { kind, mailbox, tally: EMPTY_TALLY };
    this.#found.set(name, known);
    return known;
  }
}

function lastWords(error: unknown): string {
  let link = error as Error;
  while (!(link instanceof PosternError) && link.cause instanceof Error) link = link.cause;
  return link.message;
}
