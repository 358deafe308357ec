import { describe, expect, it } from 'vitest';
import { message, twins } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';

describe('sync on two memory sides', () => {
  it('brings new mail both ways and then has nothing to do', async () => {
    const rig = await Rig.create();
    rig.remote.add('INBOX', message({ id: 'a' }), ['\\Seen']);
    rig.remote.add('INBOX', message({ id: 'b' }));
    rig.local.add('INBOX', message({ id: 'c' }), ['\\Flagged']);
    const report = await rig.sync();
    expect(report.apply).toMatchObject({ counts: { done: 3, skipped: 0, failed: 0 } });
    expect(rig.local.contents('INBOX')).toEqual(rig.remote.contents('INBOX'));
    expect((await rig.plan()).actions).toEqual([]);
  });

  it('pairs what is on both sides without moving a byte', async () => {
    const rig = await Rig.create();
    for (const bytes of [message({ id: 'a' }), message({ id: 'b' }), ...twins()]) {
      rig.remote.add('INBOX', bytes, ['\\Seen']);
      rig.local.add('INBOX', bytes, ['\\Flagged']);
    }
    const plan = await rig.plan();
    expect(plan.actions.filter(action => action.op === 'pair')).toHaveLength(4);
    const report = await rig.sync();
    expect(report.apply.counts).toMatchObject({ skipped: 0, failed: 0 });
    expect(rig.remote.traffic.delivered + rig.local.traffic.delivered).toBe(0);
    expect(rig.remote.contents('INBOX')).toEqual(rig.local.contents('INBOX'));
    expect(rig.remote.contents('INBOX')[0]?.flags).toEqual(['\\Flagged', '\\Seen']);
    expect((await rig.plan()).actions).toEqual([]);
  });

  it('carries deletions both ways, to the attic and off the server', async () => {
    const rig = await Rig.create();
    const a = rig.remote.add('INBOX', message({ id: 'a' }));
    rig.remote.add('INBOX', message({ id: 'b' }));
    const c = rig.local.add('INBOX', message({ id: 'c' }));
    rig.local.add('INBOX', message({ id: 'd' }));
    await rig.sync();
    rig.remote.remove('INBOX', a);
    rig.local.remove('INBOX', c);
    const report = await rig.sync();
    expect(report.apply.counts).toMatchObject({ done: 2, skipped: 0, failed: 0 });
    expect(rig.local.contents('INBOX')).toHaveLength(2);
    expect(rig.remote.contents('INBOX')).toHaveLength(2);
    expect(rig.local.attic.size).toBe(1);
  });
});
