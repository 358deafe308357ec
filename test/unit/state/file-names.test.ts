import { openSeam } from '@postern/core/model/effect.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import { FamiliarKeeper, loadFamiliar, noteFamiliar } from '@postern/core/observe/file-names.js';
import type { AnyLevel } from '@postern/core/state/level.js';
import { LevelStore } from '@postern/core/state/level-store.js';
import type { Change } from '@postern/core/state/store.js';
import { MemoryLevel } from 'memory-level';
import { beforeEach, describe, expect, it } from 'vitest';
import { rowOf } from '../../contract/store.js';
import { Random } from '../../support/random.js';

const LOOK = { place: '1.2 1.3 none', looked: 17 };
const long = (name: string) => `c${name}${'x'.repeat(100)}`;

let store: LevelStore;

beforeEach(async () => {
  const level = new MemoryLevel<Buffer, Buffer>({ keyEncoding: 'buffer', valueEncoding: 'buffer' });
  store = await LevelStore.create(level as unknown as AnyLevel, { seam: openSeam, id: 'test' });
});

const putRows = (from: number, to: number) =>
  store.write(
    Array.from({ length: to - from }, (_, n): Change => {
      const row = rowOf(`${from + n}`);
      return { put: 'local', mailbox: INBOX, key: row.key, value: row };
    }),
    { durable: false },
  );

describe('the list of familiar files', () => {
  it('is what looks said of the names, one after the other, however many came and went', async () => {
    await putRows(0, 1_000);
    const names = new Set(Array.from({ length: 1_000 }, (_, n) => long(`${n}`)));
    await noteFamiliar(store, INBOX, { ...LOOK, all: names });
    const random = new Random(5);
    const sizes: number[] = [];
    for (let round = 0; round < 60; round++) {
      const gone = Array.from({ length: 12 }, () => random.pick([...names]));
      const added = [long(`new${round}`), gone[0]!, long(`more${round}`)];
      for (const name of gone) names.delete(name);
      for (const name of added) names.add(name);
      await noteFamiliar(store, INBOX, { ...LOOK, gone, added });
      expect((await loadFamiliar(store, INBOX))?.names.set()).toEqual(names);
      sizes.push((await store.get('files', INBOX, 'since'))!.gone.length);
    }
    expect(Math.max(...sizes)).toBeGreaterThan(20_000);
    expect(sizes.at(-1)).toBeLessThan(Math.max(...sizes));
  });

  it('is kept for large mailboxes only', async () => {
    await putRows(0, 299);
    await noteFamiliar(store, INBOX, { ...LOOK, all: ['ca'] });
    expect(await store.partitions('files')).toEqual([]);
    await putRows(299, 300);
    await noteFamiliar(store, INBOX, { ...LOOK, all: ['ca'] });
    const familiar = await loadFamiliar(store, INBOX);
    expect(familiar).toMatchObject({ ...LOOK, doubted: [] });
    expect(familiar?.names.set()).toEqual(new Set(['ca']));
    await store.write([{ del: 'local', mailbox: INBOX, key: '7' }], { durable: false });
    await noteFamiliar(store, INBOX, { ...LOOK, gone: [], added: [] });
    expect(await store.partitions('files')).toEqual([]);
  });

  it('counts for nothing after rows changed that nobody told of', async () => {
    await putRows(0, 1_000);
    await noteFamiliar(store, INBOX, { ...LOOK, all: ['ca'] });
    await putRows(1_000, 1_001);
    expect(await loadFamiliar(store, INBOX)).toBeUndefined();
  });

  it('goes on with an apply that tells of its rows, and doubts those', async () => {
    await putRows(0, 1_000);
    await noteFamiliar(store, INBOX, { ...LOOK, all: ['ca'] });
    const keeper = new FamiliarKeeper(store, INBOX);
    await keeper.begin();
    keeper.doubt('local', '7' as never);
    await keeper.during(() => store.write([{ del: 'local', mailbox: INBOX, key: '7' }], { durable: false }));
    await keeper.during(() => putRows(1_000, 1_001));
    await store.write(await keeper.changes(), { durable: false });
    expect(await loadFamiliar(store, INBOX)).toMatchObject({ ...LOOK, doubted: ['7'] });
  });

  it('does not, where somebody else changed rows meanwhile, or it did not fit before', async () => {
    await putRows(0, 1_000);
    await noteFamiliar(store, INBOX, { ...LOOK, all: ['ca'] });
    const keeper = new FamiliarKeeper(store, INBOX);
    await keeper.begin();
    await putRows(1_000, 1_001);
    await keeper.during(() => putRows(1_001, 1_002));
    expect(await keeper.changes()).toEqual([]);
    await keeper.begin();
    await keeper.during(() => putRows(1_002, 1_003));
    expect(await keeper.changes()).toEqual([]);
  });

  it('does not where nearly all would be in doubt', async () => {
    await putRows(0, 3_000);
    await noteFamiliar(store, INBOX, { ...LOOK, all: ['ca'] });
    const keeper = new FamiliarKeeper(store, INBOX);
    await keeper.begin();
    for (let n = 0; n < 2_001; n++) keeper.doubt('local', `${n}` as never);
    await keeper.during(() => putRows(3_000, 3_001));
    expect(await keeper.changes()).toEqual([]);
  });
});
