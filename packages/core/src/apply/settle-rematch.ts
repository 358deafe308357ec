import { adoptedFlags } from '../model/agreed-flags.js';
import { SIDES } from '../model/by-side.js';
import { sameFlags } from '../model/flags.js';
import { isEdited } from '../model/pair.js';
import type { Desk } from './desk.js';

/**
 * Ends a rematch round (DESIGN §5): pairs that still stand keep only what both ends have in flags, every other pair is
 * dissolved, in the batch that raises the generation. No later round deletes for the sake of a pair that went missing.
 * A mailbox that is on one side only waits until it is on both again; one that is on neither has nothing left to match.
 */
export async function settleRematch(desk: Desk): Promise<void> {
  if (desk.record.rematch === undefined || SIDES.filter(side => desk.has(side)).length === 1) return;
  await desk.begin();
  for (const pair of [...desk.pairs()]) {
    const remote = desk.row('remote', pair.remote);
    const local = desk.row('local', pair.local);
    const inDoubt =
      desk.isUnreadable('local', pair.local.key) || desk.isUnreadable('remote', pair.remote.key);
    if (remote === undefined || local === undefined) {
      if (
        !inDoubt ||
        pair.remote.epoch !== desk.epoch('remote') ||
        pair.local.epoch !== desk.epoch('local')
      ) {
        desk.dropPair(pair);
      }
      continue;
    }
    if (isEdited(pair, 'remote', remote) || isEdited(pair, 'local', local)) {
      desk.dropPair(pair);
      continue;
    }
    const flags = adoptedFlags({ remote: remote.flags, local: local.flags }, desk.permanent());
    if (!sameFlags(flags, pair.flags)) desk.putPair({ ...pair, flags });
  }
  desk.settleRematch();
}
