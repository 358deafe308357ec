import type { MessageKey } from '@postern/core/model/row.js';
import { describe, expect, it } from 'vitest';
import { expectSettled, type ImapRig, imapRig, subjects } from '../support/imap-rig.js';
import { message } from '../support/messages.js';
import { lines, type ScriptedCommand } from '../support/scripted-imap.js';
import { headerOf, literal, type WorldImapOptions } from '../support/world-imap.js';

const mail = (subject: string, parts: Parameters<typeof message>[0] = {}) =>
  message({ subject, body: `This is ${subject}.\r\n`, ...parts });

const keyOf = ({ rig }: ImapRig, subject: string, mailbox = 'INBOX'): MessageKey =>
  [...rig.local.mailbox(mailbox).messages.values()].find(({ envelope }) => envelope.subject === subject)!.key;

const sizeOfSet = (text: string) => {
  const [, from, to] = /(\d+):(\d+)/.exec(text)!;
  return Number(to) - Number(from) + 1;
};

async function syncedTimes(one: ImapRig, times: number): Promise<void> {
  for (let time = 0; time < times; time++) expect((await one.tried()).error).toBeUndefined();
}

const delivered = ({ rig }: ImapRig) => ({
  local: rig.local.traffic.delivered,
  read: rig.local.traffic.read,
});

describe('Gmail', () => {
  const capabilities = 'IMAP4rev1 NAMESPACE UIDPLUS MOVE CONDSTORE UNSELECT ESEARCH X-GM-EXT-1';
  const attributes = { '[Gmail]/All Mail': '\\All', '[Gmail]/Trash': '\\Trash' };

  /** A message is in All Mail and has these labels. */
  async function account(quirks: WorldImapOptions = {}): Promise<ImapRig> {
    const one = await imapRig({ capabilities, attributes, ...quirks });
    for (const name of ['[Gmail]/All Mail', '[Gmail]/Trash', 'Label']) one.rig.remote.createMailbox(name);
    for (const [name, ...labels] of [['a', 'INBOX', 'Label'], ['b', 'INBOX'], ['c', 'Label'], ['d']]) {
      for (const mailbox of [...labels, '[Gmail]/All Mail'])
        one.rig.remote.add(mailbox, mail(name!), [], 1_700_000_000_000);
    }
    return one;
  }

  it('PV-01: labels are mailboxes: a mail with two labels is in both and in All Mail, and stays so', async () => {
    const one = await account();
    await syncedTimes(one, 2);
    expect(subjects(one.rig.local)).toEqual(['a', 'b']);
    expect(subjects(one.rig.local, 'Label')).toEqual(['a', 'c']);
    expect(subjects(one.rig.local, '[Gmail]/All Mail')).toEqual(['a', 'b', 'c', 'd']);
    await expectSettled(one);
  });

  it('PV-02: a mail that is deleted under a label goes to the Trash by MOVE; under its other labels it stays', async () => {
    const one = await account();
    await syncedTimes(one, 1);
    one.rig.local.remove('Label', keyOf(one, 'a', 'Label'));
    await syncedTimes(one, 2);
    expect(one.server.count(/EXPUNGE/)).toBe(0);
    expect(subjects(one.rig.remote, '[Gmail]/Trash')).toEqual(['a']);
    expect(subjects(one.rig.remote)).toEqual(['a', 'b']);
    await expectSettled(one);
  });

  it('PV-03: a mail that goes away by itself when it is marked \\Deleted is removed, not failed', async () => {
    const one = await account({ attributes: {} });
    await syncedTimes(one, 1);
    one.quirks.twist = (answer, { text }) => {
      if (/STORE .*\\Deleted/.test(text)) one.rig.remote.expunge('INBOX');
      return answer;
    };
    one.rig.local.remove('INBOX', keyOf(one, 'b'));
    const { report } = await one.tried();
    expect(report?.apply.counts).toMatchObject({ done: 1, failed: 0, skipped: 0 });
    await expectSettled(one);
  });

  it('PV-04: a connection that ends right after the MOVE to the Trash leaves one in the Trash', async () => {
    const one = await account();
    await syncedTimes(one, 1);
    one.rig.local.remove('INBOX', keyOf(one, 'b'));
    one.quirks.twist = (answer, { text }) => (/^UID MOVE/.test(text) ? '' : answer);
    one.quirks.hangUp = ({ text }) => /^UID MOVE/.test(text);
    expect((await one.tried()).error?.code).toBe('unreachable');
    one.quirks.twist = undefined;
    one.quirks.hangUp = undefined;
    await syncedTimes(one, 2);
    expect(subjects(one.rig.remote, '[Gmail]/Trash')).toEqual(['b']);
    expect(subjects(one.rig.remote)).toEqual(['a']);
    await expectSettled(one);
  });

  it('PV-05: a mailbox name it refuses is one failed line, and the rest goes on', async () => {
    const one = await account({
      instead: ({ text }) =>
        /^CREATE "odd/.test(text) ? lines('TAG NO [CANNOT] Invalid folder name') : undefined,
    });
    await syncedTimes(one, 1);
    one.rig.local.createMailbox('odd  name ');
    one.rig.local.add('odd  name ', mail('x'));
    one.rig.local.add('INBOX', mail('y'));
    const { report, error } = await one.tried();
    expect(error).toBeUndefined();
    expect(report?.apply.counts.failed).toBeGreaterThan(0);
    expect(subjects(one.rig.remote)).toEqual(['a', 'b', 'y']);
    expect(subjects(one.rig.local, 'odd  name ')).toEqual(['x']);
  });

  it('an 8-bit header that comes back otherwise is the same message', async () => {
    const one = await account();
    await syncedTimes(one, 1);
    one.rig.local.add('INBOX', mail('8-bit', { subject: Buffer.from('Gr\xfc\xdfe', 'latin1'), id: 'eight' }));
    one.quirks.describe = (item, { bytes }) =>
      /HEADER/.test(item) && bytes.includes('<eight@')
        ? literal(
            Buffer.from(
              headerOf(bytes, ['message-id', 'date', 'from', 'to', 'subject'])
                .toString('latin1')
                .replace(/[\x80-\xff]/g, '?'),
              'latin1',
            ),
          )
        : undefined;
    await syncedTimes(one, 3);
    expect(one.rig.remote.mailbox('INBOX').messages.size).toBe(3);
    expect(one.rig.local.mailbox('INBOX').messages.size).toBe(3);
    expect((await one.rig.plan()).actions).toEqual([]);
  });
});

describe('Exchange', () => {
  const capabilities = 'IMAP4rev1 NAMESPACE UIDPLUS MOVE UNSELECT';
  const lyingSizes: WorldImapOptions['describe'] = (item, { bytes }) =>
    item === 'RFC822.SIZE' ? String(bytes.length * 3) : undefined;

  it('PV-06: sizes that are not those of the bytes, a body that changes, and flags it does not keep: five syncs, no twin', async () => {
    const one = await imapRig({ capabilities, describe: lyingSizes });
    for (const name of ['a', 'b', 'c']) one.rig.remote.add('INBOX', mail(name));
    one.rig.local.add('INBOX', mail('mine'));
    await syncedTimes(one, 1);
    let reads = 0;
    one.quirks.describe = (item, seen, mailbox) => {
      if (item !== 'BODY.PEEK[]') return lyingSizes(item, seen, mailbox);
      const text = seen.bytes.toString('latin1');
      return literal(Buffer.from(text.replace('\r\n\r\n', `\r\nX-Read: ${++reads}\r\n\r\n`), 'latin1'));
    };
    one.quirks.instead = ({ text }) => (/STORE .*Flagged/.test(text) ? lines('TAG OK ignored') : undefined);
    one.rig.local.flag('INBOX', keyOf(one, 'a'), { add: ['\\Flagged'] });
    const before = delivered(one);
    await syncedTimes(one, 4);
    expect(delivered(one)).toEqual(before);
    expect(subjects(one.rig.remote)).toEqual(['a', 'b', 'c', 'mine']);
    expect(subjects(one.rig.local)).toEqual(['a', 'b', 'c', 'mine']);
    expect(one.rig.local.message('INBOX', keyOf(one, 'a')).flags).toEqual(['\\Flagged']);
  });

  it('PV-06: a lost database is rebuilt without a second copy, although sizes differ', async () => {
    const one = await imapRig({ capabilities, describe: lyingSizes });
    for (const name of ['a', 'b', 'c']) one.rig.remote.add('INBOX', mail(name));
    await syncedTimes(one, 1);
    await one.rig.loseState();
    await syncedTimes(one, 2);
    expect(subjects(one.rig.remote)).toEqual(['a', 'b', 'c']);
    await expectSettled(one);
  });

  it('PV-07: what was appended and shows only after a NOOP is found there, and sent once', async () => {
    let hidden: { uid: number } | undefined;
    const one = await imapRig({ capabilities: 'IMAP4rev1 NAMESPACE UNSELECT' });
    one.rig.remote.add('INBOX', mail('a'));
    await syncedTimes(one, 1);
    one.quirks.twist = (answer, { text }) => {
      if (/^APPEND/.test(text)) hidden = { uid: 2 };
      if (/^NOOP/.test(text)) hidden = undefined;
      const shown =
        hidden === undefined ? answer : answer.replace(/^\* \d+ FETCH \(UID 2 [\s\S]*?(?=^TAG )/m, '');
      return /^APPEND/.test(text) ? shown.replace(/^\* \d+ EXISTS\r\n/m, '') : shown;
    };
    one.rig.local.add('INBOX', mail('mine'));
    await syncedTimes(one, 3);
    expect(one.server.count(/^APPEND/)).toBe(1);
    await expectSettled(one);
  });

  it('PV-08: a Message-ID that the server rewrote is settled by content when the database is lost', async () => {
    const one = await imapRig({ capabilities });
    one.rig.remote.add('INBOX', mail('a'));
    await syncedTimes(one, 1);
    one.rig.local.edit('INBOX', keyOf(one, 'a'), mail('a', { id: 'before-the-redirect' }));
    await one.rig.loseState();
    await syncedTimes(one, 2);
    // Two headers that differ are two messages: both are kept on both sides, and the third sync adds none.
    const count = one.rig.remote.mailbox('INBOX').messages.size;
    await syncedTimes(one, 1);
    expect(one.rig.remote.mailbox('INBOX').messages.size).toBe(count);
    await expectSettled(one);
  });

  it('PV-12: a server that hangs up on large sets is asked for smaller ones', async () => {
    const one = await imapRig({ capabilities });
    for (let number = 0; number < 30; number++) one.rig.remote.add('INBOX', mail(`m${number}`));
    const isLarge = ({ text }: ScriptedCommand) =>
      /^UID FETCH \d+:\d+ .*BODY\.PEEK\[\]/.test(text) && sizeOfSet(text) > 10;
    one.quirks.instead = command => (isLarge(command) ? '* BYE Too much\r\n' : undefined);
    one.quirks.hangUp = isLarge;
    await syncedTimes(one, 1);
    expect(one.rig.local.mailbox('INBOX').messages.size).toBe(30);
    await expectSettled(one);
  });
});

describe('iCloud', () => {
  it('PV-10: an ENVELOPE or RFC822 item is never asked for; the body comes by BODY.PEEK[]', async () => {
    const one = await imapRig({ capabilities: 'IMAP4rev1 NAMESPACE UIDPLUS CONDSTORE XLIST' });
    one.rig.remote.add('INBOX', mail('a "quoted" one'));
    await syncedTimes(one, 1);
    expect(one.server.count(/ENVELOPE|RFC822[ )]|BODYSTRUCTURE/)).toBe(0);
    await expectSettled(one);
  });

  it('a body that is empty now and whole later is fetched later, and nothing is deleted meanwhile', async () => {
    const one = await imapRig();
    one.rig.remote.add('INBOX', mail('a'));
    one.quirks.describe = item => (item === 'BODY.PEEK[]' ? '""' : undefined);
    await syncedTimes(one, 2);
    expect(subjects(one.rig.local)).toEqual([]);
    one.quirks.describe = undefined;
    await syncedTimes(one, 1);
    expect(subjects(one.rig.remote)).toEqual(['a']);
    await expectSettled(one);
  });
});

describe('Proton Bridge', () => {
  it('PV-14: UIDs that are permuted under the same UIDVALIDITY lose nothing and make no twin', async () => {
    for (const capabilities of [
      'IMAP4rev1 NAMESPACE UIDPLUS MOVE',
      'IMAP4rev1 NAMESPACE UIDPLUS MOVE CONDSTORE UNSELECT',
    ]) {
      const one = await imapRig({ capabilities });
      const names = ['a', 'b', 'c', 'd'];
      for (const name of names) one.rig.remote.add('INBOX', mail(name));
      await syncedTimes(one, 1);
      const mailbox = one.rig.remote.mailbox('INBOX');
      const [a, b, c, d] = [...mailbox.messages.values()];
      for (const [to, from] of [
        [a!, c!],
        [b!, d!],
        [c!, b!],
        [d!, a!],
      ] as const)
        one.rig.remote.store(mailbox, { ...from, key: to.key });
      one.rig.local.remove('INBOX', keyOf(one, 'b'));
      one.rig.local.flag('INBOX', keyOf(one, 'c'), { add: ['\\Flagged'] });
      await syncedTimes(one, 4);
      const remote = subjects(one.rig.remote);
      expect([...new Set([...remote, 'b'])].sort(), capabilities).toEqual(names);
      const flagged = [...mailbox.messages.values()].filter(({ flags }) => flags.length > 0);
      expect(flagged.map(({ envelope }) => envelope.subject)).toEqual([]);
      expect(new Set(remote).size, `${capabilities}: ${remote}`).toBe(remote.length);
      expect(subjects(one.rig.local).filter(name => name !== 'b')).toEqual(['a', 'c', 'd']);
    }
  });

  it('PV-14: UIDs that are all new under the same UIDVALIDITY are paired anew, without a download', async () => {
    const one = await imapRig({ capabilities: 'IMAP4rev1 NAMESPACE UIDPLUS MOVE' });
    for (const name of ['a', 'b', 'c']) one.rig.remote.add('INBOX', mail(name));
    await syncedTimes(one, 1);
    const mailbox = one.rig.remote.mailbox('INBOX');
    const all = [...mailbox.messages.values()];
    mailbox.messages.clear();
    for (const { bytes, flags, date } of all) one.rig.remote.store(mailbox, { bytes, flags, date });
    const before = delivered(one);
    await syncedTimes(one, 2);
    expect(delivered(one)).toEqual(before);
    expect(subjects(one.rig.remote)).toEqual(['a', 'b', 'c']);
    await expectSettled(one);
  });
});

describe('others', () => {
  it('PV-11: a gap of 420 000 before UIDNEXT means nothing', async () => {
    const one = await imapRig();
    for (const name of ['a', 'b']) one.rig.remote.add('INBOX', mail(name));
    await syncedTimes(one, 1);
    one.rig.remote.mailbox('INBOX').uidNext = 420_003;
    await syncedTimes(one, 1);
    expect(subjects(one.rig.local)).toEqual(['a', 'b']);
    await expectSettled(one);
  });

  it('PV-13: ID is sent to the server that insists on it, and to no other', async () => {
    const plain = await imapRig();
    await syncedTimes(plain, 1);
    expect(plain.server.count(/^ID /)).toBe(0);
  });

  it('PV-16: a server with the separator "." and the prefix "INBOX." has the same mailboxes as any other', async () => {
    const one = await imapRig({
      capabilities: 'IMAP4rev1 NAMESPACE',
      instead: ({ text }) =>
        /^NAMESPACE/.test(text) ? lines('* NAMESPACE (("INBOX." ".")) NIL NIL', 'TAG OK done') : undefined,
      twist: (answer, { text }) => (/^LIST/.test(text) ? answer.replaceAll('"/"', '"."') : answer),
    });
    one.rig.remote.createMailbox('INBOX.Work.2026');
    one.rig.remote.add('INBOX.Work.2026', mail('a'));
    one.rig.local.createMailbox('Mine');
    one.rig.local.add('Mine', mail('b'));
    await syncedTimes(one, 2);
    expect(subjects(one.rig.local, 'Work/2026')).toEqual(['a']);
    expect(subjects(one.rig.remote, 'INBOX.Mine')).toEqual(['b']);
  });

  it('PV-17: a window search never asks SEARCH, and a row told twice is one message', async () => {
    const one = await imapRig({
      capabilities: 'IMAP4rev1 NAMESPACE UNSELECT',
      twist: (answer, { text }) =>
        /^UID FETCH \d+:\*/.test(text)
          ? answer.replace(/^(\* \d+ FETCH \([\s\S]*?)(?=^TAG )/m, '$1$1')
          : answer,
    });
    one.rig.local.add('INBOX', mail('mine'));
    await syncedTimes(one, 2);
    expect(one.server.count(/SEARCH/)).toBe(0);
    expect(one.server.count(/^APPEND/)).toBe(1);
    await expectSettled(one);
  });
});
