import type { BySide } from './by-side.js';
import { canStore, type Flags, flagsFrom, hasFlag, type PermanentFlags } from './flags.js';

/**
 * The flags of a base record after a look at both sides: where they agree, what they agree on; where they differ, what
 * base had; and of a flag that one side cannot store, what the other has.
 */
export function agreedFlags(base: Flags, now: BySide<Flags>, permanent: BySide<PermanentFlags>): Flags {
  return flagsFrom([...base, ...now.remote, ...now.local]).filter(flag => {
    const remote = hasFlag(now.remote, flag);
    const local = hasFlag(now.local, flag);
    if (!canStore(permanent.local, flag)) return remote;
    if (!canStore(permanent.remote, flag)) return local;
    return remote === local ? remote : hasFlag(base, flag);
  });
}

/**
 * The flags of a new base record for two messages that were never paired: what both have, so that the merge brings both to
 * the union. \Deleted is the exception: it is recorded when either has it, so that the merge takes it back; nothing is
 * expunged by another client because two copies met.
 */
export function adoptedFlags(now: BySide<Flags>, permanent: BySide<PermanentFlags>): Flags {
  const either = hasFlag(now.remote, '\\Deleted') || hasFlag(now.local, '\\Deleted');
  return agreedFlags(either ? ['\\Deleted'] : [], now, permanent);
}
