import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';

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
