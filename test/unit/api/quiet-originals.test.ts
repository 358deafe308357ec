import { createHash } from 'node:crypto';
import { fetchRemote } from '@postern/core/api/fetch.js';
import { makePlan } from '@postern/core/api/plan.js';
import type { Seam } from '@postern/core/model/effect.js';
import { bug, PosternError } from '@postern/core/model/error.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import { type Pair, pairKey } from '@postern/core/model/pair.js';
import { type Epoch, type MessageKey, NO_EPOCH } from '@postern/core/model/row.js';
import { entriesOf, extendIndex, pairsLike } from '@postern/core/observe/base-digests.js';
import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';
import { watchedStore } from '../../support/watched-store.js';

const MANY = 300;

/** A quiet mailbox with many messages on both sides, and another one. */
async function settled(): Promise<Rig> {
  const rig = await Rig.create();
  for (const world of [rig.remote, rig.local]) world.createMailbox('Archive');
  for (let n = 0; n < MANY; n++) {
    for (const world of [rig.remote, rig.local]) world.add('Archive', message({ id: `m${n}` }), ['\\Seen']);
  }
  await rig.sync();
  expect((await rig.plan()).actions).toEqual([]);
  return rig;
}

const indexOf = (rig: Rig) => rig.run(({ store }) => store.get('digests', 'Archive', 'head'));

const keyOf = (rig: Rig, n: number) => [...rig.local.mailbox('Archive').messages.keys()][n] ?? 'none';

/** How many records of pairs a plan decoded. */
async function planned(rig: Rig) {
  let pairsRead = 0;
  const plan = await rig.run(async repository => {
    const watched = watchedStore(repository.store, (kind, size) => {
      if (kind === 'pair') pairsRead += size;
    });
    await fetchRemote({ ...repository, store: watched });
    return makePlan({ ...repository, store: watched });
  });
  return { ops: plan.actions.map(({ op, mailbox }) => `${op} ${mailbox}`), pairsRead };
}

describe('a message in a quiet mailbox of any size', () => {
  it('is found when a copy of it turns up elsewhere', async () => {
    const rig = await settled();
    rig.local.copy('Archive', keyOf(rig, 7), 'INBOX');
    const { ops, pairsRead } = await planned(rig);
    expect(ops).toEqual(['copy-remote Archive']);
    expect(pairsRead).toBe(0);
    await rig.sync();
    expect(rig.remote.traffic.delivered).toBe(0);
    expect(rig.remote.contents('INBOX')).toEqual(rig.local.contents('INBOX'));
  });

  it('is not looked for among all the others each time mail comes in', async () => {
    const rig = await settled();
    expect((await indexOf(rig))?.entries).toBe(MANY);
    rig.remote.add('INBOX', message({ id: 'new' }));
    const { ops, pairsRead } = await planned(rig);
    expect(ops).toEqual(['download INBOX']);
    expect(pairsRead).toBeLessThan(MANY);
  });

  it('is looked for among all the others once where there is no index', async () => {
    const rig = await settled();
    await rig.run(({ store }) => store.write([{ clear: 'digests', mailbox: 'Archive' }], { durable: true }));
    rig.remote.add('INBOX', message({ id: 'new' }));
    expect((await planned(rig)).pairsRead).toBeGreaterThanOrEqual(MANY);
    expect((await indexOf(rig))?.entries).toBe(MANY);
    await rig.sync();
    rig.remote.add('INBOX', message({ id: 'newer' }));
    const { ops, pairsRead } = await planned(rig);
    expect(ops).toEqual(['download INBOX']);
    expect(pairsRead).toBeLessThan(MANY);
  });

  it('is found when it came after the index was made', async () => {
    const rig = await settled();
    rig.remote.add('INBOX', message({ id: 'new' }));
    await rig.sync();
    const before = await indexOf(rig);
    rig.remote.add('Archive', message({ id: 'late' }));
    await rig.sync();
    rig.local.copy('Archive', keyOf(rig, MANY), 'INBOX');
    expect((await planned(rig)).ops).toEqual(['copy-remote Archive']);
    expect((await indexOf(rig))?.stamp).not.toBe(before?.stamp);
  });

  it('is not mistaken for another with the same header that came with an apply that was cut short', async () => {
    const rig = await settled();
    const of = (body: string) => message({ id: 'same', body });
    for (const world of [rig.remote, rig.local]) {
      world.createMailbox('Other');
      world.add('Other', of('Vvvv\r\n'), [], 1_700_000_000_000);
    }
    rig.remote.add('INBOX', message({ id: 'new' }));
    await rig.sync();
    expect(await indexOf(rig)).toBeDefined();
    rig.remote.add('Archive', of('T111\r\n'), [], 1_700_000_005_000);
    rig.local.flag('Archive', keyOf(rig, 3), { add: ['\\Flagged'] });
    const cut: Seam = {
      run: (effect, act) => {
        if (effect.name === 'STORE') throw new PosternError('unreachable', 'the line is cut');
        return act();
      },
      runSync: (_effect, act) => act(),
    };
    expect((await rig.sync({}, cut)).apply.stopped?.code).toBe('unreachable');
    await rig.sync();
    rig.remote.add('Archive', of('T222\r\n'), [], 1_700_000_000_000);
    expect((await planned(rig)).ops).toEqual(['download Archive']);
    await rig.sync();
    expect(rig.local.contents('Archive')).toEqual(rig.remote.contents('Archive'));
  });

  it('leaves no index behind when its mailbox is gone', async () => {
    const rig = await settled();
    rig.remote.add('INBOX', message({ id: 'new' }));
    await rig.sync();
    expect(await indexOf(rig)).toBeDefined();
    rig.configure({ scope: { include: ['INBOX'] } });
    await rig.sync();
    const left = await rig.run(({ store }) => store.partitions('digests'));
    expect(left).toEqual([]);
  });

  it('is found among so many that only their digests are read', async () => {
    const rig = await Rig.create();
    const pairOf = (n: number): Pair => ({
      remote: { epoch: '7' as Epoch, key: `${n}` as MessageKey },
      local: { epoch: NO_EPOCH, key: `${n}.h` as MessageKey },
      flags: [],
      identity: { digest: digestOf(n), size: n },
      weak: false,
      ...(n % 2 === 0 ? {} : { remoteDigest: digestOf(-n) }),
    });
    const pairs = Array.from({ length: 9_000 }, (_, n) => pairOf(n));
    const side = { cursor: { epoch: '7' as Epoch, count: pairs.length }, permanentFlags: [] };
    const record = { mailbox: INBOX, generation: 1, sides: { remote: side, local: side } };
    // An index has the first 48 bits alone.
    const other = digestOf(30).slice(0, 12) + 'f'.repeat(20);
    const wanted = new Set([digestOf(17), digestOf(-4_001), digestOf(-4_002), digestOf(10_000), other]);
    const written = (...of: Pair[]) =>
      of.map(value => ({ put: 'pair', mailbox: INBOX, key: pairKey(value), value }) as const);
    await rig.run(async ({ store }) => {
      await store.write(written(...pairs), { durable: false });
      const never = watchedStore(store, kind => expect(kind).not.toBe('pair'));
      const look = async (at = record) => new Set(await pairsLike(never, at, wanted));
      const [seventeen, odd] = [pairOf(17), pairOf(4_001)];
      expect(await look()).toEqual(new Set([seventeen, odd]));
      const index = await store.all('digests', INBOX);
      expect([...index.keys()]).toEqual(['block 0', 'block 1', 'head']);
      expect(index.get('head')).toMatchObject({ blocks: 2, entries: 13_500 });
      expect(await look()).toEqual(new Set([seventeen, odd]));
      expect(await store.all('digests', INBOX)).toEqual(index);

      // An apply adds to it, and touches no block that is there.
      const late = { ...pairOf(9_000), identity: seventeen.identity };
      const added = [late, ...Array.from({ length: 5_000 }, (_, n) => pairOf(2 * n + 20_000))];
      const side = { ...record.sides.remote, cursor: { ...record.sides.remote.cursor, count: 14_001 } };
      const after = { ...record, generation: 2, sides: { remote: side, local: side } };
      const entries = added.flatMap(entriesOf);
      const extended = await extendIndex(store, { before: record, after, first: false, added: entries });
      await store.write([...written(...added), ...extended], { durable: false });
      const longer = await store.all('digests', INBOX);
      for (const block of ['block 0', 'block 1']) expect(longer.get(block)).toEqual(index.get(block));
      expect(longer.get('head')).toMatchObject({ blocks: 3, entries: 18_501 });
      const again = watchedStore(store, (kind, size) => {
        if (kind === 'pair') expect(size).toBeLessThan(4);
      });
      expect(new Set(await pairsLike(again, after, wanted))).toEqual(new Set([seventeen, odd, late]));
      // Whoever asks about an earlier or a later state of the mailbox reads all.
      expect(await look(record)).toEqual(new Set([seventeen, odd, late]));

      // A pair of another epoch cannot be named in an index: then there is none.
      const foreign = { ...pairOf(30_000), remote: { epoch: '6' as Epoch, key: '17' as MessageKey } };
      const next = { before: record, after: { ...record, generation: 3 }, first: true };
      expect(await extendIndex(store, { ...next, added: entriesOf(foreign) })).toEqual([]);
      expect(await extendIndex(store, { ...next, added: entriesOf(late) })).toHaveLength(2);
    });
  });

  it.each([
    ['counts blocks that nobody can have', { blocks: 2 ** 40 }],
    ['ends within an entry', { digests: 'AAAAAAAA12' }],
  ])('is looked for among all where the index %s', async (_what, odd) => {
    const rig = await settled();
    rig.local.move('Archive', keyOf(rig, 5), INBOX);
    await rig.sync();
    const head = (await indexOf(rig))!;
    const value = { ...head, ...odd };
    await rig.run(({ store }) =>
      store.write([{ put: 'digests', mailbox: 'Archive', key: 'head', value }], { durable: true }),
    );
    rig.remote.add(INBOX, message({ id: 'new' }));
    const { plan } = await rig.sync();
    expect(plan.actions.map(({ op }) => op)).toEqual(['download']);
    expect(await indexOf(rig)).not.toMatchObject(odd);
  });

  it('adds nothing to the index with its flags', async () => {
    const rig = await settled();
    rig.local.move('Archive', keyOf(rig, 5), INBOX);
    await rig.sync();
    const before = (await indexOf(rig))!;
    for (let n = 100; n < 200; n++) rig.local.flag('Archive', keyOf(rig, n), { add: ['\\Flagged'] });
    await rig.sync();
    const after = (await indexOf(rig))!;
    expect(after.entries).toBe(before.entries);
    expect(after.stamp).not.toBe(before.stamp);
  });

  it('is looked for among all where a block of the index is gone', async () => {
    const rig = await settled();
    await rig.run(async ({ store }) => {
      const head = (await store.get('digests', 'Archive', 'head')) ?? bug('no index');
      const value = { ...head, blocks: 1 };
      await store.write([{ put: 'digests', mailbox: 'Archive', key: 'head', value }], { durable: true });
    });
    rig.local.copy('Archive', keyOf(rig, 7), 'INBOX');
    expect((await planned(rig)).ops).toEqual(['copy-remote Archive']);
    expect(await indexOf(rig)).toMatchObject({ blocks: 0, entries: MANY });
  });
});

const digestOf = (n: number) => createHash('sha256').update(`${n}`).digest('hex').slice(0, 32);
