import { randomBytes } from 'node:crypto';
import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { sync } from '@postern/core/api/sync.js';
import type { Clock } from '@postern/core/model/clock.js';
import { openSeam } from '@postern/core/model/effect.js';
import type { AnyLevel } from '@postern/core/state/level.js';
import { LevelStore } from '@postern/core/state/level-store.js';
import { initState, type Repository } from '@postern/core/state/repository.js';
import { MemoryLevel } from 'memory-level';
import { describe, expect, it } from 'vitest';
import { watchedStore } from '../../support/watched-store.js';
import { fileBytes, TemporaryMaildir } from '../maildir/temporary-maildir.js';

/** Well ahead of the file system's clock, so that nothing is too close to the last scan. */
const clock: Clock = { now: () => Date.now() + 60_000, sleep: async () => {} };
const ID = '0123456789abcdef0123';

class World {
  readonly local: TemporaryMaildir;
  readonly remote: TemporaryMaildir;
  readonly repository: Repository;
  /** Partitions of rows that were read, as `local INBOX`. */
  readonly read: string[];

  private constructor(
    maildirs: readonly [TemporaryMaildir, TemporaryMaildir],
    repository: Repository,
    read: string[],
  ) {
    [this.local, this.remote] = maildirs;
    this.repository = repository;
    this.read = read;
  }

  static async make(): Promise<World> {
    const local = await TemporaryMaildir.make();
    const remote = await TemporaryMaildir.make();
    const level = new MemoryLevel<string, string>() as unknown as AnyLevel;
    const inner = await LevelStore.create(level, { seam: openSeam, id: ID });
    const read: string[] = [];
    const store = watchedStore(inner, (kind, _size, mailbox) => {
      if (['pair', 'local', 'remote'].includes(kind)) read.push(`${kind} ${mailbox}`);
    });
    const sides = { local: local.side({ clock }), remote: remote.side({ clock, position: 'remote' }) };
    const random = () => randomBytes(4).toString('hex');
    const repository: Repository = { id: ID, sides, store, clock, random };
    await initState(repository);
    return new World([local, remote], repository, read);
  }

  /** What a sync did, and the rows it read for it. */
  async sync(): Promise<{ done: number; read: readonly string[] }> {
    this.read.length = 0;
    const { apply } = await sync(this.repository);
    return { done: apply.counts.done, read: [...this.read] };
  }
}

describe('a round in which nothing changed', () => {
  it('reads no row of the state, however many there are', async () => {
    const world = await World.make();
    for (let number = 1; number <= 20; number++)
      world.remote.put('cur', `${number}.a.h:2,S`, fileBytes(`message ${number}`));
    expect((await world.sync()).done).toBe(20);
    // What an apply wrote is looked at once.
    await world.sync();
    expect(await world.sync()).toEqual({ done: 0, read: [] });
  });

  it('is not one when a message came, or the witness went away', async () => {
    const world = await World.make();
    world.remote.put('cur', '1.a.h:2,S', fileBytes('one'));
    await world.sync();
    await world.sync();
    world.local.put('new', '2.b.h', fileBytes('two'));
    expect((await world.sync()).done).toBe(1);
    await world.sync();
    unlinkSync(join(world.local.root, '.postern-witness'));
    expect((await world.sync().catch((error: unknown) => error)) as Error).toMatchObject({
      code: 'side-missing',
    });
  });
});
