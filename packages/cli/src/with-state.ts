import { systemClock } from '@postern/core/model/clock.js';
import { openSeam } from '@postern/core/model/effect.js';
import { openStore } from '@postern/core/state/disk-store.js';
import type { LevelStore } from '@postern/core/state/level-store.js';
import { checkOwner } from '@postern/core/state/repository.js';
import { eightDigits, makeSides, type Opening, withLock } from './open-repository.js';

/** Opens the state of a repository, under its lock and checked for its owner, for what neither side is asked for. */
export async function withState<T>(opening: Opening, act: (store: LevelStore) => Promise<T>): Promise<T> {
  const { id, stateDirectory } = opening.config;
  return withLock(opening, async ({ followsDeath }) => {
    const store = await openStore(stateDirectory, { seam: openSeam, thorough: followsDeath });
    try {
      const sides = makeSides(opening);
      await checkOwner({ id, sides, store, clock: systemClock, random: eightDigits });
      return await act(store);
    } finally {
      await store.close();
    }
  });
}
