import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ApplyOptions, type ApplyReport, applyActions } from '@postern/core/api/apply.js';
import { fetchRemote } from '@postern/core/api/fetch.js';
import { makePlan, type Plan, type PlanOptions } from '@postern/core/api/plan.js';
import { type SyncOptions, type SyncReport, sync } from '@postern/core/api/sync.js';
import type { Action } from '@postern/core/model/action.js';
import type { Clock } from '@postern/core/model/clock.js';
import { openSeam, type Seam } from '@postern/core/model/effect.js';
import { identityOf } from '@postern/core/model/identity.js';
import { MaildirSide } from '@postern/core/side/maildir/maildir-side.js';
import { createMaildir } from '@postern/core/side/maildir/make-mailbox.js';
import type { AnyLevel } from '@postern/core/state/level.js';
import { LevelStore } from '@postern/core/state/level-store.js';
import { initState, type Repository } from '@postern/core/state/repository.js';
import type { Store } from '@postern/core/state/store.js';
import { hookedSide } from '../support/hooked-side.js';
import { MemorySide } from '../support/memory-side.js';
import { MemoryWorld } from '../support/memory-world.js';
import { PowerLevel } from '../support/power-level.js';
import { TestClock } from '../support/rig.js';
import { MaildirAccount } from './maildir-account.js';
import { MemoryAccount } from './memory-stage.js';
import type { Stage } from './stage.js';

/** In memory where the system has such a place: what a file system promises is the same there, and soon done. */
const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** What goes on in a run, in order: an effect, a call of a side's port, or a pass of a scan over a mailbox. */
export type Tick = (what: string) => void;

/**
 * A real Maildir, a server and a database in memory: everything that a disk does is real, and the whole can be cloned. Every
 * call opens it anew, as a process of its own would.
 */
export class MaildirStage implements Stage {
  readonly repository = '6f0c1d9e-0000-4000-8000-00000d15cbad';
  readonly world: MemoryWorld;
  readonly remote: MemoryAccount;
  readonly local: MaildirAccount;
  readonly clock = new TestClock();
  /** Told of everything that goes on, while it is set. */
  tick: Tick | undefined;
  readonly #directory: string;
  #level: PowerLevel;
  #counter = 0;

  private constructor(directory: string, world: MemoryWorld, level: PowerLevel) {
    this.#directory = directory;
    this.#level = level;
    this.world = world;
    this.remote = new MemoryAccount(world);
    this.local = new MaildirAccount(this.root);
  }

  static async create(): Promise<MaildirStage> {
    const directory = mkdtempSync(join(PLACE, 'postern-stage-'));
    const stage = new MaildirStage(directory, new MemoryWorld('uid'), new PowerLevel());
    mkdirSync(join(stage.root, '.postern', 'attic'), { recursive: true });
    await createMaildir(stage.root, 'maildir++');
    const level = stage.#level as unknown as AnyLevel;
    const store = await LevelStore.create(level, { seam: openSeam, id: stage.repository });
    await initState(stage.#with(store, openSeam));
    return stage;
  }

  /** An equal stage that goes its own way from here on. */
  async clone(): Promise<MaildirStage> {
    const directory = mkdtempSync(join(PLACE, 'postern-stage-'));
    execFileSync('cp', ['-a', this.root, directory]);
    const level = new PowerLevel();
    const entries = await this.#level.iterator().all();
    await level.batch(
      entries.map(([key, value]) => ({ type: 'put' as const, key, value })),
      { sync: true } as object,
    );
    const copy = new MaildirStage(directory, this.world.clone(), level);
    copy.clock.pass(this.clock.now() - copy.clock.now());
    copy.#counter = this.#counter;
    return copy;
  }

  /** A machine that stops takes back what the database wrote since it last synced; here the files all stay. */
  loseUnsynced(): Promise<void> {
    return this.#level.powerCut();
  }

  end(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** The Maildir. */
  get root(): string {
    return join(this.#directory, 'Mail');
  }

  async attic(): Promise<readonly string[]> {
    const attic = join(this.root, '.postern', 'attic');
    return readdirSync(attic).flatMap(operation =>
      readdirSync(join(attic, operation)).map(
        name => identityOf(readFileSync(join(attic, operation, name))).identity.content!,
      ),
    );
  }

  bodies(): number {
    return this.world.traffic.read + this.world.traffic.delivered;
  }

  plan(options: PlanOptions = {}, seam?: Seam): Promise<Plan> {
    return this.#run(async repository => {
      await fetchRemote(repository);
      return makePlan(repository, options);
    }, seam);
  }

  apply(actions: readonly Action[], options: ApplyOptions = {}, seam?: Seam): Promise<ApplyReport> {
    return this.#run(repository => applyActions(repository, actions, options), seam);
  }

  sync(options: SyncOptions = {}, seam?: Seam): Promise<SyncReport> {
    return this.#run(repository => sync(repository, options), seam);
  }

  withStore<T>(work: (store: Store, repository: Repository) => Promise<T>): Promise<T> {
    return this.#run(repository => work(repository.store, repository));
  }

  async event(on: string, verb: string): Promise<boolean> {
    if (on !== 'clock') return false;
    this.clock.pass(Number(verb) * 60_000);
    return true;
  }

  async #run<T>(work: (repository: Repository) => Promise<T>, seam: Seam = openSeam): Promise<T> {
    const level = this.#level as unknown as AnyLevel;
    const ticking = this.#ticking(seam);
    return work(this.#with(await LevelStore.open(level, { seam: ticking }), ticking));
  }

  #with(store: LevelStore, seam: Seam): Repository {
    const random = () => (++this.#counter).toString(16).padStart(8, '0');
    const local = new MaildirSide({
      root: this.root,
      layout: 'maildir++',
      repository: this.repository,
      position: 'local',
      seam,
      clock: this.#passClock(),
      random: () => random().repeat(2),
    });
    const remote = new MemorySide(this.world, { seam });
    const sides = {
      remote: hookedSide(remote, call => this.tick?.(`remote.${call}`)),
      local: hookedSide(local, call => this.tick?.(`local.${call}`)),
    };
    return { id: this.repository, sides, store, clock: this.clock, random };
  }

  /** A Maildir's clock has to be the one its file system has; nobody waits for it. Each pass of a scan looks at it first. */
  #passClock(): Clock {
    const now = () => {
      this.tick?.('pass');
      return Date.now();
    };
    return { now, sleep: async () => undefined };
  }

  #ticking(seam: Seam): Seam {
    const tick = (name: string, target: string) => this.tick?.(`${name} ${target}`);
    return {
      run: (effect, act) => {
        tick(effect.name, effect.target);
        return seam.run(effect, act);
      },
      runSync: (effect, act) => {
        tick(effect.name, effect.target);
        return seam.runSync(effect, act);
      },
    };
  }
}
