import type { Action } from '../model/action.js';
import type { PosternError } from '../model/error.js';
import type { Outcome, Result } from '../model/outcome.js';
import type { Problem } from '../model/row.js';
import type { Unseen } from '../observe/observe-side.js';
import type { Progress } from '../state/repository.js';
import type { BrakeReport } from './brakes.js';

export interface ApplyOptions {
  /** Check everything, do nothing. */
  readonly dryRun?: boolean;
  /** Allow this many deletions, whatever the brakes say. */
  readonly maxDelete?: number;
  /** Deletions an earlier round of the same command has carried out: the brakes count them too. */
  readonly deletedBefore?: readonly Action[];
  /** Go on although a side is empty or not the one we knew. */
  readonly allowEmpty?: boolean;
  /** What this very process saw of the remote just now: it is not observed once more. */
  readonly fetched?: Unseen;
  /** The same of the local side, where the apply goes on with what one before it began. */
  readonly scanned?: Unseen;
  readonly onOutcome?: (outcome: Outcome) => void;
  readonly progress?: Progress;
}

export interface ApplyReport {
  readonly operation: string;
  readonly counts: Readonly<Record<Result, number>>;
  /** Brakes that held deletions back. */
  readonly brakes: readonly BrakeReport[];
  readonly problems: readonly Problem[];
  /** What ended the run before every action had its turn. */
  readonly stopped?: PosternError;
}

/** The exit status of an apply (DESIGN §9): a brake wins over skipped and failed actions. */
export function exitOf(report: ApplyReport): 0 | 3 | 6 {
  if (report.counts.held > 0) return 6;
  return report.counts.skipped + report.counts.failed > 0 ? 3 : 0;
}
