import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSeam } from '@postern/core/model/effect.js';
import { createStore, openLevel, openStore, statePaths } from '@postern/core/state/disk-store.js';
import type { AnyLevel } from '@postern/core/state/level.js';
import { LevelStore } from '@postern/core/state/level-store.js';
import { MemoryLevel } from 'memory-level';
import { describeStore } from './store.js';

describeStore('memory-level', async () => {
  const level = new MemoryLevel<string, string>() as unknown as AnyLevel;
  let made = false;
  return {
    async open(seam = openSeam) {
      await level.open();
      if (made) return LevelStore.open(level, { seam });
      made = true;
      return LevelStore.create(level, { seam, id: '0'.repeat(32) });
    },
    async tamper(act) {
      await level.open();
      await act(level);
    },
    dispose: () => level.close(),
  };
});

describeStore('the disk', async () => {
  const home = await mkdtemp(join(tmpdir(), 'postern-store-'));
  const directory = join(home, 'state');
  let made = false;
  return {
    async open(seam = openSeam) {
      if (made) return openStore(directory, { seam });
      made = true;
      return createStore(directory, { seam });
    },
    async tamper(act) {
      const level = await openLevel(statePaths(directory).level, {
        createIfMissing: false,
        errorIfExists: false,
      });
      await act(level);
      await level.close();
    },
    dispose: () => rm(home, { recursive: true }),
  };
});
