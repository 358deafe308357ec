import type { Action } from '../model/action.js';
import { otherSide, type SideName } from '../model/by-side.js';
import { loadRecord } from '../observe/load-view.js';
import { observeMailbox } from '../observe/observe-mailbox.js';
import type { Repository } from '../state/repository.js';
import { already, type Refusal, type Report, skipped } from './judgement.js';

export async function checkCreate(repository: Repository, action: Action): Promise<Refusal | undefined> {
  const on = sideOf(action);
  const record = await loadRecord(repository.store, action.mailbox);
  if (record.sides[on] !== undefined) return already(`it is on the ${on} side`);
  if (record.sides[otherSide(on)] === undefined)
    return skipped(`it is not on the ${otherSide(on)} side (any more)`);
  return undefined;
}

/** Runs one `create-mailbox-*` line; "exists already" is success (RFC 4549 §5.1). */
export async function runCreate(repository: Repository, action: Action, report: Report): Promise<void> {
  const refusal = await checkCreate(repository, action);
  if (refusal !== undefined) {
    report(action, refusal);
    return;
  }
  const on = sideOf(action);
  const result = await repository.sides[on].createMailbox(action.mailbox);
  await observeMailbox(repository, on, action.mailbox);
  report(action, result === 'already' ? already(`it is on the ${on} side`) : undefined);
}

function sideOf(action: Action): SideName {
  return action.op === 'create-mailbox-local' ? 'local' : 'remote';
}
