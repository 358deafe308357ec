import { PosternError } from '@postern/core/model/error.js';
import { foreignSide } from '@postern/core/state/repository.js';
import { buildingPlace, discardBuilding, putInPlace, resumeSwap } from '@postern/core/state/swap-state.js';
import { Evidence } from './evidence.js';
import { examineSides } from './examine-sides.js';
import { type ExaminedState, examineState } from './examine-state.js';
import { asksForRebuild, FINDINGS, type Finding, finding } from './findings.js';
import { rebuildState } from './rebuild-state.js';
import type { FsckReport } from './report.js';
import type { FsckTarget, RepairOptions } from './target.js';

/**
 * Examines a repository and, where something asks for it, rebuilds the state from both live sides. The damaged state is
 * kept aside, never deleted. No message is uploaded, downloaded or removed, and killed at any point and run again it comes
 * to the same base. Throws `state-version` for a state of another version, and `side-missing` for a side that had mail and
 * is empty.
 */
export async function repairRepository(target: FsckTarget, options: RepairOptions = {}): Promise<FsckReport> {
  const resumed = await resumeSwap(target);
  const state = await examineState(target);
  refuseNewer(state.findings);
  const findings = [...state.findings];
  if (resumed) findings.push(finding('repair-resumed', 'the rebuilt state was put in its place'));
  if (!asksForRebuild(findings)) {
    const sides = await examineSides(target, state.evidence, options);
    findings.push(...sides.findings);
    if (!asksForRebuild(findings)) return { findings, blocked: sides.blocked };
  }
  const evidence = await evidenceOf(target, state);
  try {
    const rebuilt = await rebuildState(target, buildingPlace(target.stateDirectory), evidence, options);
    const { blocked, pairs, salvaged, bodiesRead } = rebuilt;
    const aside = await putInPlace(target);
    return {
      findings: together(findings, rebuilt.findings),
      repaired: { pairs, salvaged, bodiesRead, ...(aside === undefined ? {} : { aside }) },
      blocked,
    };
  } catch (error) {
    await discardBuilding(target).catch(() => undefined);
    throw error;
  }
}

function refuseNewer(findings: readonly Finding[]): void {
  const newer = findings.find(({ id }) => id === 'state-version' || id === 'record-version');
  if (newer === undefined) return;
  throw new PosternError('state-version', newer.detail, {
    hint: 'use the postern that wrote it, or a newer one; nothing was changed',
  });
}

/** What the old state can tell. One that is not ours tells nothing. */
async function evidenceOf(target: FsckTarget, state: ExaminedState): Promise<Evidence> {
  const { evidence, findings } = state.opened ? state : await examineState(target, 'mended');
  refuseNewer(findings);
  const { owner } = evidence;
  if (owner === undefined) return evidence;
  const ours = owner.repository === target.id && foreignSide(owner, target.sides) === undefined;
  return ours ? evidence : new Evidence();
}

/** What led to the repair, and what there is to know after it. */
function together(before: readonly Finding[], after: readonly Finding[]): Finding[] {
  const kept = before.filter(({ id }) => FINDINGS[id].rebuild || id === 'repair-resumed');
  const name = ({ id, mailbox, key, detail }: Finding) => JSON.stringify([id, mailbox, key, detail]);
  const known = new Set(kept.map(name));
  return [...kept, ...after.filter(found => !known.has(name(found)))];
}
