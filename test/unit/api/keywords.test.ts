import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';

const PLAIN = ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen', '$Forwarded'];

describe('keywords', () => {
  it('stay on the remote when the local side cannot store them, and come along as soon as it can', async () => {
    let local = PLAIN;
    const rig = await Rig.create({
      local: {
        get permanentFlags() {
          return local;
        },
      },
    });
    const key = rig.remote.add('INBOX', message({ id: 'a' }), ['Work']);
    await rig.sync();
    expect(rig.local.contents('INBOX')[0]?.flags).toEqual([]);
    local = [...PLAIN, '\\*'];
    rig.local.add('INBOX', message({ id: 'b' }));
    await rig.sync();
    expect(rig.remote.message('INBOX', key).flags).toEqual(['Work']);
    expect(rig.local.contents('INBOX').map(({ flags }) => flags)).toContainEqual(['Work']);
  });

  it('are removed there when they were removed here', async () => {
    const rig = await Rig.create({ local: { permanentFlags: [...PLAIN, '\\*'] } });
    const key = rig.remote.add('INBOX', message({ id: 'a' }), ['Work']);
    await rig.sync();
    const [name] = rig.local.mailbox('INBOX').messages.keys();
    rig.local.flag('INBOX', name!, { remove: ['Work'] });
    await rig.sync();
    expect(rig.remote.message('INBOX', key).flags).toEqual([]);
  });
});
