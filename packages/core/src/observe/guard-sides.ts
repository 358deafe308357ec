import { SIDES } from '../model/by-side.js';
import { PosternError } from '../model/error.js';
import type { Repository } from '../state/repository.js';
import type { Observation } from './observe-side.js';

/**
 * Refuses to go on when a whole side is empty, or not the one we knew, although base has mail (an unmounted disk, a server
 * that answers with an empty account). Nothing is concluded from such a side.
 */
export async function guardSides(
  repository: Repository,
  observations: readonly Observation[],
  allowEmpty: boolean | undefined,
): Promise<void> {
  if (allowEmpty || (await repository.store.partitions('pair')).length === 0) return;
  const records = [...(await repository.store.all('mailbox', '')).values()];
  for (const side of SIDES) {
    const { address } = repository.sides[side];
    if (observations.some(observation => observation.side === side && observation.stranger)) {
      throw new PosternError(
        'side-missing',
        `no mailbox of ${address} has its witness any more: this is not the mail we knew`,
        {
          hint: 'if it was restored from a backup, match it anew with --allow-empty: nothing is deleted in that round',
        },
      );
    }
    // What an apply delivered since the last look counts: rows are kept in step, cursors are not.
    const empty = (await repository.store.partitions(side)).length === 0;
    const unreadable = records.some(record => Object.keys(record.sides[side]?.unreadable ?? {}).length > 0);
    if (empty && !unreadable) {
      throw new PosternError('side-missing', `${address} is empty, but base has mail: nothing is done`, {
        hint: 'is the disk mounted, and the account the right one? if it really was emptied, use --allow-empty',
      });
    }
  }
}
