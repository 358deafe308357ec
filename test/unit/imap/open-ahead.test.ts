import { INBOX, type MailboxName } from '@postern/core/model/mailbox.js';
import type { Snapshot } from '@postern/core/model/row.js';
import { earlierOf } from '@postern/core/side/earlier.js';
import { describe, expect, it } from 'vitest';
import { lines, opened, type ScriptedAnswer } from '../../support/scripted-imap.js';
import { failure, ok, row, scripted } from './scripted-side.js';

const LISTING: ScriptedAnswer = {
  when: /^LIST /,
  say: lines(
    '* LIST () "/" INBOX',
    '* STATUS INBOX (MESSAGES 3 UIDNEXT 5 UIDVALIDITY 7 HIGHESTMODSEQ 12)',
    'TAG OK done',
  ),
};

const stand = (exists: number, modseq: number, uidNext: number) =>
  opened({ exists, uidNext, more: [`* OK [HIGHESTMODSEQ ${modseq}] x`] });

const CHANGES = ['* 2 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (11))', '* 3 FETCH (UID 4 FLAGS () MODSEQ (12))'];
const CHANGED: ScriptedAnswer = { when: /CHANGEDSINCE/, say: ok(...CHANGES) };
const NEW: ScriptedAnswer = { when: /^UID FETCH 4 /, say: ok(row(4)) };
const FOUND: ScriptedAnswer = { when: /^UID SEARCH/, say: ok('* ESEARCH (TAG "x") UID ALL 2:4') };

/**
 * A mailbox that had 1 to 3 when it was first looked at; since then 1 went, 3 was seen and 4 came. The second look meets a server
 * that answers as given, and in the usual way where nothing is.
 */
async function lookedAtTwice(...odd: readonly ScriptedAnswer[]) {
  const { side, server } = await scripted({
    capabilities: 'IMAP4rev1 CONDSTORE ESEARCH LIST-STATUS',
    answers: [
      LISTING,
      { when: /^EXAMINE/, say: stand(3, 10, 4), times: 1 },
      ...odd,
      { when: /^EXAMINE/, say: stand(3, 12, 5) },
      CHANGED,
      FOUND,
      NEW,
      { when: /^UID FETCH 1:/, say: ok(...[1, 2, 3].map(uid => row(uid, { more: ' MODSEQ (5)' }))) },
    ],
  });
  await side.list();
  const first = await side.snapshot(INBOX, undefined);
  const before = server.commands.length;
  return { look: () => side.snapshot(INBOX, first), commands: () => server.commands.slice(before) };
}

const verbs = (commands: readonly string[]) =>
  commands.map(command =>
    command.replace(/^UID FETCH \S+ .*CHANGEDSINCE.*/, 'changes').replace(/ .*(RFC822|"INBOX").*/, ''),
  );

function expectRight(snapshot: Snapshot): void {
  expect([...snapshot.rows].map(([key, { flags }]) => [key, flags])).toEqual([
    ['2', []],
    ['3', ['\\Seen']],
    ['4', []],
  ]);
}

const ONE_BREATH = ['EXAMINE', 'changes', 'UID', 'UID SEARCH RETURN (ALL) ALL'];

describe('a look at a mailbox that changed', () => {
  it('asks in one breath for what the listing lets expect', async () => {
    const { look, commands } = await lookedAtTwice();
    expectRight(await look());
    expect(verbs(commands())).toEqual(ONE_BREATH);
  });

  it('takes answers to questions that do not depend on each other in any order', async () => {
    let tag = '';
    const { look, commands } = await lookedAtTwice(
      {
        when: /CHANGEDSINCE/,
        say: command => {
          tag = command.tag;
          return '';
        },
      },
      { when: /^UID SEARCH/, say: () => `${FOUND.say}${lines(...CHANGES, `${tag} OK done`)}` },
    );
    expectRight(await look());
    expect(verbs(commands())).toEqual(ONE_BREATH);
  });

  it.each<[string, ScriptedAnswer]>([
    ['while somebody delivers', { ...CHANGED, say: ok(...CHANGES, '* 4 EXISTS', '* 3 EXPUNGE'), times: 1 }],
    ['with a line in it that makes no sense', { ...CHANGED, say: ok('* 2 FETCH (UID'), times: 1 }],
    ['with a refusal', { ...CHANGED, say: lines('TAG NO not now'), times: 1 }],
    ['that stopped at a limit', { ...CHANGED, say: lines('TAG OK [LIMIT 5] some'), times: 1 }],
  ])('asks once more what was answered %s', async (_, odd) => {
    const { look, commands } = await lookedAtTwice(odd);
    expectRight(await look());
    expect(verbs(commands()).filter(verb => verb === 'changes').length).toBeGreaterThan(1);
  });

  it('does not believe what is said before the mailbox is open', async () => {
    let tag = '';
    const { look, commands } = await lookedAtTwice(
      {
        when: /^EXAMINE/,
        say: command => {
          tag = command.tag;
          return '';
        },
        times: 1,
      },
      {
        when: /CHANGEDSINCE/,
        say: () =>
          `${ok('* 1 FETCH (UID 2 FLAGS (\\Deleted))')}${stand(3, 12, 5).replace(/^TAG /m, `${tag} `)}`,
        times: 1,
      },
    );
    expectRight(await look());
    expect(verbs(commands()).filter(verb => verb === 'changes')).toHaveLength(2);
  });

  it('asks for the UIDs once more where they are not as many as there are messages', async () => {
    const { look, commands } = await lookedAtTwice({
      ...FOUND,
      say: ok('* ESEARCH (TAG "x") UID ALL 2:3'),
      times: 1,
    });
    expectRight(await look());
    expect(verbs(commands())).toEqual([...ONE_BREATH, ONE_BREATH[3]]);
  });

  it('says that the mailbox cannot be opened, whatever is answered to the rest', async () => {
    const { look } = await lookedAtTwice(
      { when: /^EXAMINE/, say: lines('TAG NO [NOPERM] not yours') },
      { when: /CHANGEDSINCE|SEARCH/, say: lines('TAG BAD no mailbox is open') },
    );
    expect(await failure(look())).toMatchObject({
      code: 'mailbox-unreadable',
      message: expect.stringContaining('not yours'),
    });
  });

  it('does not take what is said of one mailbox for what is said of the next', async () => {
    const codes = ['HIGHESTMODSEQ 10', 'MAILBOXID (F1)', 'UIDNOTSTICKY'].map(code => `* OK [${code}] x`);
    const { side } = await scripted({
      capabilities: 'IMAP4rev1 NAMESPACE CONDSTORE ESEARCH',
      answers: [
        { when: /^EXAMINE "INBOX"/, say: stand(3, 10, 4), times: 1 },
        { when: /^EXAMINE "INBOX"/, say: opened({ exists: 3, uidNext: 700, more: codes.slice(0, 2) }) },
        {
          when: /^(EXAMINE|SELECT) "?Other/,
          say: lines('* 0 EXISTS', '* OK [UIDVALIDITY 9] x', 'TAG OK open'),
        },
        { when: /CHANGEDSINCE/, say: ok() },
        { when: /^UID FETCH 1:/, say: ok(...[1, 2, 3].map(uid => row(uid, { more: ' MODSEQ (5)' }))) },
      ],
    });
    const first = await side.changes(INBOX, undefined);
    await side.changes(INBOX, earlierOf(first));
    const { cursor } = await side.changes('Other' as MailboxName, undefined);
    expect(cursor).toEqual({ epoch: '9', count: 0 });
  });

  it('goes step by step on a server that ends the connection when it is asked several things at once', async () => {
    let last = '';
    const { look, commands } = await lookedAtTwice({
      when: /CHANGEDSINCE/,
      say: ({ connection }) => {
        last = `${connection}`;
        return connection === 1 ? '' : ok(...CHANGES);
      },
      close: ({ connection }) => connection === 1,
    });
    expectRight(await look());
    expect(last).toBe('2');
    expect(commands().filter(command => command.startsWith('EXAMINE'))).toHaveLength(2);
    expectRight(await look());
    expect(verbs(commands()).at(-1)).not.toBe('UID SEARCH RETURN (ALL) ALL');
  });

  it('believes no numbers that are not UIDs', async () => {
    const { look, commands } = await lookedAtTwice(
      { when: /^UID SEARCH/, say: ok('* ESEARCH (TAG "x") ALL 1:3') },
      { when: /^UID FETCH 1:\* \(UID\)$/, say: ok(...[2, 3, 4].map(uid => `* 1 FETCH (UID ${uid})`)) },
    );
    expectRight(await look());
    expect(commands()).toContain('UID FETCH 1:* (UID)');
  });

  it('finds the message over which the server says BYE', async () => {
    const all = [2, 3, 4].map(uid => `* 1 FETCH (UID ${uid} FLAGS () MODSEQ (5))`);
    const { look } = await lookedAtTwice(
      { ...NEW, say: lines('* BYE that one is broken'), close: true },
      { when: /^UID FETCH 1:\* \(UID FLAGS MODSEQ\)$/, say: ok(...all) },
    );
    const { rows, unreadable } = await look();
    expect([...rows.keys()]).toEqual(['2', '3']);
    expect([...unreadable]).toEqual([['4', expect.stringContaining('that one is broken')]]);
  });
});
