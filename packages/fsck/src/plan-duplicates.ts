import { type Action, noteOf } from '@postern/core/model/action.js';
import type { Pair } from '@postern/core/model/pair.js';
import { actionId } from '@postern/core/plan/action-id.js';
import { sortActions } from '@postern/core/plan/build-plan.js';
import type { DuplicateGroup } from './find-duplicates.js';

/**
 * The lines that would leave one copy of each message: local deletions that name what they keep. Their remote ends go with the
 * next plan. Apply reads both copies on both sides first; what is not equal there stays.
 */
export function planDuplicates(groups: Iterable<DuplicateGroup>, repository: string): Action[] {
  const actions: Action[] = [];
  for (const { mailbox, by, copies } of groups) {
    const [kept, ...others] = copies;
    if (by !== 'content' || kept?.pair === undefined) continue;
    for (const { row, pair, stays } of others) {
      if (pair === undefined || stays !== undefined) continue;
      const line: Omit<Action, 'id'> = {
        op: 'delete-local',
        mailbox,
        ...endsOf(pair),
        message: noteOf(pair.identity, row.envelope),
        keep: endsOf(kept.pair),
        why: 'there twice: the other one stays',
      };
      actions.push({ id: actionId(repository, line), ...line });
    }
  }
  return sortActions(actions);
}

function endsOf({ remote, local }: Pair): Pick<Pair, 'remote' | 'local'> {
  return { remote, local };
}
