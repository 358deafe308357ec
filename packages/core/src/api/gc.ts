import type { SideName } from '../model/by-side.js';
import type { Attic, AtticEntry } from '../side/attic.js';
import type { Leftovers } from '../side/leftovers.js';
import { databaseSize, type KeptState, keptStates } from '../state/state-files.js';
import type { Store } from '../state/store.js';

const DAY = 86_400_000;
/** maildir(5): a file in `tmp` that nobody touched for so long is not on its way any more. */
export const LEFTOVER_AGE = 36 * 3_600_000;
/** Operations the log keeps. */
const LOG_KEPT = 1000;
const AT_ONCE = 500;

/** What a side has to clean up, where it is a Maildir. */
export interface StoreRoom {
  readonly side: SideName;
  readonly attic: Attic;
  readonly leftovers: Leftovers;
}

export interface GcTarget {
  readonly rooms: readonly StoreRoom[];
  readonly store: Store & { compact(): Promise<void> };
  readonly stateDirectory: string;
}

export interface GcOptions {
  /** How long the attic keeps what was removed. */
  readonly days: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Look, and change nothing. */
  readonly dryRun?: boolean;
}

export interface Freed {
  readonly files: number;
  /** Octets on disk. */
  readonly size: number;
}

export interface GcReport {
  readonly dryRun: boolean;
  readonly days: number;
  /** Messages that left the attic, or would. */
  readonly attic: Freed;
  /** Messages that stay there. */
  readonly kept: Freed;
  /** Files that left `tmp`, or would. */
  readonly leftovers: Freed;
  /** Operations that left the log, or would. */
  readonly log: number;
  /** Octets the database takes. */
  readonly database: { readonly before: number; readonly after: number };
  /** Damaged states older than the days: a person decides about them. */
  readonly damagedStates: readonly KeptState[];
}

/**
 * Empties the attic of what is older than the days, removes what deliveries left in `tmp`, shortens the log and compacts the
 * database. Each step stands for itself: stopped anywhere, the next run does the rest.
 */
export async function collectGarbage(target: GcTarget, options: GcOptions): Promise<GcReport> {
  const { rooms, store, stateDirectory } = target;
  const { days, now, dryRun = false } = options;
  const attic = new Count();
  const kept = new Count();
  const leftovers = new Count();
  for (const room of rooms) {
    await emptyAttic(room.attic, options, { attic, kept });
    await removeLeftovers(room.leftovers, options, leftovers);
  }
  const log = await shortenLog(store, dryRun);
  const before = await databaseSize(stateDirectory);
  if (!dryRun) await store.compact();
  const after = dryRun ? before : await databaseSize(stateDirectory);
  const damagedStates = (await keptStates(stateDirectory)).filter(({ since }) => since < now - days * DAY);
  return {
    dryRun,
    days,
    attic: attic.freed,
    kept: kept.freed,
    leftovers: leftovers.freed,
    log,
    database: { before, after },
    damagedStates,
  };
}

class Count {
  #files = 0;
  #size = 0;

  get freed(): Freed {
    return { files: this.#files, size: this.#size };
  }

  add({ size }: { readonly size: number }): void {
    this.#files++;
    this.#size += size;
  }
}

async function emptyAttic(
  attic: Attic,
  { days, now, dryRun }: GcOptions,
  counts: { readonly attic: Count; readonly kept: Count },
): Promise<void> {
  let old: AtticEntry[] = [];
  const drop = async () => {
    const gone = dryRun ? old : await attic.drop(old);
    for (const entry of gone) counts.attic.add(entry);
    old = [];
  };
  for await (const entry of attic.list()) {
    if (entry.removed >= now - days * DAY) counts.kept.add(entry);
    else if (old.push(entry) >= AT_ONCE) await drop();
  }
  await drop();
  if (!dryRun) await attic.dropEmpty();
}

async function removeLeftovers(leftovers: Leftovers, options: GcOptions, count: Count): Promise<void> {
  const before = options.now - LEFTOVER_AGE;
  for await (const leftover of leftovers.list(before)) {
    if (options.dryRun || (await leftovers.drop(leftover, before))) count.add(leftover);
  }
}

/** Operation ids begin with their time: the first ones are the oldest. */
async function shortenLog(store: Store, dryRun: boolean): Promise<number> {
  const keys = [...(await store.all('log', '')).keys()];
  const old = keys.slice(0, Math.max(0, keys.length - LOG_KEPT));
  if (!dryRun && old.length > 0) {
    await store.write(
      old.map(key => ({ del: 'log', mailbox: '', key })),
      { durable: true },
    );
  }
  return old.length;
}
