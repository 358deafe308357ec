import { readHeader } from '@postern/core/model/identity.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import type { Epoch, MessageKey, Row } from '@postern/core/model/row.js';
import type { Deletion } from '@postern/core/side/imap/imap-options.js';
import { Session } from '@postern/core/side/imap/session.js';
import { describe, expect, it, vi } from 'vitest';
import { lines, opened, type Script, type ScriptedAnswer } from '../../support/scripted-imap.js';
import { ok, row, scripted } from './scripted-side.js';

const EPOCH = '7' as Epoch;
const OPEN: ScriptedAnswer = { when: /^SELECT/, say: opened({ exists: 3 }) };

/** What `row(uid)` describes. */
function known(uid: number): Row {
  const { messageId, digest } = readHeader(Buffer.from(`Message-ID: <m${uid}@example.org>\r\n\r\n`));
  const identity = { messageId: messageId!, digest, size: 100 };
  return { key: String(uid) as MessageKey, flags: [], date: 0, envelope: {}, identity };
}

/** Messages that are there until the given command removes them. */
function there(...uids: number[]): ScriptedAnswer {
  return { when: /^UID FETCH .*HEADER/, say: ok(...uids.map(uid => row(uid, { more: ' MODSEQ (5)' }))) };
}
const NOTHING_LEFT: ScriptedAnswer = { when: /^UID FETCH \S+ \(UID\)/, say: ok() };
const TRASH: ScriptedAnswer = {
  when: /^LIST/,
  say: ok('* LIST () "/" INBOX', '* LIST (\\Trash) "/" "Bin"'),
};

function remove(script: Script, ...uids: number[]) {
  return removeBy(undefined, script, ...uids);
}

async function removeBy(deletion: Deletion | undefined, script: Script, ...uids: number[]) {
  const options = deletion === undefined ? {} : { deletion };
  const { side, server } = await scripted({ ...script, answers: [...(script.answers ?? []), OPEN] }, options);
  const removals = uids.map(uid => ({ expect: known(uid), operation: 'op' }));
  const outcomes = await side.remove(INBOX, EPOCH, removals);
  // Whatever happens, nobody else's mail is ever expunged.
  expect(server.count(/^(EXPUNGE|CLOSE)/)).toBe(0);
  return { outcomes, server };
}

describe('removing', () => {
  it('expunges exactly the messages asked for', async () => {
    const capabilities = 'IMAP4rev1 NAMESPACE UIDPLUS';
    const { outcomes, server } = await remove({ capabilities, answers: [NOTHING_LEFT, there(1, 2)] }, 1, 2);
    expect(outcomes).toEqual([{ kind: 'done' }, { kind: 'done' }]);
    expect(server.commands.filter(command => /STORE|EXPUNGE/.test(command))).toEqual([
      'UID STORE 1:2 +FLAGS.SILENT (\\Deleted)',
      'UID EXPUNGE 1:2',
    ]);
  });

  it('CR-16: only marks where the server cannot expunge one message alone', async () => {
    const { outcomes, server } = await remove({ answers: [there(1)] }, 1);
    expect(outcomes).toEqual([{ kind: 'marked' }]);
    expect(server.count(/EXPUNGE/)).toBe(0);
  });

  it.each([
    ['mark', 'marked', ['UID STORE 1 +FLAGS.SILENT (\\Deleted)']],
    ['expunge', 'done', ['UID STORE 1 +FLAGS.SILENT (\\Deleted)', 'UID EXPUNGE 1']],
    ['trash', 'done', ['UID MOVE 1 "Bin"']],
  ] as const)('does as it is told: %s', async (deletion, kind, commands) => {
    const script = {
      capabilities: 'IMAP4rev1 NAMESPACE MOVE UIDPLUS',
      answers: [TRASH, NOTHING_LEFT, there(1)],
    };
    const { outcomes, server } = await removeBy(deletion, script, 1);
    expect(outcomes).toEqual([expect.objectContaining({ kind })]);
    expect(server.commands.filter(command => /STORE|EXPUNGE|MOVE \d/.test(command))).toEqual(commands);
  });

  it('SE-13: does not fall back to expunging everything when the server lied about UIDPLUS', async () => {
    const { outcomes } = await remove(
      {
        capabilities: 'IMAP4rev1 NAMESPACE UIDPLUS',
        answers: [
          { when: /EXPUNGE/, say: lines('TAG BAD unknown command') },
          { when: /^UID FETCH \S+ \(UID\)/, say: ok('* 1 FETCH (UID 1)') },
          there(1),
        ],
      },
      1,
    );
    expect(outcomes).toEqual([{ kind: 'marked' }]);
  });

  it.each<[string, string[], readonly string[], readonly string[]]>([
    ['goes', ['* 3 EXPUNGE', '* 2 EXPUNGE'], ['done', 'done'], []],
    [
      'goes while others go before and behind it',
      ['* 1 EXPUNGE', '* 5 EXPUNGE', '* 1 EXPUNGE', '* 1 EXPUNGE'],
      ['done', 'done'],
      [],
    ],
    ['stays while others go', ['* 2 EXPUNGE', '* 4 EXPUNGE'], ['done', 'marked'], ['UID FETCH 12:13 (UID)']],
    ['goes without a word', [], ['marked', 'marked'], ['UID FETCH 12:13 (UID)']],
  ])('hears from the places in the mailbox which message %s', async (_how, said, kinds, more) => {
    const places = ok('* 2 FETCH (UID 12)', '* 3 FETCH (UID 13)');
    const left = kinds[0] === 'done' ? ok('* 2 FETCH (UID 13)') : places;
    const { side, server } = await scripted({
      capabilities: 'IMAP4rev1 NAMESPACE UIDPLUS CONDSTORE',
      answers: [
        { when: /^UID FETCH \S+ \(UID\)/, say: places, times: 1 },
        { when: /^UID FETCH \S+ \(UID\)/, say: left },
        { when: /^UID EXPUNGE/, say: ok(...said) },
        there(12, 13),
        OPEN,
      ],
    });
    // It has to have answered several commands in one write before.
    await side.foresee(INBOX, EPOCH, {
      cursor: { epoch: EPOCH, count: 3 },
      looks: [known(12), known(13)],
      gone: [],
      bodies: [],
      writes: true,
    });
    const removals = [known(12), known(13)].map(expected => ({ expect: expected, operation: 'op' }));
    const outcomes = await side.remove(INBOX, EPOCH, removals);
    expect(outcomes.map(({ kind }) => kind)).toEqual(kinds);
    const asked = server.commands.slice(server.commands.findIndex(command => /STORE/.test(command)) + 1);
    expect(asked.filter(command => command !== 'LOGOUT')).toEqual([
      'UID FETCH 12:13 (UID)',
      'UID EXPUNGE 12:13',
      ...more,
    ]);
  });

  it('RA-03, RA-04: leaves alone what changed between the look and the act', async () => {
    const { outcomes, server } = await remove(
      {
        capabilities: 'IMAP4rev1 NAMESPACE UIDPLUS CONDSTORE',
        answers: [{ when: /STORE/, say: lines('TAG OK [MODIFIED 2] not all') }, NOTHING_LEFT, there(1, 2, 3)],
      },
      1,
      2,
      3,
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(['done', 'changed', 'done']);
    expect(server.commands.filter(command => /STORE|EXPUNGE/.test(command))).toEqual([
      'UID STORE 1:3 (UNCHANGEDSINCE 5) +FLAGS.SILENT (\\Deleted)',
      'UID EXPUNGE 1,3',
    ]);
  });

  it('lets no message that changed early hide behind one that changed late', async () => {
    const looked = [5, 9, 21, 21].map((modseq, at) => row(at + 1, { more: ` MODSEQ (${modseq})` }));
    const { outcomes, server } = await remove(
      {
        capabilities: 'IMAP4rev1 NAMESPACE UIDPLUS CONDSTORE',
        answers: [
          { when: /UNCHANGEDSINCE 9\D/, say: lines('TAG OK [MODIFIED 1] not all') },
          { when: /^SELECT/, say: opened({ exists: 4, more: ['* OK [HIGHESTMODSEQ 10] yes'] }) },
          NOTHING_LEFT,
          { when: /^UID FETCH .*HEADER/, say: ok(...looked) },
        ],
      },
      1,
      2,
      3,
      4,
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(['changed', 'done', 'done', 'done']);
    expect(server.commands.filter(command => /STORE/.test(command))).toEqual([
      'UID STORE 1:2 (UNCHANGEDSINCE 9) +FLAGS.SILENT (\\Deleted)',
      'UID STORE 3:4 (UNCHANGEDSINCE 21) +FLAGS.SILENT (\\Deleted)',
    ]);
  });

  it('moves to the Trash, and does not say so of a message that is still there', async () => {
    const still: ScriptedAnswer = { when: /^UID FETCH \S+ \(UID\)/, say: ok('* 1 FETCH (UID 2)') };
    const script = { capabilities: 'IMAP4rev1 NAMESPACE MOVE UIDPLUS', answers: [TRASH, still, there(1, 2)] };
    const { outcomes, server } = await remove(script, 1, 2);
    expect(outcomes).toMatchObject([{ kind: 'done', where: 'Bin' }, { kind: 'refused' }]);
    expect(server.commands).toContain('UID MOVE 1:2 "Bin"');
    expect(server.count(/STORE/)).toBe(0);
  });

  it.each([
    ['called Trash where the server marks none', ['* LIST () "/" "Trash"'], 'UID MOVE 1 "Trash"'],
    [
      'that the server marks, whatever is called Trash',
      ['* LIST () "/" "Trash"', '* LIST (\\Trash) "/" "Bin"'],
      'UID MOVE 1 "Bin"',
    ],
    ['at the top only: not one below another', ['* LIST () "/" "Old/Trash"'], 'UID EXPUNGE 1'],
    ['that can hold mail', ['* LIST (\\Noselect) "/" "Trash"'], 'UID EXPUNGE 1'],
  ])('moves to the mailbox %s', async (_, listed, command) => {
    const list: ScriptedAnswer = { when: /^LIST/, say: ok('* LIST () "/" INBOX', ...listed) };
    const capabilities = 'IMAP4rev1 NAMESPACE MOVE UIDPLUS';
    const { outcomes, server } = await remove({ capabilities, answers: [list, NOTHING_LEFT, there(1)] }, 1);
    expect(outcomes).toMatchObject([{ kind: 'done' }]);
    expect(server.commands.filter(each => /EXPUNGE|MOVE \d/.test(each))).toEqual([command]);
  });

  it('copies to the Trash before anything is marked, and marks nothing when the copy fails', async () => {
    const capabilities = 'IMAP4rev1 NAMESPACE UIDPLUS';
    const good = await remove({ capabilities, answers: [TRASH, NOTHING_LEFT, there(1)] }, 1);
    expect(good.outcomes).toEqual([{ kind: 'done', where: 'Bin' }]);
    const order = good.server.commands.filter(command => /COPY|STORE|EXPUNGE/.test(command));
    expect(order.map(command => command.split(' ')[1])).toEqual(['COPY', 'STORE', 'EXPUNGE']);

    const full: ScriptedAnswer = { when: /COPY/, say: lines('TAG NO [OVERQUOTA] full') };
    const bad = await remove({ capabilities, answers: [TRASH, full, there(1)] }, 1);
    expect(bad.outcomes).toMatchObject([{ kind: 'refused' }]);
    expect(bad.server.count(/STORE|EXPUNGE/)).toBe(0);
  });

  it('touches nothing where the UID is another message now, or nobody can say what it is', async () => {
    const other: ScriptedAnswer = { when: /HEADER/, say: ok(row(1, { id: 'other' })) };
    const list: ScriptedAnswer = {
      when: /^UID FETCH 1:\* /,
      say: ok(...[1, 2, 3].map(uid => `* 1 FETCH (UID ${uid})`)),
    };
    const { outcomes, server } = await remove({ answers: [list, other] }, 1, 2);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['changed', 'refused']);
    expect(server.count(/STORE|EXPUNGE|MOVE|COPY/)).toBe(0);
  });

  it('refuses in a mailbox that is open for reading only', async () => {
    const say = opened({ exists: 1 }).replace('READ-WRITE', 'READ-ONLY');
    const { outcomes, server } = await remove({ answers: [{ when: /^SELECT/, say }, there(1)] }, 1);
    expect(outcomes).toMatchObject([{ kind: 'refused' }]);
    expect(server.count(/STORE/)).toBe(0);
  });
});

describe('changing flags', () => {
  const flags = (uid: number, text: string) => `* ${uid} FETCH (UID ${uid} FLAGS (${text}))`;
  const key = (uid: number) => String(uid) as MessageKey;

  it('is refused, with the reason, where the mailbox cannot store them', async () => {
    const say = lines('* OK [PERMANENTFLAGS (\\Seen)] x', '* 1 EXISTS', '* OK [UIDVALIDITY 7] x', 'TAG OK x');
    const { side, server } = await scripted({
      answers: [
        { when: /^SELECT/, say },
        { when: /^UID FETCH/, say: ok(flags(1, '')), times: 1 },
        { when: /^UID FETCH/, say: ok(flags(1, '\\Seen')) },
      ],
    });
    const change = { key: key(1), add: ['\\Seen', 'Work'], remove: [] };
    expect(await side.flag(INBOX, EPOCH, [change])).toEqual([{ kind: 'done', flags: ['\\Seen'] }]);
    expect(server.commands.filter(command => /STORE/.test(command))).toEqual(['UID STORE 1 +FLAGS (\\Seen)']);
    const keyword = { key: key(1), add: ['Work'], remove: ['Later'] };
    expect(await side.flag(INBOX, EPOCH, [keyword])).toEqual([
      { kind: 'refused', reason: 'the mailbox cannot store Work Later' },
    ]);
  });

  it('says what the server said when it refuses, and notices when it does nothing', async () => {
    const { side } = await scripted({
      answers: [
        OPEN,
        { when: /STORE 1 /, say: lines('TAG NO [NOPERM] not yours') },
        { when: /^UID FETCH/, say: ok(flags(1, ''), flags(2, '')) },
      ],
    });
    const changes = [
      { key: key(1), add: ['\\Seen'], remove: [] },
      { key: key(2), add: ['\\Flagged'], remove: [] },
    ];
    expect(await side.flag(INBOX, EPOCH, changes)).toEqual([
      { kind: 'refused', reason: 'the server refused it: not yours' },
      { kind: 'refused', reason: 'the server did not keep the change' },
    ]);
  });

  it.each([
    { takesSeveral: true, twice: false, sizes: [3] },
    { takesSeveral: true, twice: true, sizes: [2, 1] },
    { takesSeveral: false, twice: true, sizes: [1, 1, 1] },
  ])('sends STOREs of different messages in one go: %o', async ({ takesSeveral, twice, sizes }) => {
    const last = twice ? '1,3' : '3';
    const seen = { flags: '\\Seen', more: ' MODSEQ (5)' };
    const { side, server } = await scripted({
      capabilities: 'IMAP4rev1 NAMESPACE CONDSTORE',
      answers: [
        { when: /^SELECT/, say: opened({ exists: 3, more: ['* OK [HIGHESTMODSEQ 10] yes'] }) },
        { when: /^UID FETCH .*HEADER/, say: ok(...[1, 2, 3].map(uid => row(uid, seen))) },
        { when: /STORE 1 \+FLAGS/, say: ok(flags(1, '\\Seen \\Answered')) },
        // What it says of the third is no answer to this one.
        { when: /STORE 2 \+FLAGS/, say: lines(flags(3, '\\Seen'), 'TAG NO [NOPERM] not yours') },
        {
          when: /STORE \S+ -FLAGS/,
          say: ok(...(twice ? [flags(1, '\\Answered')] : []), flags(3, '')),
        },
        { when: /^UID FETCH 2 \(UID FLAGS\)/, say: ok(flags(2, '\\Seen')) },
      ],
    });
    const sent = vi.spyOn(Session.prototype, 'pipeline');
    const looks = [known(1), known(2), known(3)];
    const cursor = { epoch: EPOCH, count: 3 };
    if (takesSeveral) await side.foresee(INBOX, EPOCH, { cursor, looks, gone: [], bodies: [], writes: true });
    await side.look(
      INBOX,
      EPOCH,
      looks.map(one => one.key),
      'to-change',
    );
    const changes = [
      { key: key(1), add: ['\\Answered'], remove: twice ? ['\\Seen'] : [] },
      { key: key(2), add: ['\\Flagged'], remove: [] },
      { key: key(3), add: [], remove: ['\\Seen'] },
    ];
    expect(await side.flag(INBOX, EPOCH, changes)).toEqual([
      { kind: 'done', flags: twice ? ['\\Answered'] : ['\\Answered', '\\Seen'] },
      { kind: 'refused', reason: 'the server refused it: not yours' },
      { kind: 'done', flags: [] },
    ]);
    expect(server.commands.filter(command => /STORE/.test(command))).toEqual([
      'UID STORE 1 +FLAGS (\\Answered)',
      'UID STORE 2 +FLAGS (\\Flagged)',
      `UID STORE ${last} -FLAGS (\\Seen)`,
    ]);
    const stores = sent.mock.calls.map(([all]) => all.filter(({ effect }) => effect === 'STORE').length);
    expect(stores.filter(count => count > 0)).toEqual(sizes);
    sent.mockRestore();
  });

  it('does not call a message gone because the server did not answer for it', async () => {
    const all: ScriptedAnswer = {
      when: /^UID FETCH 1:\* \(UID\)/,
      say: ok(...[1, 2, 3].map(uid => `* 1 FETCH (UID ${uid})`)),
    };
    const { side } = await scripted({ answers: [OPEN, all, { when: /^UID FETCH/, say: ok() }] });
    const change = (uid: number) => ({ key: key(uid), add: ['\\Seen'], remove: [] });
    expect(await side.flag(INBOX, EPOCH, [change(1), change(4)])).toEqual([
      { kind: 'refused', reason: 'the server does not say its flags' },
      { kind: 'gone' },
    ]);
  });
});
