import type { Action } from '../model/action.js';
import { otherSide } from '../model/by-side.js';
import { targetOf } from './copy-target.js';
import type { Desk } from './desk.js';
import { type Report, skipped } from './judgement.js';
import type { Whereabouts } from './whereabouts.js';

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

/**
 * A conflict's message is copied again because it is gone there; one that turned up in another mailbox since is not gone. Nor
 * is a message new there that came with an apply that was cut short, and was moved on since, or that somebody put there.
 */
export async function withoutMoved(
  desk: Desk,
  copies: readonly Action[],
  { report, elsewhere }: { readonly report: Report; readonly elsewhere: Whereabouts },
): Promise<Action[]> {
  const still: Action[] = [];
  for (const action of copies) {
    const doubt = await doubtAbout(desk, action, elsewhere);
    if (doubt === undefined) still.push(action);
    else report(action, skipped(`${doubt}: plan again, with all mailboxes`));
  }
  return still;
}

async function doubtAbout(desk: Desk, action: Action, elsewhere: Whereabouts): Promise<string | undefined> {
  const target = targetOf(action);
  const old = action[target];
  if (old === undefined) {
    const end = action[otherSide(target)];
    const row = end && desk.row(otherSide(target), end);
    return row && elsewhere.alsoIn(target, row.identity, desk.mailbox);
  }
  const pair = desk.pairAt(target, old);
  const gone = pair !== undefined && desk.row(target, pair[target]) === undefined;
  return gone ? elsewhere.movedTo(target, pair.identity.digest, desk.mailbox) : undefined;
}
