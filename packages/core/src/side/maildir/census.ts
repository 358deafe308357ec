import type { Clock } from '../../model/clock.js';
import { AbsenceProof, NEEDED } from './absence.js';
import { type Found, findFile } from './mail-file.js';
import type { Octets } from './octets.js';
import { type MailDirectories, type Pass, type Spot, takePass } from './scan-pass.js';

const MOST_PASSES = 6;
const LOOK_AGAIN = 3;

type HandleEnd = 'settled' | 'vanished';

/** Does what is to be done with what lies under a base name; at once where nothing has to be waited for. */
type Handle = (base: Octets, found: Exclude<Found, { kind: 'vanished' }>) => HandleEnd | Promise<HandleEnd>;

/** With when it began; milliseconds since the epoch. */
export interface TimedPass {
  readonly pass: Pass;
  readonly at: number;
}

export interface CensusOptions {
  readonly directories: MailDirectories;
  readonly clock: Clock;
  /** Base names whose absence has to be proven. */
  readonly wanted: Iterable<Octets>;
  /** Other files that are looked for as well: all, or those with these base names. */
  readonly others?: 'all' | ReadonlySet<Octets>;
  /** A pass over these and the wanted ones, just taken. */
  readonly first?: TimedPass | undefined;
  /** Another one that stands for as many as a proof needs: the directories are as they were then. */
  readonly sure?: TimedPass | undefined;
  /** How many of the (at least two) passes that prove an absence must have met unchanged directories. */
  readonly stableNeeded: 1 | 2;
}

/**
 * Which files a mailbox has, under the rules for evidence: directories that change are read again (a bounded number of
 * times, then what any pass saw counts as present), and a wanted file is gone only when that is proven.
 */
export class Census {
  readonly #directories: MailDirectories;
  readonly #clock: Clock;
  readonly #proof: AbsenceProof;
  readonly #only: ReadonlySet<Octets> | undefined;
  readonly #spots = new Map<Octets, readonly Spot[]>();
  #last: TimedPass | undefined;
  #evidence: TimedPass | undefined;

  private constructor(options: CensusOptions) {
    this.#directories = options.directories;
    this.#clock = options.clock;
    const wanted = new Set(options.wanted);
    this.#proof = new AbsenceProof(wanted, options.stableNeeded);
    const { others = [] } = options;
    this.#only = others === 'all' ? undefined : new Set([...wanted, ...others]);
  }

  static async take(options: CensusOptions): Promise<Census> {
    const census = new Census(options);
    const { sure } = options;
    if (sure !== undefined) {
      for (let pass = 0; pass < NEEDED; pass++) census.#note(sure);
      census.#evidence = sure;
      return census;
    }
    for (let passes = 1; passes <= MOST_PASSES; passes++) {
      if (passes === 1 && options.first !== undefined) census.#note(options.first);
      else census.#pass();
      if (census.#last !== undefined && census.#proof.settled) break;
      if (census.#last === undefined) await options.clock.sleep(5);
    }
    census.#evidence = census.#last;
    return census;
  }

  /** Base names and where they were last seen. */
  get spots(): ReadonlyMap<Octets, readonly Spot[]> {
    return this.#spots;
  }

  /**
   * The pass all files were met in and when it began; undefined when the directories never stood still. Whatever happens
   * after it, while the files are read, shows in the directories' stamps.
   */
  get evidence(): TimedPass | undefined {
    return this.#evidence;
  }

  isGone(base: Octets): boolean {
    return this.#proof.isGone(base);
  }

  /** What lies under a base name now; `vanished` when no pass saw it or it is gone from where it was seen. */
  find(base: Octets): Found {
    return findFile(this.#directories, this.#spots.get(base) ?? []);
  }

  /**
   * Handles what lies under each base name; those that vanished (renamed meanwhile, as a rule) are looked up anew, three
   * times at most. Returns what was not found in the end.
   */
  async settle(bases: Iterable<Octets>, handle: Handle): Promise<readonly Octets[]> {
    let open = await this.#handleEach(bases, handle);
    for (let round = 0; round < LOOK_AGAIN && open.some(base => !this.isGone(base)); round++) {
      this.#pass();
      open = await this.#handleEach(open, handle);
    }
    return open;
  }

  async #handleEach(bases: Iterable<Octets>, handle: Handle): Promise<Octets[]> {
    const vanished: Octets[] = [];
    for (const base of bases) {
      const found = this.find(base);
      if (found.kind === 'vanished') {
        vanished.push(base);
        continue;
      }
      const end = handle(base, found);
      if ((typeof end === 'string' ? end : await end) === 'vanished') vanished.push(base);
    }
    return vanished;
  }

  #pass(): void {
    const at = this.#clock.now();
    this.#note({ pass: takePass(this.#directories, this.#only), at });
  }

  #note({ pass, at }: TimedPass): void {
    if (pass.stable) this.#spots.clear();
    for (const [base, spots] of pass.spots) this.#spots.set(base, spots);
    this.#last = pass.stable ? { pass, at } : undefined;
    this.#proof.note(pass);
  }
}
