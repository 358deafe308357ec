import { findBrakes } from '@postern/core/apply/brakes.js';
import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';

describe('brakes', () => {
  it('count what an earlier round of the same command deleted', async () => {
    const rig = await Rig.create();
    const keys = Array.from({ length: 100 }, (_, at) => rig.remote.add('INBOX', message({ id: `m${at}` })));
    await rig.sync();
    const deletions = async () => (await rig.plan()).actions.filter(({ op }) => op === 'delete-local');
    for (const key of keys.slice(0, 20)) rig.remote.remove('INBOX', key);
    const before = await deletions();
    expect(await rig.run(repository => findBrakes(repository, before))).toEqual([]);
    await rig.apply(before);
    for (const key of keys.slice(20, 40)) rig.remote.remove('INBOX', key);
    const now = await deletions();
    expect(await rig.run(repository => findBrakes(repository, now))).toEqual([]);
    expect(await rig.run(repository => findBrakes(repository, now, { before }))).toEqual([
      { mailbox: 'INBOX', deletions: 40, of: 100, allowed: 25 },
    ]);
    const held = await rig.apply(now, { deletedBefore: before });
    expect(held.counts).toMatchObject({ held: 20, done: 0 });
  });
});

describe('--max-delete', () => {
  it('of 0 holds back every deletion, however few', async () => {
    const rig = await Rig.create();
    const key = rig.remote.add('INBOX', message({ id: 'a' }));
    rig.remote.add('INBOX', message({ id: 'b' }));
    await rig.sync();
    rig.remote.remove('INBOX', key);
    const held = await rig.sync({ maxDelete: 0 });
    expect(held.apply.counts).toMatchObject({ held: 1, done: 0 });
    expect(rig.local.contents('INBOX')).toHaveLength(2);
    const done = await rig.sync({ maxDelete: 1 });
    expect(done.apply.counts).toMatchObject({ held: 0, done: 1 });
  });
});
