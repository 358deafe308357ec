import type { BySide } from '../model/by-side.js';
import {
  canStore,
  type FlagDelta,
  type Flags,
  flagsFrom,
  hasFlag,
  type PermanentFlags,
} from '../model/flags.js';

export interface FlagMerge {
  readonly remote: FlagDelta;
  readonly local: FlagDelta;
}

/**
 * Merges each flag on its own, three-way: the side that changed it since base wins; a flag that one side cannot store is
 * left as it is on both (DESIGN §5, RFC 4549 §4.2.3).
 */
export function mergeFlags(base: Flags, now: BySide<Flags>, permanent: BySide<PermanentFlags>): FlagMerge {
  const deltas = {
    remote: { add: [] as string[], remove: [] as string[] },
    local: { add: [] as string[], remove: [] as string[] },
  };
  for (const flag of flagsFrom([...base, ...now.remote, ...now.local])) {
    if (!canStore(permanent.remote, flag) || !canStore(permanent.local, flag)) continue;
    const remote = hasFlag(now.remote, flag);
    const local = hasFlag(now.local, flag);
    if (remote === local) continue;
    const target = remote === hasFlag(base, flag) ? 'remote' : 'local';
    const wanted = target === 'remote' ? local : remote;
    deltas[target][wanted ? 'add' : 'remove'].push(flag);
  }
  return deltas;
}
