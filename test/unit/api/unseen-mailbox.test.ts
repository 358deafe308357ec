import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';

describe('P3: while a mailbox that base knows cannot be read', () => {
  it('nothing is deleted elsewhere: the message may have moved there', async () => {
    const rig = await Rig.create();
    rig.remote.createMailbox('Work');
    rig.remote.add('INBOX', message({ id: 'a' }));
    rig.remote.add('INBOX', message({ id: 'b' }));
    rig.remote.add('Work', message({ id: 'c' }));
    await rig.sync();
    const [moved] = rig.local.mailbox('INBOX').messages.values();
    rig.local.add('Work', moved!.bytes);
    rig.local.remove('INBOX', moved!.key);
    rig.local.mailbox('Work').fault = 'input/output error';

    const reasons: (string | undefined)[] = [];
    const { apply } = await rig.sync({ onOutcome: outcome => reasons.push(outcome.reason) });
    expect(apply.counts).toMatchObject({ done: 0, skipped: 1 });
    expect(reasons).toEqual(['Work cannot be read on the local side: it may have moved there']);
    expect(rig.remote.contents('INBOX')).toHaveLength(2);

    rig.local.mailbox('Work').fault = undefined;
    rig.remote.traffic.delivered = 0;
    await rig.sync();
    expect(rig.remote.contents('INBOX')).toHaveLength(1);
    expect(rig.remote.contents('Work')).toEqual(rig.local.contents('Work'));
    expect(rig.remote.traffic.delivered).toBe(0);
  });

  it('and that base never knew, deletions go on', async () => {
    const rig = await Rig.create();
    rig.remote.add('INBOX', message({ id: 'a' }));
    rig.remote.add('INBOX', message({ id: 'b' }));
    await rig.sync();
    const [gone] = rig.local.mailbox('INBOX').messages.values();
    rig.local.remove('INBOX', gone!.key);
    rig.local.createMailbox('Shared');
    rig.local.mailbox('Shared').fault = 'permission denied';
    await rig.sync();
    expect(rig.remote.contents('INBOX')).toHaveLength(1);
  });
});
