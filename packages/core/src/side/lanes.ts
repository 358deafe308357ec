import { type BySide, bySide, SIDES, type SideName } from '../model/by-side.js';
import type { Side } from './side.js';

/** Fewer jobs than this for each lane are not worth another connection. */
const JOBS_A_LANE = 2;

/**
 * Both sides several times over, so that work in different mailboxes goes on at the same time: one waits for a server or a
 * disk while another does not. What is opened stays open until `close`.
 */
export class Lanes {
  /** By lane; the first is the repository's own. */
  readonly #opened: BySide<Side[]>;
  /** How many there can be at most. */
  #most: number;

  constructor(sides: BySide<Side>, most: number) {
    this.#opened = bySide(side => [sides[side]]);
    this.#most = most;
  }

  /**
   * Does every job, several at a time, in the order of the list; `uses` says which sides the work needs. Once a job failed no
   * other begins, and the first failure is thrown when those under way have ended.
   */
  async each<T>(
    jobs: readonly T[],
    uses: readonly SideName[],
    work: (sides: BySide<Side>, job: T) => Promise<void>,
  ): Promise<void> {
    const left = [...jobs];
    const failures: unknown[] = [];
    const run = async (lane: number): Promise<void> => {
      try {
        const sides = lane === 0 ? this.#sides(0) : await this.#open(lane, uses);
        while (sides !== undefined && failures.length === 0) {
          const job = left.shift();
          if (job === undefined) return;
          await work(sides, job);
        }
      } catch (error) {
        failures.push(error);
      }
    };
    const count = Math.max(1, Math.min(this.#most, Math.floor(jobs.length / JOBS_A_LANE)));
    await Promise.all(Array.from({ length: count }, (_, lane) => run(lane)));
    if (failures.length > 0) throw failures[0];
  }

  /** Closes what was opened here. */
  async close(): Promise<void> {
    for (const side of SIDES) for (const one of this.#opened[side].splice(1)) await one.close();
  }

  /** The sides of a lane; undefined where there cannot be one more. */
  async #open(lane: number, uses: readonly SideName[]): Promise<BySide<Side> | undefined> {
    for (const side of uses) {
      if (this.#opened[side][lane] !== undefined) continue;
      const another = await this.#opened[side][0]!.another();
      if (another === undefined) {
        this.#most = Math.min(this.#most, lane);
        return undefined;
      }
      this.#opened[side][lane] = another;
    }
    return this.#sides(lane);
  }

  #sides(lane: number): BySide<Side> {
    return bySide(side => this.#opened[side][lane] ?? this.#opened[side][0]!);
  }
}
