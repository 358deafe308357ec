import { INBOX } from '@postern/core/model/mailbox.js';
import { describe, expect, it } from 'vitest';
import { falseTwins, message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';

const countOn = (rig: Rig, side: 'remote' | 'local') =>
  [...rig[side].mailboxes.values()].reduce((sum, { messages }) => sum + messages.size, 0);

describe.each([
  ['download', 'remote', 'local'],
  ['upload', 'local', 'remote'],
] as const)('a line that says %s', (op, from, to) => {
  it('is skipped where its message came since, and to another mailbox; a sync then makes one of the two', async () => {
    const rig = await Rig.create();
    const bytes = message({ id: 'travels' });
    rig[from].createMailbox('Work');
    rig[from].add('Work', bytes);
    const { actions } = await rig.plan();
    expect(actions.map(action => action.op)).toContain(op);
    // As an apply that was cut short may have brought it, and somebody filed it since.
    rig[to].add('INBOX', bytes);
    const { counts } = await rig.apply(actions);
    expect(counts).toMatchObject({ skipped: 1, failed: 0 });
    expect(countOn(rig, to)).toBe(1);
    await rig.sync();
    rig.clock.pass(11 * 60 * 1000);
    await rig.sync();
    expect([countOn(rig, 'remote'), countOn(rig, 'local')]).toEqual([1, 1]);
    expect(rig.local.allContents()).toEqual(rig.remote.allContents());
  });

  it('is carried out where one like it is on both sides of another mailbox, and only has to be paired there', async () => {
    const rig = await Rig.create();
    const bytes = message({ id: 'travels' });
    for (const world of [rig.remote, rig.local]) {
      world.createMailbox('Work');
      world.add('Work', bytes);
    }
    rig[from].add('INBOX', bytes);
    await rig.plan();
    const report = await rig.sync({ mailboxes: [INBOX] });
    expect(report.apply.counts).toMatchObject({ done: 1, skipped: 0 });
    await rig.sync();
    expect([countOn(rig, 'remote'), countOn(rig, 'local')]).toEqual([2, 2]);
  });

  it('is carried out where what came is another message with the same header', async () => {
    const rig = await Rig.create();
    const [one, other] = falseTwins();
    rig[from].createMailbox('Work');
    rig[from].add('Work', one!);
    const { actions } = await rig.plan();
    rig[to].add('INBOX', other!);
    await rig.apply(actions);
    for (let round = 0; round < 3; round++) {
      await rig.sync();
      rig.clock.pass(11 * 60 * 1000);
    }
    expect([countOn(rig, 'remote'), countOn(rig, 'local')]).toEqual([2, 2]);
    expect((await rig.plan()).actions).toEqual([]);
  });
});
