import { examineSides } from './examine-sides.js';
import { examineState } from './examine-state.js';
import type { FsckReport } from './report.js';
import type { CheckOptions, FsckTarget } from './target.js';

/**
 * Examines a repository and reports. Writes nothing: no octet on either side, in the state, or anywhere but in a temporary
 * directory that is gone again (I18). Damage is reported, never thrown; throws where a side as a whole is not there.
 */
export async function checkRepository(target: FsckTarget, options: CheckOptions = {}): Promise<FsckReport> {
  const state = await examineState(target);
  const sides = await examineSides(target, state.evidence, options);
  return { findings: [...state.findings, ...sides.findings], blocked: sides.blocked };
}
