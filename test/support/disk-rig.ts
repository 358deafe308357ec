import { mkdirSync, writeFileSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchRemote } from '@postern/core/api/fetch.js';
import type { StoreRoom } from '@postern/core/api/gc.js';
import { makePlan, type Plan } from '@postern/core/api/plan.js';
import { type SyncReport, sync } from '@postern/core/api/sync.js';
import type { Policy } from '@postern/core/merge/policy.js';
import { openSeam, type Seam } from '@postern/core/model/effect.js';
import type { Pair } from '@postern/core/model/pair.js';
import { createStore, openLevel, openStore, statePaths } from '@postern/core/state/disk-store.js';
import type { AnyLevel } from '@postern/core/state/level.js';
import { checkOwner, initState, type Repository } from '@postern/core/state/repository.js';
import type { Store } from '@postern/core/state/store.js';
import { checkRepository } from '@postern/fsck/check-repository.js';
import { repairRepository } from '@postern/fsck/repair-repository.js';
import type { FsckReport } from '@postern/fsck/report.js';
import type { CheckOptions, FsckTarget, RepairOptions } from '@postern/fsck/target.js';
import { MemorySide, type MemorySideOptions } from './memory-side.js';
import { MemoryWorld } from './memory-world.js';
import { TestClock } from './rig.js';

export interface DiskRigOptions {
  readonly remote?: MemorySideOptions;
  readonly local?: MemorySideOptions;
  readonly policy?: Policy;
  readonly rooms?: readonly StoreRoom[];
}

/** Path inside the state directory -> bytes. */
export type StateFiles = ReadonlyMap<string, Buffer>;

const ID = '6f0c1d9e-0000-4000-8000-00000000d15c';

/** A repository on two memory worlds and a real database in a temporary directory. */
export class DiskRig {
  readonly home: string;
  readonly remote: MemoryWorld;
  readonly local: MemoryWorld;
  readonly clock = new TestClock();
  readonly id = ID;
  readonly #options: DiskRigOptions;
  #counter = 0;

  private constructor(home: string, worlds: readonly [MemoryWorld, MemoryWorld], options: DiskRigOptions) {
    this.home = home;
    [this.remote, this.local] = worlds;
    this.#options = options;
  }

  static async create(options: DiskRigOptions = {}): Promise<DiskRig> {
    const home = await mkdtemp(join(tmpdir(), 'postern-fsck-'));
    const rig = new DiskRig(home, [new MemoryWorld('uid'), new MemoryWorld('file')], options);
    const store = await createStore(rig.stateDirectory, { seam: openSeam });
    await initState(rig.#repository(store));
    await store.close();
    return rig;
  }

  /** The files of the state by their paths inside it, without LOCK (SAFETY §3.9). */
  async stateFiles(): Promise<StateFiles> {
    const files = new Map<string, Buffer>();
    for (const name of (await readdir(this.stateDirectory, { recursive: true })).sort()) {
      const path = join(this.stateDirectory, name);
      if (!name.endsWith('LOCK') && (await stat(path)).isFile()) files.set(name, await readFile(path));
    }
    return files;
  }

  /** An equal rig that goes its own way from here on, its directory included; or with these files for a state. */
  async clone(state?: StateFiles): Promise<DiskRig> {
    const home = await mkdtemp(join(tmpdir(), 'postern-fsck-'));
    if (state === undefined) await cp(this.home, home, { recursive: true });
    else {
      mkdirSync(join(home, 'state', 'level'), { recursive: true });
      for (const [name, bytes] of state) writeFileSync(join(home, 'state', name), bytes);
    }
    const copy = new DiskRig(home, [this.remote.clone(), this.local.clone()], this.#options);
    copy.clock.pass(this.clock.now() - copy.clock.now());
    copy.#counter = this.#counter;
    return copy;
  }

  remove(): Promise<void> {
    return rm(this.home, { recursive: true, force: true });
  }

  get stateDirectory(): string {
    return join(this.home, 'state');
  }

  target(seam: Seam = openSeam): FsckTarget {
    const { id, sides, clock, random } = this.#outside(seam);
    const { policy, rooms } = this.#options;
    return {
      stateDirectory: this.stateDirectory,
      id,
      sides,
      seam,
      clock,
      random,
      ...(policy && { policy }),
      ...(rooms && { rooms }),
    };
  }

  check(options: CheckOptions = {}, seam?: Seam): Promise<FsckReport> {
    return checkRepository(this.target(seam), options);
  }

  repair(options: RepairOptions = {}, seam?: Seam): Promise<FsckReport> {
    return repairRepository(this.target(seam), options);
  }

  /** Runs one command's worth of work on the opened repository. */
  async run<T>(work: (repository: Repository) => Promise<T>, seam: Seam = openSeam): Promise<T> {
    const store = await openStore(this.stateDirectory, { seam });
    try {
      const repository = this.#repository(store, seam);
      await checkOwner(repository);
      return await work(repository);
    } finally {
      await store.close();
    }
  }

  sync(seam?: Seam): Promise<SyncReport> {
    return this.run(repository => sync(repository), seam);
  }

  plan(): Promise<Plan> {
    return this.run(async repository => {
      await fetchRemote(repository);
      return makePlan(repository);
    });
  }

  /** All pairs, by mailbox and remote key. */
  pairs(): Promise<ReadonlyMap<string, Pair>> {
    return this.run(async ({ store }) => {
      const found = new Map<string, Pair>();
      for (const mailbox of await store.partitions('pair')) {
        for (const pair of (await store.all('pair', mailbox)).values())
          found.set(`${mailbox} ${pair.remote.key}`, pair);
      }
      return found;
    });
  }

  /** Changes the database behind the store's back. */
  async tamper<T>(act: (level: AnyLevel) => Promise<T>): Promise<T> {
    const { level: directory } = statePaths(this.stateDirectory);
    const level = await openLevel(directory, { createIfMissing: false, errorIfExists: false });
    try {
      return await act(level);
    } finally {
      await level.close();
    }
  }

  /** Messages that sides were asked for, or took in, so far. */
  traffic() {
    return { remote: { ...this.remote.traffic }, local: { ...this.local.traffic } };
  }

  #repository(store: Store, seam: Seam = openSeam): Repository {
    const { policy } = this.#options;
    return { ...this.#outside(seam), store, ...(policy && { policy }) };
  }

  #outside(seam: Seam) {
    return {
      id: ID,
      sides: {
        remote: new MemorySide(this.remote, { ...this.#options.remote, seam }),
        local: new MemorySide(this.local, { ...this.#options.local, seam }),
      },
      clock: this.clock,
      random: () => (++this.#counter).toString(16).padStart(8, '0'),
    };
  }
}
