import { createHash } from 'node:crypto';
import { fetchRemote } from '@postern/core/api/fetch.js';
import { makePlan } from '@postern/core/api/plan.js';
import type { Seam } from '@postern/core/model/effect.js';
import { PosternError } from '@postern/core/model/error.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import { type Pair, pairKey } from '@postern/core/model/pair.js';
import { type Epoch, type MessageKey, NO_EPOCH } from '@postern/core/model/row.js';
import { pairsLike } from '@postern/core/observe/base-digests.js';
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

const indexOf = (rig: Rig) => rig.run(({ store }) => store.get('digests', 'Archive', 'pairs'));

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
    expect((await planned(rig)).ops).toEqual(['copy-remote Archive']);
    await rig.sync();
    expect(rig.remote.traffic.delivered).toBe(0);
    expect(rig.remote.contents('INBOX')).toEqual(rig.local.contents('INBOX'));
  });

  it('is not looked for among all the others each time mail comes in', async () => {
    const rig = await settled();
    expect((await indexOf(rig))?.digests).toHaveLength(8 * MANY);
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
    expect((await indexOf(rig))?.digests).toHaveLength(8 * MANY);
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
    const wanted = new Set([digestOf(17), digestOf(-4_001), digestOf(-4_002), digestOf(10_000)]);
    const found = await rig.run(async ({ store }) => {
      const changes = pairs.map(
        value => ({ put: 'pair', mailbox: INBOX, key: pairKey(value), value }) as const,
      );
      await store.write(changes, { durable: false });
      const never = watchedStore(store, kind => expect(kind).not.toBe('pair'));
      return [await pairsLike(never, record, wanted), await pairsLike(never, record, wanted)];
    });
    for (const one of found) expect(new Set(one)).toEqual(new Set([pairOf(17), pairOf(4_001)]));
  });
});

const digestOf = (n: number) => createHash('sha256').update(`${n}`).digest('hex').slice(0, 32);
