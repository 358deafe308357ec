import { describe, expect, it } from 'vitest';
import { imapRig, subjects } from '../support/imap-rig.js';
import { message } from '../support/messages.js';

const SERVERS = [
  ['with mod-sequences', 'IMAP4rev1 NAMESPACE UIDPLUS MOVE CONDSTORE UNSELECT ESEARCH'],
  ['without', 'IMAP4rev1 NAMESPACE UIDPLUS UNSELECT'],
] as const;

describe.each(SERVERS)('a message that a server %s cannot describe for a while', (_with, capabilities) => {
  it('is left alone where it is known, and its flags follow when it can', async () => {
    const { rig, quirks, tried } = await imapRig({ capabilities });
    for (const name of ['a', 'b', 'c']) rig.remote.add('INBOX', message({ subject: name }));
    await tried();
    rig.remote.flag('INBOX', '1', { add: ['\\Seen'] });
    rig.remote.flag('INBOX', '2', { add: ['\\Flagged'] });
    quirks.describe = (item, { key }) => (item === 'FLAGS' && key === '2' ? '(a"b)' : undefined);
    const { error, report } = await tried();
    expect(error).toBeUndefined();
    expect(report?.plan.blocked.length).toBe(1);
    expect(subjects(rig.local)).toEqual(['a', 'b', 'c']);
    expect(subjects(rig.remote)).toEqual(['a', 'b', 'c']);
    delete quirks.describe;
    expect((await tried()).report?.apply.counts).toMatchObject({ done: 1, failed: 0 });
    expect(rig.local.allContents()).toEqual(rig.remote.allContents());
  });

  it('comes as soon as it can, though nothing else happens in the mailbox', async () => {
    const { rig, quirks, tried } = await imapRig({ capabilities });
    for (const name of ['a', 'b']) rig.remote.add('INBOX', message({ subject: name }));
    await tried();
    rig.remote.add('INBOX', message({ subject: 'c' }));
    quirks.describe = (item, { key }) => (item.includes('HEADER') && key === '3' ? 'NIL' : undefined);
    await tried();
    expect(subjects(rig.local)).toEqual(['a', 'b']);
    delete quirks.describe;
    await tried();
    expect(subjects(rig.local)).toEqual(['a', 'b', 'c']);
    expect((await rig.plan()).actions).toEqual([]);
  });
});
