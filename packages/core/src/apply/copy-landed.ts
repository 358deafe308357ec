import type { Action } from '../model/action.js';
import { otherSide, type SideName } from '../model/by-side.js';
import { bug } from '../model/error.js';
import { isCopy } from '../model/is-copy.js';
import type { Row } from '../model/row.js';
import { inBatches } from './batches.js';
import { targetOf } from './copy-target.js';
import { type CopyJob, copyWithin } from './copy-within.js';
import { checkCopy } from './copying.js';
import type { Desk } from './desk.js';
import type { Report } from './judgement.js';
import type { LandedMessages } from './landed.js';
import { endOf } from './pairing.js';

/**
 * Carries out those `download` or `upload` lines whose message this run has brought to another mailbox already: it is
 * copied from there. Returns the lines that are left: their bytes have to travel, or they cannot be carried out.
 */
export async function copyLanded(
  desk: Desk,
  actions: readonly Action[],
  { report, landed }: { readonly report: Report; readonly landed: LandedMessages },
): Promise<readonly Action[]> {
  const shared = actions.filter(action => landed.find(action).length > 0);
  const made = new Set<Action>();
  for (const batch of inBatches(shared)) {
    const jobs: CopyJob[] = [];
    for (const action of batch) {
      const job = checkCopy(desk, action) === undefined ? await jobOf(desk, action, landed) : undefined;
      if (job !== undefined) jobs.push(job);
    }
    if (jobs.length === 0) continue;
    const on = targetOf(batch[0] ?? bug('an empty batch'));
    for (const [action, refusal] of await copyWithin(desk, on, jobs)) {
      if (refusal !== undefined) continue;
      made.add(action);
      report(action);
    }
  }
  return made.size === 0 ? actions : actions.filter(action => !made.has(action));
}

async function jobOf(desk: Desk, action: Action, landed: LandedMessages): Promise<CopyJob | undefined> {
  const on = targetOf(action);
  const partner = desk.row(otherSide(on), endOf(action, otherSide(on))) ?? bug('a copy without its source');
  const { store } = desk.repository;
  for (const { mailbox, epoch, key, size, date, serverId, sole } of landed.find(action)) {
    const original = await store.get(on, mailbox, key);
    if (original === undefined) continue;
    const identity = { ...original.identity, digest: partner.identity.digest, size };
    const there = { identity, date, ...(serverId === undefined ? {} : { serverId }) };
    if (!isCopy(there, partner, () => sole && isSole(desk, otherSide(on), partner))) continue;
    return { action, from: { mailbox, epoch }, original, partner };
  }
  return undefined;
}

function isSole(desk: Desk, side: SideName, row: Row): boolean {
  return desk.countLike(side, row.identity.digest) === 1;
}
