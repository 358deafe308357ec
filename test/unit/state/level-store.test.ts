import { openSeam, type Seam } from '@postern/core/model/effect.js';
import { recordKey } from '@postern/core/state/keys.js';
import { type AnyLevel, writeBatch } from '@postern/core/state/level.js';
import { LevelStore } from '@postern/core/state/level-store.js';
import { MemoryLevel } from 'memory-level';
import { beforeEach, describe, expect, it } from 'vitest';
import { putRow, rowOf, rowsOf } from '../../contract/store.js';
import { CountingSeam, FaultSeam } from '../../support/seam.js';

/** Makes the iterators of a database fail once they gave more than `failAfter` entries. */
class FaultyLevel extends MemoryLevel<string, string> {
  failAfter = Number.POSITIVE_INFINITY;

  readonly faulty: AnyLevel = new Proxy(this as unknown as AnyLevel, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      if (name !== 'iterator' && name !== 'keys') return member.bind(target);
      return (...options: unknown[]) => this.#failing(member.apply(target, options));
    },
  });

  #failing<T extends { nextv(size: number): Promise<unknown[]> }>(iterator: T): T {
    const nextv = iterator.nextv.bind(iterator);
    let given = 0;
    iterator.nextv = async (size: number) => {
      const entries = await nextv(Math.min(size, 300));
      given += entries.length;
      if (given <= this.failAfter) return entries;
      throw Object.assign(new Error('IO error: 000005.ldb: Input/output error'), { code: 'LEVEL_IO_ERROR' });
    };
    return iterator;
  }
}

let level: FaultyLevel;
let seam: CountingSeam;
let store: LevelStore;

beforeEach(async () => {
  level = new FaultyLevel();
  seam = new CountingSeam();
  store = await LevelStore.create(level.faulty, { seam, id: '0'.repeat(32) });
});

const reopen = async (through: Seam = seam) => {
  await store.close();
  await level.open();
  store = await LevelStore.open(level.faulty, { seam: through });
};

const putAll = (mailbox: string, count: number) =>
  store.write(
    rowsOf(count).map(row => putRow(mailbox, row)),
    { durable: false },
  );

describe('a store', () => {
  it('takes an iterator that fails after 300 of 400 records for an error, not for 300 records (DB-06)', async () => {
    await putAll('INBOX', 400);
    await reopen();
    level.failAfter = 300;
    const failure = { code: 'state-damaged', message: /Input\/output error/, hint: /postern fsck/ };
    await expect(store.all('remote', 'INBOX')).rejects.toMatchObject(failure);
    await expect(store.get('remote', 'INBOX', 'x')).rejects.toMatchObject(failure);
    await expect(
      store.write([{ clear: 'remote', mailbox: 'INBOX' }], { durable: true }),
    ).rejects.toMatchObject(failure);
    level.failAfter = Number.POSITIVE_INFINITY;
    expect((await store.all('remote', 'INBOX')).size).toBe(400);
  });

  it('streams a large partition, and says at the end that a record of it is missing', async () => {
    const many = 9000;
    await putAll('INBOX', many);
    await store.close();
    await level.open();
    await level.del(recordKey('remote', 'INBOX', '17'));
    await level.close();
    await reopen();
    let read = 0;
    const readAll = async () => {
      for await (const _entry of store.each('remote', 'INBOX')) read++;
    };
    await expect(readAll()).rejects.toMatchObject({ code: 'state-damaged' });
    expect(read).toBe(many - 1);
  });

  it('passes each batch through the seam once, and says what is in it', async () => {
    await store.write([putRow('INBOX', rowOf('1')), putRow('Sent', rowOf('2')), putRow('Sent', rowOf('3'))], {
      durable: true,
    });
    expect(seam.effects.at(-1)).toEqual({
      surface: 'db',
      name: 'batch',
      target: 'remote INBOX 1, remote Sent 2',
    });
    expect(seam.countOf('batch')).toBe(2);
  });

  it('writes nothing where nothing changes, unless something earlier is still to be made durable', async () => {
    await putAll('INBOX', 3);
    const before = seam.count;
    await putAll('INBOX', 3);
    await store.write([{ del: 'remote', mailbox: 'Sent', key: '1' }], { durable: false });
    await store.write([{ clear: 'remote', mailbox: 'Sent' }], { durable: false });
    expect(seam.count).toBe(before);
    await store.write([], { durable: true });
    expect(seam.effects.at(-1)?.target).toBe('nothing but a sync');
    await store.write([], { durable: true });
    expect(seam.count).toBe(before + 1);
  });

  it('counts its batches, and goes on counting when it is opened again', async () => {
    expect(store.generation).toBe(0);
    await putAll('INBOX', 2);
    await putAll('Sent', 2);
    await reopen();
    expect([store.generation, store.id]).toEqual([2, '0'.repeat(32)]);
  });

  it('is not made from a database that holds something', async () => {
    const used = new MemoryLevel<string, string>() as unknown as AnyLevel;
    await writeBatch(used, [{ type: 'put', key: 'a', value: Buffer.alloc(1) }], { sync: false });
    const create = LevelStore.create(used, { seam: openSeam, id: '0'.repeat(32) });
    await expect(create).rejects.toMatchObject({ code: 'state-damaged' });
  });

  it('knows a write whose answer was lost only after it is opened again', async () => {
    await reopen(new FaultSeam(1, 'EIO', { when: 'after' }));
    await expect(putAll('INBOX', 2)).rejects.toMatchObject({ code: 'failed' });
    await expect(putAll('Sent', 2)).rejects.toMatchObject({ code: 'failed', message: /nothing more/ });
    await reopen();
    expect((await store.all('remote', 'INBOX')).size).toBe(2);
    expect(await store.partitions('remote')).toEqual(['INBOX']);
  });

  it('is a broken promise of ours to use after it was closed', async () => {
    await store.close();
    await store.close();
    await expect(store.all('remote', 'INBOX')).rejects.toThrow('after it was closed');
  });
});
