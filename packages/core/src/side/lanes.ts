import { type BySide, bySide, SIDES, type SideName } from '../model/by-side.js';
import type { Side } from './side.js';

/** Fewer jobs than this for each lane are not worth another connection. */
const JOBS_A_LANE = 2;

/**
 * Both sides several times over, so that work in different mailboxes goes on at the same time: one waits for a server or a
 * disk while another does not. What is opened stays open until `close`.
 */
export class Lanes {
  /** The repository's own. */
  readonly #first: BySide<Side>;
  readonly #others = bySide<Side[]>(() => []);
  /** How many there can be at most. */
  #most: number;
  #isClosed = false;

  constructor(sides: BySide<Side>, most: number) {
    this.#first = sides;
    this.#most = most;
  }

  /**
   * Does every job, several at a time, in the order of the list; `uses` says which sides the work needs. Once a job failed no
   * other begins, and the first failure is thrown when those under way have ended. Nobody waits for a connection that has
   * nothing to do any more.
   */
  async each<T>(
    jobs: readonly T[],
    uses: readonly SideName[],
    work: (sides: BySide<Side>, job: T) => Promise<void>,
  ): Promise<void> {
    const left = [...jobs];
    const failures: unknown[] = [];
    const free = bySide(side => [...this.#others[side]]);
    let drained = () => {};
    const empty = new Promise<undefined>(resolve => {
      drained = () => resolve(undefined);
    });
    const run = async (lane: number): Promise<void> => {
      try {
        const opening = lane === 0 ? this.#first : this.#open(free, uses);
        const sides = await Promise.race([opening, empty]);
        while (sides !== undefined && failures.length === 0) {
          const job = left.shift();
          if (left.length === 0) drained();
          if (job === undefined) return;
          await work(sides, job);
        }
      } catch (error) {
        failures.push(error);
        drained();
      }
    };
    const count = Math.max(1, Math.min(this.#most, Math.floor(jobs.length / JOBS_A_LANE)));
    await Promise.all(Array.from({ length: count }, (_, lane) => run(lane)));
    if (failures.length > 0) throw failures[0];
  }

  /** Closes what was opened here. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const all = SIDES.flatMap(side => this.#others[side].splice(0));
    await Promise.all(all.map(one => one.close()));
  }

  /** The sides of one more lane: free ones, else new ones; undefined where there can be none. */
  async #open(free: BySide<Side[]>, uses: readonly SideName[]): Promise<BySide<Side> | undefined> {
    const sides: Partial<Record<SideName, Side>> = {};
    for (const side of uses) {
      const one = free[side].shift() ?? (await this.#another(side));
      if (one === undefined) return undefined;
      sides[side] = one;
    }
    return { ...this.#first, ...sides };
  }

  async #another(side: SideName): Promise<Side | undefined> {
    const another = await this.#first[side].another();
    if (another === undefined) this.#most = this.#others[side].length + 1;
    else if (this.#isClosed) await another.close();
    else {
      this.#others[side].push(another);
      return another;
    }
    return undefined;
  }
}
