import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';

describe('what moved here while the server gave it other UIDs', () => {
  it.each([
    ['two that are the same', [message({ id: 'a' }), message({ id: 'a' })]],
    ['one without Message-ID', [message({ id: false, subject: 'No id' })]],
  ])('is known by its content and moved there: %s', async (_what, mail) => {
    const rig = await Rig.create();
    rig.remote.createMailbox('Work');
    for (const bytes of mail) rig.remote.add('Work', bytes);
    await rig.sync();
    rig.remote.setUidValidity('Work');
    rig.local.renameMailbox('Work', 'Other');
    for (let round = 1; round <= 3; round++) await rig.sync();
    for (const world of [rig.remote, rig.local]) {
      expect(world.contents('Work')).toHaveLength(0);
      expect(world.contents('Other')).toHaveLength(mail.length);
    }
    expect(rig.remote.traffic.delivered).toBe(0);
    expect((await rig.plan()).actions).toEqual([]);
  });
});
