import type { Action } from '../model/action.js';
import { targetOf } from './copy-target.js';
import type { Desk } from './desk.js';
import { type Report, skipped } from './judgement.js';
import type { MovedTo } from './removing.js';

/** A delivery, move or copy whose earlier outcome is still open is not repeated. */
export function withoutDoubt(
  actions: readonly Action[],
  inDoubt: ReadonlySet<string>,
  report: Report,
): Action[] {
  return actions.filter(action => {
    const comesFrom = action.op === 'download' || action.op.endsWith('-local') ? 'remote' : 'local';
    if (!inDoubt.has(`${action.to ?? action.mailbox}\0${action[comesFrom]?.key}`)) return true;
    report(action, skipped('an earlier delivery of it may still happen: run it again in ten minutes'));
    return false;
  });
}

/** A conflict's message is copied again because it is gone there; one that turned up in another mailbox since is not gone. */
export async function withoutMoved(
  desk: Desk,
  copies: readonly Action[],
  { report, movedTo }: { readonly report: Report; readonly movedTo: MovedTo },
): Promise<Action[]> {
  const still: Action[] = [];
  for (const action of copies) {
    const target = targetOf(action);
    const old = action[target];
    const pair = old && desk.pairAt(target, old);
    const gone = pair !== undefined && desk.row(target, pair[target]) === undefined;
    const doubt = gone ? await movedTo(target, pair.identity.digest, desk.mailbox) : undefined;
    if (doubt === undefined) still.push(action);
    else report(action, skipped(`${doubt}: plan again`));
  }
  return still;
}
