import type { Op } from './action.js';

/** What became of one action. `held` is a deletion that a brake keeps back. */
export type Result = 'done' | 'already' | 'skipped' | 'failed' | 'held';

export interface Outcome {
  readonly id: string;
  readonly op: Op;
  readonly mailbox: string;
  readonly result: Result;
  /** One sentence; absent for `done`. */
  readonly reason?: string;
}
