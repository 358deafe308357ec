import { describe, expect, it } from 'vitest';
import { lines } from '../../support/scripted-imap.js';
import { failure, ok, scripted } from './scripted-side.js';

const list = (...entries: readonly string[]) => [
  { when: /^LIST/, say: ok(...entries.map(entry => `* LIST ${entry}`)) },
];

describe('a listing', () => {
  it('FO-12: tells levels from mailboxes, and what a mailbox is for', async () => {
    const answers = list(
      '(\\HasChildren) "/" inbox',
      '(\\Noselect) "/" "lists"',
      '(\\NonExistent) "/" "was"',
      '(\\trash) "/" {5}\r\nBin &',
    );
    const { side } = await scripted({ answers });
    expect(await side.list()).toEqual({
      entries: [
        { mailbox: 'INBOX', selectable: true },
        { mailbox: 'lists', selectable: false },
        { mailbox: 'was', selectable: false },
        { mailbox: 'Bin \\26', selectable: true, specialUse: '\\Trash' },
      ],
      problems: [],
    });
  });

  it('FO-19, FO-20, SE-01, SE-02: leaves alone and reports names that cannot be handled', async () => {
    const hostile = ['"../../.ssh"', '"/etc"', '"a//b"', '"x\x1b[2J"', `"${'x'.repeat(300)}"`, '"caf\xe9"'];
    const { side } = await scripted({
      answers: list('() "/" INBOX', ...hostile.map(name => `() "/" ${name}`)),
    });
    const { entries, problems } = await side.list();
    expect(entries.map(entry => entry.mailbox)).toEqual(['INBOX']);
    expect(problems).toHaveLength(hostile.length);
    for (const { reason } of problems) expect(reason).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
  });

  it('FO-15: never makes two mailboxes one: the one that owns the name stays, the other is reported', async () => {
    const { side } = await scripted({
      capabilities: 'IMAP4rev1 NAMESPACE',
      answers: [
        { when: /^NAMESPACE/, say: ok('* NAMESPACE (("INBOX." ".")) (("user." ".")) NIL') },
        ...list('() "." INBOX.INBOX', '() "." INBOX', '() "." user.bob', '() "." INBOX.user.bob'),
        { when: /^EXAMINE/, say: lines('TAG NO not here') },
      ],
    });
    const { entries, problems } = await side.list();
    expect(entries.map(entry => entry.mailbox)).toEqual(['INBOX', 'user/bob']);
    expect(problems.map(problem => problem.reason)).toEqual([
      expect.stringContaining('INBOX.INBOX'),
      expect.stringContaining('INBOX.user.bob'),
    ]);
  });

  it('takes what STATUS says only where it is whole', async () => {
    const { side, server } = await scripted({
      capabilities: 'IMAP4rev1 LIST-STATUS CONDSTORE OBJECTID',
      answers: [
        {
          when: /^LIST/,
          say: ok(
            '* LIST () "/" INBOX',
            '* STATUS INBOX (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 7 HIGHESTMODSEQ 9007199254740993 X-NEW (F1))',
            '* LIST () "/" NIL',
            '* STATUS NIL (MESSAGES 3 UIDNEXT 4294967296 UIDVALIDITY 7 HIGHESTMODSEQ 0)',
            '* LIST () "/" half',
            '* STATUS half (MESSAGES 3 UIDVALIDITY 0)',
          ),
        },
      ],
    });
    const { entries } = await side.list();
    expect(entries.map(entry => entry.status)).toEqual([
      { epoch: '7', count: 3, uidNext: 9, highestModseq: '9007199254740993' },
      { epoch: '7', count: 3, uidNext: 4_294_967_296 },
      undefined,
    ]);
    // Not MAILBOXID: Cyrus 3.6 answers with stray octets that can break the line.
    expect(server.commands).toContain(
      'LIST "" "*" RETURN (STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))',
    );
  });

  it.each([
    ['NO [NONEXISTENT] gone', false],
    ["NO Mailbox doesn't exist: Work", false],
    ['NO [NOPERM] not yours', true],
    ['NO', true],
  ])('opens what STATUS is silent on: answered %s it is a mailbox: %s', async (answer, selectable) => {
    const { side } = await scripted({
      capabilities: 'IMAP4rev1 LIST-STATUS',
      answers: [
        { when: /^EXAMINE "?Work/, say: lines(`TAG ${answer}`) },
        {
          when: /RETURN/,
          say: ok(
            '* LIST () "/" INBOX',
            '* STATUS INBOX (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 7)',
            '* LIST () "/" Work',
            '* LIST () "/" Work/below',
            '* STATUS Work/below (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 8)',
          ),
        },
      ],
    });
    const { entries } = await side.list();
    expect(entries.map(entry => [entry.mailbox, entry.selectable])).toEqual([
      ['INBOX', true],
      ['Work', selectable],
      ['Work/below', true],
    ]);
  });

  it('is asked the plain way when the server does not know the other', async () => {
    const { side, server } = await scripted({
      capabilities: 'IMAP4rev1 LIST-STATUS',
      answers: [{ when: /RETURN/, say: lines('TAG BAD what?') }],
    });
    expect((await side.list()).entries).toHaveLength(1);
    expect(server.commands.at(-1)).toBe('LIST "" "*"');
  });

  it('is an error, never a short list, when a line of it is lost or the server refuses', async () => {
    const broken = await scripted({ answers: list('() "/" INBOX', '() "/" "un"balanced"') });
    expect((await failure(broken.side.list())).code).toBe('snapshot-incomplete');
    const empty = await scripted({ answers: list() });
    expect((await failure(empty.side.list())).code).toBe('snapshot-incomplete');
    const refused = await scripted({ answers: [{ when: /^LIST/, say: lines('TAG NO later') }] });
    expect((await failure(refused.side.list())).code).toBe('server-refused');
  });

  it('says which mailboxes are subscribed, in the same command where the server can', async () => {
    const answers = list(
      '(\\Subscribed) "/" inbox',
      '() "/" Work',
      '(\\Subscribed \\HasNoChildren) "/" Lists',
    );
    const script = { capabilities: 'IMAP4rev1 LIST-EXTENDED', answers };
    const { side, server } = await scripted(script, { subscriptions: true });
    const { entries } = await side.list();
    expect(entries.map(({ subscribed }) => subscribed)).toEqual([true, false, true]);
    expect(server.commands).toContain('LIST "" "*" RETURN (SUBSCRIBED)');
    expect(server.count(/^LSUB/)).toBe(0);
  });

  it.each(['IMAP4rev1', 'IMAP4rev1 LIST-EXTENDED'])('asks LSUB where it cannot: %s', async capabilities => {
    const answers = [
      { when: /RETURN/, say: lines('TAG BAD what?') },
      { when: /^LSUB/, say: ok('* LSUB () "/" Inbox', '* LSUB () "/" Lists', '* LSUB () "/" gone') },
      ...list('() "/" INBOX', '() "/" Work', '() "/" Lists'),
    ];
    const { side } = await scripted({ capabilities, answers }, { subscriptions: true });
    const { entries } = await side.list();
    expect(entries.map(({ subscribed }) => subscribed)).toEqual([true, false, true]);
  });

  it('is an error when the subscriptions are wanted and refused: never an account without any', async () => {
    const answers = [{ when: /^LSUB/, say: lines('TAG NO later') }, ...list('() "/" INBOX')];
    const { side } = await scripted({ answers }, { subscriptions: true });
    expect((await failure(side.list())).code).toBe('server-refused');
  });
});
