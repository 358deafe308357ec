import type { Blocked } from '@postern/core/model/view.js';
import type { Finding } from './findings.js';

/** What a repair did. */
export interface Repaired {
  /** Pairs the new state has. */
  readonly pairs: number;
  /** Of these, pairs that were taken over from sound records. */
  readonly salvaged: number;
  /** Messages whose content was read to tell them apart from others. */
  readonly bodiesRead: number;
  /** Where the damaged state is kept; absent where there was none. */
  readonly aside?: string;
}

/** What fsck found. After a repair the findings are what there was before it, and what a person should know now. */
export interface FsckReport {
  readonly findings: readonly Finding[];
  /** Set when the state was rebuilt. */
  readonly repaired?: Repaired;
  readonly blocked: readonly Blocked[];
}

/** The exit status (DESIGN §9): 0 clean or repaired, 3 blocked messages remain, 4 damage found. */
export function exitOf(report: FsckReport): 0 | 3 | 4 {
  const damaged = report.findings.some(({ severity }) => severity === 'error');
  if (damaged && report.repaired === undefined) return 4;
  return report.blocked.length > 0 ? 3 : 0;
}
