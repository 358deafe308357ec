import { INBOX } from '@postern/core/model/mailbox.js';
import type { Epoch, MessageKey } from '@postern/core/model/row.js';
import { describe, expect, it } from 'vitest';
import { lines, opened, type ScriptedAnswer } from '../../support/scripted-imap.js';
import { failure, ok, row, scripted } from './scripted-side.js';

const LAST = 4_294_967_295;
const open = (exists: number, ...more: string[]): ScriptedAnswer => ({
  when: /^EXAMINE/,
  say: opened({ exists, uidNext: LAST, more }),
});
const fetched = (...rows: string[]): ScriptedAnswer => ({ when: /^UID FETCH/, say: ok(...rows) });

async function keysOf(...answers: ScriptedAnswer[]): Promise<string[]> {
  const { side } = await scripted({ answers });
  return [...(await side.snapshot(INBOX, undefined)).rows.keys()];
}

async function codeOf(...answers: ScriptedAnswer[]): Promise<string> {
  const { side } = await scripted({ answers });
  return (await failure(side.snapshot(INBOX, undefined))).code;
}

describe('a snapshot', () => {
  it('UV-11: takes UIDs in any order, twice, and as large as they can be', async () => {
    const rows = [row(LAST), row(3_000_000_000), row(7), row(7)];
    expect(await keysOf(open(3), fetched(...rows))).toEqual(['7', '3000000000', '4294967295']);
  });

  it.each(['0', '4294967296', 'abc', '-1'])('SE-06: is an error when a message has the UID %s', async uid => {
    expect(await codeOf(open(1), fetched(row(uid)))).toBe('snapshot-incomplete');
  });

  it('SE-08: is an error when the server lists fewer messages than it has', async () => {
    expect(await codeOf(open(2), fetched(row(1)))).toBe('snapshot-incomplete');
  });

  it('is an error when the server lists only up to a limit', async () => {
    const say = lines(row(1), 'TAG OK [MESSAGELIMIT 1 2] enough');
    expect(await codeOf(open(1), { when: /^UID FETCH/, say })).toBe('snapshot-incomplete');
  });

  it('RF-10: is an error when the server refuses in the middle', async () => {
    const say = lines(row(1), 'TAG NO disk error');
    expect(await codeOf(open(2), { when: /^UID FETCH/, say })).toBe('mailbox-unreadable');
  });

  it('RA-16, SE-07: does not count rows nobody asked for (UV-12)', async () => {
    const unsolicited = ['* 2 FETCH (FLAGS (\\Seen))', '* 1 FETCH (UID 1 FLAGS (\\Flagged))'];
    const { side } = await scripted({ answers: [open(1), fetched(row(1), ...unsolicited)] });
    const { rows } = await side.snapshot(INBOX, undefined);
    expect([...rows.values()].map(({ key, flags }) => [key, flags])).toEqual([['1', ['\\Flagged']]]);
  });

  it('RA-17: is read again when messages come or go meanwhile', async () => {
    const moving = { ...fetched(row(1), row(2), '* 1 EXPUNGE', '* 2 EXISTS'), times: 1 };
    const settled = fetched(row(2), row(3));
    expect(await keysOf(open(2), moving, settled)).toEqual(['2', '3']);
  });

  it.each([
    ['none', ['* 0 EXISTS', 'TAG OK open']],
    ['0', ['* 0 EXISTS', '* OK [UIDVALIDITY 0] x', 'TAG OK open']],
    [
      'one that is not kept',
      ['* 0 EXISTS', '* OK [UIDVALIDITY 5] x', '* NO [UIDNOTSTICKY] x', 'TAG OK open'],
    ],
  ])('UV-06, UV-07: is not taken of a mailbox whose UIDVALIDITY is %s', async (_what, answer) => {
    expect(await codeOf({ when: /^EXAMINE/, say: lines(...answer) })).toBe('mailbox-unreadable');
  });

  it('UV-13, RA-18: does without UIDNEXT, and without HIGHESTMODSEQ where there is none', async () => {
    const say = lines('* 1 EXISTS', '* OK [UIDVALIDITY 5] x', '* OK [NOMODSEQ] x', 'TAG OK open');
    const { side } = await scripted({
      capabilities: 'IMAP4rev1 CONDSTORE',
      answers: [{ when: /^(EXAMINE|SELECT)/, say }, fetched(row(1))],
    });
    const { cursor, rows } = await side.snapshot(INBOX, undefined);
    expect(cursor).toEqual({ epoch: '5', count: 1 });
    const again = await side.snapshot(INBOX, { ...(await side.snapshot(INBOX, undefined)), rows });
    expect(again.rows.get([...rows.keys()][0]!)).toBe([...rows.values()][0]);
  });

  it('keeps mod-sequences beyond what a number can hold', async () => {
    const { side } = await scripted({
      capabilities: 'IMAP4rev1 CONDSTORE',
      answers: [
        open(1, '* OK [HIGHESTMODSEQ 9223372036854775807] x'),
        fetched(row(1, { more: ' MODSEQ (9007199254740993)' })),
      ],
    });
    const { cursor, rows } = await side.snapshot(INBOX, undefined);
    expect(cursor.highestModseq).toBe('9223372036854775807');
    expect([...rows.values()][0]?.modseq).toBe('9007199254740993');
  });

  it('reports a message that the server describes in nonsense, and has all others', async () => {
    const nonsense = '* 2 FETCH (UID 2 FLAGS (a"b) RFC822.SIZE 1)';
    const { side } = await scripted({
      answers: [
        open(3),
        {
          when: /^UID FETCH 1:\* \(UID\)/,
          say: ok('* 1 FETCH (UID 1)', '* 2 FETCH (UID 2)', '* 3 FETCH (UID 3)'),
        },
        fetched(row(1), nonsense, row(3)),
      ],
    });
    const { rows, unreadable, cursor } = await side.snapshot(INBOX, undefined);
    expect([...rows.keys()]).toEqual(['1', '3']);
    expect([...unreadable.keys()]).toEqual(['2']);
    expect(cursor.count).toBe(3);
  });

  it('finds the one message the server cannot describe, and has all others', async () => {
    const states = [1, 2, 3, 4, 5].map(uid => `* ${uid} FETCH (UID ${uid} FLAGS ())`);
    const { side } = await scripted({
      answers: [
        open(5),
        { when: /^UID FETCH 1:\* .*HEADER/, say: ok(...states) },
        { when: /^UID FETCH (1:5|3:5|3|3:4) /, say: lines('TAG NO [SERVERBUG2] message 3 is broken') },
        {
          when: /^UID FETCH/,
          say: ({ text }) => {
            const [from, to] = /^UID FETCH (\d+)(?::(\d+))?/.exec(text)!.slice(1).map(Number);
            return ok(
              ...[1, 2, 4, 5].filter(uid => uid >= from! && uid <= (to || from!)).map(uid => row(uid)),
            );
          },
        },
      ],
    });
    const { rows, unreadable } = await side.snapshot(INBOX, undefined);
    expect([...rows.keys()]).toEqual(['1', '2', '4', '5']);
    expect([...unreadable]).toEqual([['3', 'message 3 is broken']]);
  });

  it('reports a message without a header', async () => {
    const bare = '* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 5 BODY[HEADER.FIELDS (MESSAGE-ID)] NIL)';
    const { side } = await scripted({ answers: [open(1), fetched(bare)] });
    const { unreadable } = await side.snapshot(INBOX, undefined);
    expect([...unreadable]).toEqual([['1', 'the server does not send its header']]);
  });

  it('does not believe that a mailbox is suddenly empty without asking twice', async () => {
    const answers: ScriptedAnswer[] = [
      { ...open(1), times: 1 },
      fetched(row(1)),
      { when: /^EXAMINE/, say: opened({ exists: 0, uidNext: LAST }) },
      { when: /^STATUS/, say: ok('* STATUS INBOX (MESSAGES 5000 UIDVALIDITY 7)'), times: 1 },
      { when: /^STATUS/, say: ok('* STATUS INBOX (MESSAGES 0 UIDVALIDITY 7)') },
    ];
    const { side } = await scripted({ answers });
    const known = await side.snapshot(INBOX, undefined);
    expect((await failure(side.snapshot(INBOX, known))).code).toBe('snapshot-incomplete');
    expect((await side.snapshot(INBOX, known)).rows.size).toBe(0);
  });

  it('reads everything anew when the server went backwards or the mailbox is another one', async () => {
    const at = (uidNext: number, ...more: string[]) => opened({ exists: 1, uidNext, more });
    for (const second of [at(5, '* OK [MAILBOXID (A)] x'), at(9, '* OK [MAILBOXID (B)] x')]) {
      const { side } = await scripted({
        capabilities: 'IMAP4rev1 OBJECTID',
        answers: [
          { when: /^EXAMINE/, say: at(9, '* OK [MAILBOXID (A)] x'), times: 1 },
          { when: /^EXAMINE/, say: second },
          { ...fetched(row(1, { id: 'old', more: ' EMAILID (E1)' })), times: 1 },
          fetched(row(1, { id: 'new', more: ' EMAILID (E2)' })),
        ],
      });
      const known = await side.snapshot(INBOX, undefined);
      expect([...known.rows.values()][0]).toMatchObject({ serverId: 'E1' });
      const [now] = [...(await side.snapshot(INBOX, known)).rows.values()];
      expect(now?.identity.messageId).toBe('<new@example.org>');
    }
  });

  it('asks SELECT what can be stored when EXAMINE does not say, and only once', async () => {
    const quiet = lines(
      '* OK [PERMANENTFLAGS ()] read-only',
      '* 0 EXISTS',
      '* OK [UIDVALIDITY 7] x',
      'TAG OK x',
    );
    const { side, server } = await scripted({ answers: [{ when: /^EXAMINE/, say: quiet }] });
    const first = await side.snapshot(INBOX, undefined);
    expect(first.permanentFlags).toContain('\\*');
    expect((await side.snapshot(INBOX, first)).permanentFlags).toEqual(first.permanentFlags);
    expect(server.count(/^SELECT/)).toBe(1);
  });

  it('of messages that are believed to be gone takes one question where they are', async () => {
    const { side, server } = await scripted({
      capabilities: 'IMAP4rev1 CONDSTORE ESEARCH',
      answers: [
        { when: /^EXAMINE/, say: opened({ exists: 2, uidNext: 5, more: ['* OK [HIGHESTMODSEQ 12] x'] }) },
        { when: /^UID SEARCH/, say: ok('* ESEARCH (TAG "x") UID ALL 2,4') },
        { when: /^UID FETCH 2 /, say: ok(row(2, { more: ' MODSEQ (5)' })) },
      ],
    });
    const keys = (...uids: number[]) => uids.map(uid => String(uid) as MessageKey);
    const epoch = '7' as Epoch;
    const before = server.commands.length;
    const all = await side.look(INBOX, epoch, keys(1, 3), 'gone');
    expect([[...all.gone], all.rows.size]).toEqual([['1', '3'], 0]);
    expect(server.commands.slice(before).filter(line => /^UID/.test(line))).toEqual([
      'UID SEARCH RETURN (ALL) ALL',
    ]);
    const one = await side.look(INBOX, epoch, keys(1, 2), 'gone');
    expect([[...one.gone], [...one.rows.keys()]]).toEqual([['1'], ['2']]);
  });

  it('asks for nothing but changes where the server can tell them', async () => {
    const stand = (exists: number, modseq: number, uidNext: number) =>
      opened({ exists, uidNext, more: [`* OK [HIGHESTMODSEQ ${modseq}] x`] });
    const { side, server } = await scripted({
      capabilities: 'IMAP4rev1 CONDSTORE ESEARCH',
      answers: [
        { when: /^EXAMINE/, say: stand(3, 10, 4), times: 1 },
        { when: /^EXAMINE/, say: stand(3, 10, 4), times: 1 },
        { when: /^EXAMINE/, say: stand(3, 12, 5) },
        {
          when: /CHANGEDSINCE/,
          say: ok('* 2 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (11))', '* 3 FETCH (UID 4 FLAGS () MODSEQ (12))'),
        },
        { when: /^UID SEARCH/, say: ok('* ESEARCH (TAG "x") UID ALL 2:4') },
        { when: /^UID FETCH 4 /, say: ok(row(4)) },
        fetched(...[1, 2, 3].map(uid => row(uid, { more: ' MODSEQ (5)' }))),
      ],
    });
    const first = await side.snapshot(INBOX, undefined);
    const before = server.commands.length;
    expect((await side.snapshot(INBOX, first)).rows).toBe(first.rows);
    expect(server.commands.slice(before)).toEqual([
      'EXAMINE "INBOX"',
      'UID FETCH 1:* (UID FLAGS MODSEQ) (CHANGEDSINCE 10)',
    ]);
    const next = await side.snapshot(INBOX, first);
    expect([...next.rows.keys()]).toEqual(['2', '3', '4']);
    expect(next.rows.get([...next.rows.keys()][0]!)).toBe([...first.rows.values()][1]);
    expect([...next.rows.values()][1]?.flags).toEqual(['\\Seen']);
  });
});
