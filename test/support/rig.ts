import { type ApplyOptions, type ApplyReport, applyActions } from '@postern/core/api/apply.js';
import { fetchRemote } from '@postern/core/api/fetch.js';
import { makePlan, type Plan, type PlanOptions } from '@postern/core/api/plan.js';
import { type SyncOptions, type SyncReport, sync } from '@postern/core/api/sync.js';
import type { Policy } from '@postern/core/merge/policy.js';
import type { Action } from '@postern/core/model/action.js';
import type { Clock } from '@postern/core/model/clock.js';
import { openSeam, type Seam } from '@postern/core/model/effect.js';
import { applyScope } from '@postern/core/observe/apply-scope.js';
import { Lanes } from '@postern/core/side/lanes.js';
import { Scope, type ScopeRules, WHOLE_ACCOUNT } from '@postern/core/side/scope.js';
import { scopedSides } from '@postern/core/side/scoped-side.js';
import type { Side } from '@postern/core/side/side.js';
import type { AnyLevel } from '@postern/core/state/level.js';
import { LevelStore } from '@postern/core/state/level-store.js';
import { initState, type Repository } from '@postern/core/state/repository.js';
import { rebuildInto } from '@postern/fsck/rebuild-state.js';
import type { FsckReport } from '@postern/fsck/report.js';
import { evidenceIn, fsckOpen, targetOf } from './fsck-open.js';
import { MemorySide, type MemorySideOptions } from './memory-side.js';
import { MemoryWorld } from './memory-world.js';
import { PowerLevel } from './power-level.js';

/** A clock that only moves when somebody sleeps or the test says so. */
export class TestClock implements Clock {
  #now = Date.parse('2026-11-22T05:00:00Z');

  now(): number {
    return this.#now;
  }

  async sleep(milliseconds: number): Promise<void> {
    this.#now += milliseconds;
  }

  pass(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

export interface RigOptions {
  readonly scope?: Partial<ScopeRules>;
  readonly policy?: Policy;
  /** In how many mailboxes at once work goes on; one when absent. */
  readonly lanes?: number;
  readonly remote?: MemorySideOptions;
  readonly local?: MemorySideOptions;
  /** The remote side instead of the one on the memory world, made anew for each call and closed after it. */
  readonly remoteSide?: (seam: Seam, clock: Clock) => Side;
}

const ID = '6f0c1d9e-0000-4000-8000-00000000beef';

/**
 * A repository on two memory worlds and a database in memory. Every call opens it anew, as a process of its own would, so
 * that a test can crash one call (with a seam that throws) and go on with the next.
 */
export class Rig {
  readonly remote: MemoryWorld;
  readonly local: MemoryWorld;
  readonly clock = new TestClock();
  readonly id = ID;
  #options: RigOptions;
  #level: PowerLevel;
  #counter = 0;

  private constructor(options: RigOptions, level: PowerLevel, worlds?: readonly [MemoryWorld, MemoryWorld]) {
    this.#options = options;
    this.#level = level;
    this.remote = worlds?.[0] ?? new MemoryWorld('uid');
    this.local = worlds?.[1] ?? new MemoryWorld('file');
  }

  static async create(options: RigOptions = {}): Promise<Rig> {
    const rig = new Rig(options, new PowerLevel());
    await rig.#create();
    return rig;
  }

  async #create(): Promise<void> {
    const store = await LevelStore.create(this.#level as unknown as AnyLevel, { seam: openSeam, id: ID });
    await initState(this.#repository(store, openSeam));
  }

  /** An equal rig that goes its own way from here on. */
  async clone(): Promise<Rig> {
    const copy = new Rig(this.#options, new PowerLevel(), [this.remote.clone(), this.local.clone()]);
    await copy.restoreState(await this.saveState());
    copy.clock.pass(this.clock.now() - copy.clock.now());
    copy.#counter = this.#counter;
    return copy;
  }

  async saveState(): Promise<readonly (readonly [Buffer, Buffer])[]> {
    return this.#level.iterator().all();
  }

  /** Puts an older database back, as a restored backup does. */
  async restoreState(entries: readonly (readonly [Buffer, Buffer])[]): Promise<void> {
    this.#level = new PowerLevel();
    const puts = entries.map(([key, value]) => ({ type: 'put' as const, key, value }));
    await this.#level.batch(puts, { sync: true } as object);
  }

  /** Throws the database away and makes an empty one. */
  async loseState(): Promise<void> {
    this.#level = new PowerLevel();
    await this.#create();
  }

  /** What a power cut leaves: files in synced directories, database writes up to the last durable one. */
  async powerCut(): Promise<void> {
    this.local.powerCut();
    this.remote.powerCut();
    await this.#level.powerCut();
  }

  /** Another scope or policy from the next call on, as if the configuration had been edited. */
  configure(options: Pick<RigOptions, 'scope' | 'policy'>): void {
    this.#options = { ...this.#options, ...options };
  }

  #repository(store: LevelStore, seam: Seam): Repository {
    const scope = new Scope({ ...WHOLE_ACCOUNT, ...this.#options.scope });
    const { policy, lanes } = this.#options;
    const sides = {
      remote:
        this.#options.remoteSide?.(seam, this.clock) ??
        new MemorySide(this.remote, { ...this.#options.remote, seam }),
      local: new MemorySide(this.local, { ...this.#options.local, seam }),
    };
    const scoped = scopedSides(sides, scope);
    return {
      id: ID,
      scope,
      ...(policy === undefined ? {} : { policy }),
      ...(lanes === undefined ? {} : { lanes: new Lanes(scoped, lanes) }),
      sides: scoped,
      store,
      clock: this.clock,
      random: () => (++this.#counter).toString(16).padStart(8, '0'),
    };
  }

  /** Runs one command's worth of work. What a crashed one had in memory is gone; what it had written stays. */
  async run<T>(work: (repository: Repository) => Promise<T>, seam: Seam = openSeam): Promise<T> {
    const store = await LevelStore.open(this.#level as unknown as AnyLevel, { seam });
    const repository = this.#repository(store, seam);
    try {
      await applyScope(repository);
      return await work(repository);
    } finally {
      await repository.sides.remote.close();
    }
  }

  /** What fsck finds. */
  check(): Promise<FsckReport> {
    return this.run(fsckOpen);
  }

  /** Makes the state anew as `fsck --repair` does; when `doubted`, its records are hints only. */
  async rebuild(state: 'whole' | 'doubted'): Promise<void> {
    const evidence = await this.run(({ store }) => evidenceIn(store));
    if (state === 'doubted') evidence.doubt();
    const level = new PowerLevel();
    const store = await LevelStore.create(level as unknown as AnyLevel, { seam: openSeam, id: ID });
    const target = targetOf(this.#repository(store, openSeam));
    await rebuildInto(target, store, evidence, { allowEmpty: true });
    this.#level = level;
  }

  sync(options: SyncOptions = {}, seam?: Seam): Promise<SyncReport> {
    return this.run(repository => sync(repository, options), seam);
  }

  async plan(options: PlanOptions = {}): Promise<Plan> {
    return this.run(async repository => {
      await fetchRemote(repository);
      return makePlan(repository, options);
    });
  }

  apply(actions: readonly Action[], options: ApplyOptions = {}, seam?: Seam): Promise<ApplyReport> {
    return this.run(repository => applyActions(repository, actions, options), seam);
  }
}
