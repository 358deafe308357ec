import { describe, expect, it } from 'vitest';
import { type ImapRig, imapRig, subjects } from '../support/imap-rig.js';
import { message } from '../support/messages.js';

const mail = (subject: string) => message({ subject, body: 'x\r\n' });

const keyOf = ({ rig }: ImapRig, side: 'remote' | 'local', subject: string) =>
  [...rig[side].mailbox('INBOX').messages.values()].find(({ envelope }) => envelope.subject === subject)!.key;

describe('a look of a moment ago', () => {
  const SERVERS = [
    { mailbox: 'with mod-sequences', twist: (answer: string) => answer },
    {
      mailbox: 'without mod-sequences, although it has CONDSTORE (NOMODSEQ, RFC 7162 §3.1.2.2)',
      twist: (answer: string) =>
        answer.replace(/\* OK \[HIGHESTMODSEQ \d+\] x/g, '* OK [NOMODSEQ] x').replace(/ MODSEQ \(\d+\)/g, ''),
    },
  ];
  const MOMENTS = [
    {
      moment: 'right after it was looked at',
      is: (text: string) => /^UID FETCH [12:,]*2 \(UID FLAGS/.test(text),
    },
    { moment: 'after something else was changed', is: (text: string) => /^UID STORE 1 /.test(text) },
  ];
  it.each(SERVERS.flatMap(server => MOMENTS.map(moment => ({ ...server, ...moment }))))(
    'does not let a message go that was flagged $moment, in a mailbox $mailbox',
    async ({ twist, is }) => {
      const one = await imapRig();
      one.quirks.twist = twist;
      for (const subject of ['a', 'b', 'c']) one.rig.remote.add('INBOX', mail(subject));
      await one.tried();
      const uid = keyOf(one, 'remote', 'b');
      // The mailbox is open for writing already when the deletion is looked at.
      one.rig.local.flag('INBOX', keyOf(one, 'local', 'a'), { add: ['\\Flagged'] });
      one.rig.local.remove('INBOX', keyOf(one, 'local', 'b'));
      let isSelected = false;
      let isFlagged = false;
      one.quirks.twist = (answer, { text }) => {
        isSelected ||= text.startsWith('SELECT');
        const said = twist(answer);
        if (isSelected && !isFlagged && is(text)) {
          isFlagged = true;
          one.rig.remote.flag('INBOX', uid, { add: ['\\Flagged'] });
        }
        return said;
      };
      await one.tried();
      expect(isFlagged).toBe(true);
      expect(subjects(one.rig.remote)).toEqual(['a', 'b', 'c']);
    },
  );

  it('does not take a message for gone that came after the mailbox was opened, and is not told of before a NOOP', async () => {
    const one = await imapRig();
    one.rig.remote.add('INBOX', mail('a'));
    await one.tried();
    for (const subject of ['m1', 'm2']) one.rig.local.add('INBOX', mail(subject));
    const [m1, m2] = ['m1', 'm2'].map(subject => keyOf(one, 'local', subject));
    let isOpen = false;
    let isStale = false;
    let isAppended = false;
    one.quirks.instead = ({ text }) => {
      // m2 goes away so that the mailbox does not rest, and a second round follows.
      if (!isOpen && text.startsWith('SELECT')) one.rig.local.remove('INBOX', m2!);
      isOpen ||= text.startsWith('SELECT');
      if (/^(NOOP|SELECT|EXAMINE)/.test(text)) isStale = false;
      if (isStale && text.startsWith('UID SEARCH')) return '* ESEARCH (TAG "x") UID ALL 1\r\nTAG OK done\r\n';
      return isStale && text.startsWith('UID FETCH') ? 'TAG OK done\r\n' : undefined;
    };
    one.quirks.twist = (answer, { text }) => {
      if (!text.startsWith('APPEND')) return answer;
      isStale = true;
      if (!isAppended) one.rig.local.remove('INBOX', m1!);
      isAppended = true;
      return answer.replace(/^\* \d+ EXISTS\r\n/gm, '');
    };
    await one.tried();
    one.quirks.instead = undefined;
    one.quirks.twist = undefined;
    await one.tried();
    expect(isAppended).toBe(true);
    expect([subjects(one.rig.local), subjects(one.rig.remote)]).toEqual([['a'], ['a']]);
  });
});
