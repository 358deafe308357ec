import { mailboxName } from '@postern/core/model/mailbox.js';
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
    expect(reasons).toEqual([
      'it may have moved to Work, which cannot be read on the local side (input/output error): nothing is deleted for that side before it can',
    ]);
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

  it('but has got no mail since it was last read, deletions go on; when it has, they wait', async () => {
    const rig = await Rig.create();
    rig.remote.createMailbox('Work');
    for (const id of ['a', 'b', 'c']) rig.remote.add('INBOX', message({ id }));
    rig.remote.add('Work', message({ id: 'w' }));
    await rig.sync();
    const [first, second] = [...rig.remote.mailbox('INBOX').messages.keys()];
    rig.remote.mailbox('Work').fault = 'it announces 7 messages and lists 6';
    // Something else changed there: it is to be read, and nothing came in.
    rig.remote.flag('Work', '1', { add: ['\\Seen'] });
    rig.remote.remove('INBOX', first!);
    expect((await rig.sync()).apply.counts).toMatchObject({ done: 1, skipped: 0 });
    expect(rig.local.contents('INBOX')).toHaveLength(2);

    rig.remote.move('INBOX', second!, 'Work');
    expect((await rig.sync()).apply.counts).toMatchObject({ done: 0, skipped: 1 });
    expect(rig.local.contents('INBOX')).toHaveLength(2);
  });
});

describe('a mailbox that is there, and could never be looked into', () => {
  const planned = async (rig: Rig) => {
    const { actions, blocked } = await rig.plan();
    return [...actions.map(action => action.op), ...blocked.map(({ mailbox }) => `${mailbox} waits`)];
  };

  it('does not look missing to a plan, and is merged when it can be read', async () => {
    const rig = await Rig.create();
    rig.local.add('INBOX', message({ id: 'a' }));
    rig.local.createMailbox('Work');
    rig.remote.createMailbox('Work');
    for (const side of [rig.local, rig.remote]) side.add('Work', message({ id: 'b' }));
    rig.remote.mailbox('Work').fault = 'it announces 7 messages and lists 6';
    expect(await planned(rig)).toEqual(['upload', 'Work waits']);
    expect(await planned(rig)).toEqual(['upload', 'Work waits']);
    expect((await rig.sync()).apply.counts).toMatchObject({ done: 1, failed: 0 });
    expect(rig.remote.contents('INBOX')).toEqual(rig.local.contents('INBOX'));

    rig.remote.mailbox('Work').fault = undefined;
    expect(await planned(rig)).toEqual(['pair']);
  });

  it('is new on the other side once it is gone', async () => {
    const rig = await Rig.create();
    for (const side of [rig.local, rig.remote]) side.createMailbox('Work');
    rig.local.add('Work', message({ id: 'b' }));
    rig.remote.mailbox('Work').fault = 'it announces 7 messages and lists 6';
    expect(await planned(rig)).toEqual(['Work waits']);
    rig.remote.deleteMailbox('Work');
    expect(await planned(rig)).toEqual(['create-mailbox-remote', 'upload']);
  });

  it('that neither side has any more, is forgotten', async () => {
    const rig = await Rig.create();
    rig.remote.createMailbox('Work');
    rig.remote.mailbox('Work').fault = 'it announces 7 messages and lists 6';
    expect(await planned(rig)).toEqual(['Work waits']);
    rig.remote.deleteMailbox('Work');
    expect(await planned(rig)).toEqual([]);
    const names = await rig.run(async ({ store }) => [...(await store.all('mailbox', '')).keys()]);
    expect(names).toEqual(['INBOX']);
  });

  it.each([1, 2])('was listed: %i listings without it before do not count any more', async times => {
    const rig = await Rig.create();
    rig.remote.createMailbox('Work');
    rig.remote.add('INBOX', message({ id: 'i' }));
    rig.remote.add('Work', message({ id: 'a' }));
    await rig.sync();
    const work = rig.remote.mailbox('Work');
    const show = () => rig.remote.mailboxes.set(mailboxName('Work'), work);
    rig.remote.deleteMailbox('Work');
    for (let time = 0; time < times; time++) await rig.plan();
    show();
    work.fault = 'it announces 7 messages and lists 6';
    expect(await planned(rig)).toEqual(['Work waits']);
    rig.remote.deleteMailbox('Work');
    expect(await planned(rig)).toEqual(['Work waits']);
    expect(await planned(rig)).toContain('delete-mailbox-local');
    show();
    work.fault = undefined;
    await rig.sync();
    expect(rig.local.contents('Work')).toHaveLength(1);
  });

  it('while a state is rebuilt, comes as soon as it can be read', async () => {
    const rig = await Rig.create();
    rig.remote.add('INBOX', message({ id: 'i' }));
    await rig.sync();
    rig.remote.createMailbox('Work');
    rig.remote.add('Work', message({ id: 'b' }));
    rig.remote.mailbox('Work').fault = 'it announces 7 messages and lists 6';
    await rig.rebuild('whole');
    expect(await planned(rig)).toEqual(['Work waits']);
    rig.remote.mailbox('Work').fault = undefined;
    await rig.sync();
    expect(rig.local.contents('Work')).toEqual(rig.remote.contents('Work'));
  });

  it('while a state is rebuilt, and went then, does not wait for ever', async () => {
    const rig = await Rig.create();
    rig.remote.add('INBOX', message({ id: 'i' }));
    for (const side of [rig.local, rig.remote]) side.createMailbox('Work');
    rig.local.add('Work', message({ id: 'b' }));
    rig.remote.mailbox('Work').fault = 'it announces 7 messages and lists 6';
    await rig.rebuild('doubted');
    expect(await planned(rig)).toContain('Work waits');
    rig.remote.deleteMailbox('Work');
    await rig.sync();
    expect(rig.remote.contents('Work')).toEqual(rig.local.contents('Work'));
  });
});
