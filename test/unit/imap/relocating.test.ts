import { readHeader } from '@postern/core/model/identity.js';
import { INBOX, mailboxName } from '@postern/core/model/mailbox.js';
import type { Epoch, MessageKey, Row } from '@postern/core/model/row.js';
import { describe, expect, it } from 'vitest';
import { lines, opened, type Script, type ScriptedAnswer } from '../../support/scripted-imap.js';
import { failure, ok, row, scripted } from './scripted-side.js';

const WORK = mailboxName('Work');
const EPOCH = '7' as Epoch;
const TO_EPOCH = '8' as Epoch;
const OPEN: ScriptedAnswer = { when: /^(SELECT|EXAMINE)/, say: opened({ exists: 3 }) };
const EVERYTHING = 'IMAP4rev1 NAMESPACE UIDPLUS MOVE CONDSTORE UNSELECT';
const NO_MOVE = 'IMAP4rev1 NAMESPACE UIDPLUS CONDSTORE';

/** What `row(uid)` describes. */
function known(uid: number, id = `m${uid}`): Row {
  const { messageId, digest } = readHeader(Buffer.from(`Message-ID: <${id}@example.org>\r\n\r\n`));
  const identity = { messageId: messageId!, digest, size: 100, content: 'seen' };
  const date = Date.UTC(2026, 0, 1);
  return { key: String(uid) as MessageKey, flags: [], date, envelope: {}, identity, modseq: '3' };
}

function there(...uids: number[]): ScriptedAnswer {
  const rows = uids.map(uid => row(uid, { flags: '\\Seen', more: ' MODSEQ (5)' }));
  return { when: /^UID FETCH .*HEADER/, say: ok(...rows) };
}
const left = (...uids: number[]): ScriptedAnswer => ({
  when: /^UID FETCH \S+ \(UID\)/,
  say: ok(...uids.map(uid => `* 1 FETCH (UID ${uid})`)),
});
const moved = (...said: string[]): ScriptedAnswer => ({ when: /^UID MOVE/, say: lines(...said) });
const copied = (...said: string[]): ScriptedAnswer => ({ when: /^UID COPY/, say: lines(...said) });

async function relocate(how: 'move' | 'copy', script: Script, ...uids: number[]) {
  const { side, server } = await scripted({ ...script, answers: [...(script.answers ?? []), OPEN] });
  const rows = uids.map(uid => known(uid));
  const outcomes = await side[how]({ mailbox: INBOX, epoch: EPOCH, to: WORK, toEpoch: TO_EPOCH, rows });
  // Whatever happens, nobody else's mail is ever expunged.
  expect(server.count(/^(EXPUNGE|CLOSE)/)).toBe(0);
  const keys = outcomes.map(outcome =>
    'row' in outcome ? `${outcome.kind} ${outcome.row?.key}` : outcome.kind,
  );
  return { outcomes, keys, server };
}

describe('moving', () => {
  it('tells what the messages are in the other mailbox, as the server named them', async () => {
    const answers = [
      moved('* OK [COPYUID 8 1:2 41,40] moved', '* 1 EXPUNGE', 'TAG OK done'),
      left(),
      there(1, 2),
    ];
    const { outcomes, server } = await relocate('move', { capabilities: EVERYTHING, answers }, 1, 2);
    const { modseq: _, ...first } = known(1);
    const flags = ['\\Seen'];
    const envelope = expect.anything();
    expect(outcomes).toEqual([
      { kind: 'done', row: { ...first, key: '41', flags, envelope } },
      { kind: 'done', row: expect.objectContaining({ key: '40', flags }) },
    ]);
    expect(server.commands).toContain('UID MOVE 1:2 "Work"');
  });

  it.each([
    ['several untagged codes', ['* OK [COPYUID 8 2 50] x', '* OK [COPYUID 8 1 51] x', 'TAG OK x'], '51'],
    ['a code in the tagged answer', ['TAG OK [COPYUID 8 1:2 60:61] x'], '60'],
    ['ranges the wrong way round', ['TAG OK [COPYUID 8 2:1 61:60] x'], '60'],
    ['another UIDVALIDITY than the caller knows', ['TAG OK [COPYUID 9 1:2 60:61] x'], undefined],
    ['sets of unequal length', ['TAG OK [COPYUID 8 1:2 60] x'], undefined],
    ['a star', ['TAG OK [COPYUID 8 1:* 60:61] x'], undefined],
    ['messages nobody asked for', ['TAG OK [COPYUID 8 1,3 60:61] x'], undefined],
    ['one UID twice', ['TAG OK [COPYUID 8 1:2 60,60] x'], undefined],
    ['two UIDVALIDITYs', ['* OK [COPYUID 8 1 60] x', 'TAG OK [COPYUID 9 2 61] x'], undefined],
    ['no code', ['TAG OK x'], undefined],
  ])('MV-17: reads %s', async (_what, said, key) => {
    const answers = [moved(...said), left(), there(1, 2)];
    const { outcomes } = await relocate('move', { capabilities: EVERYTHING, answers }, 1, 2);
    const row = key === undefined ? {} : { row: expect.objectContaining({ key }) };
    expect(outcomes[0]).toEqual({ kind: 'done', ...row });
    expect(outcomes[1]?.kind).toBe('done');
  });

  it('tells what moved, what went away and what stayed when the server stops in the middle', async () => {
    const answers = [moved('* OK [COPYUID 8 1 41] x', 'TAG NO [OVERQUOTA] full'), left(3), there(1, 2, 3)];
    const { keys, outcomes } = await relocate('move', { capabilities: EVERYTHING, answers }, 1, 2, 3);
    expect(keys).toEqual(['done 41', 'gone', 'refused']);
    expect(outcomes[2]).toEqual({ kind: 'refused', reason: 'the server refused it: full' });
  });

  it('copies first where the server has no MOVE, and expunges exactly what was copied', async () => {
    const answers = [copied('TAG OK [COPYUID 8 1,3 41:42] x'), left(2), left(), there(1, 2, 3)];
    answers[1] = { ...answers[1]!, times: 1 };
    const { keys, server } = await relocate('move', { capabilities: NO_MOVE, answers }, 1, 2, 3);
    expect(keys).toEqual(['done 41', 'refused', 'done 42']);
    expect(server.commands.filter(command => /COPY|STORE|EXPUNGE/.test(command))).toEqual([
      'UID COPY 1:3 "Work"',
      'UID STORE 1,3 (UNCHANGEDSINCE 5) +FLAGS.SILENT (\\Deleted)',
      'UID EXPUNGE 1,3',
    ]);
  });

  it('only expunges what an earlier move had copied, when that is finished', async () => {
    const answers = [left(), there(1, 2), OPEN];
    for (const capabilities of [EVERYTHING, NO_MOVE]) {
      const { side, server } = await scripted({ capabilities, answers });
      const arrived = new Map([1, 2].map(uid => [known(uid).key, String(uid + 40) as MessageKey]));
      const rows = [known(1), known(2)];
      const request = { mailbox: INBOX, epoch: EPOCH, to: WORK, toEpoch: TO_EPOCH, rows, arrived };
      expect(await side.move(request)).toMatchObject([
        { kind: 'done', row: { key: '41' } },
        { kind: 'done', row: { key: '42' } },
      ]);
      expect(server.count(/COPY|MOVE/)).toBe(0);
      expect(server.commands).toContain('UID EXPUNGE 1:2');
      const nameless = { ...request, arrived: new Map() };
      expect((await failure(side.move(nameless))).code).toBe('snapshot-incomplete');
      expect(server.count(/UID EXPUNGE/)).toBe(1);
    }
  });

  it('MV-06: marks and expunges nothing when the copy fails', async () => {
    const answers = [copied('TAG NO [TRYCREATE] no such mailbox'), there(1)];
    const { outcomes, server } = await relocate('move', { capabilities: NO_MOVE, answers }, 1);
    expect(outcomes).toEqual([{ kind: 'refused', reason: 'the server refused it: no such mailbox' }]);
    expect(server.count(/STORE|EXPUNGE/)).toBe(0);
  });

  it('leaves the original where somebody changed it after it was copied', async () => {
    const answers = [
      copied('TAG OK [COPYUID 8 1:2 41:42] x'),
      { when: /STORE/, say: lines('TAG OK [MODIFIED 2] x') },
      left(),
      there(1, 2),
    ];
    const { keys, server } = await relocate('move', { capabilities: NO_MOVE, answers }, 1, 2);
    expect(keys).toEqual(['done 41', 'changed']);
    expect(server.commands).toContain('UID EXPUNGE 1');
  });

  it('only marks the original where the server cannot expunge one message alone', async () => {
    const answers = [copied('TAG OK x'), there(1)];
    const { outcomes, server } = await relocate('move', { capabilities: 'IMAP4rev1', answers }, 1);
    expect(outcomes).toEqual([{ kind: 'marked' }]);
    expect(server.commands).toContain('UID STORE 1 +FLAGS.SILENT (\\Deleted)');
  });

  it('touches nothing that is another message, or in a mailbox open for reading only', async () => {
    const other: ScriptedAnswer = { when: /HEADER/, say: ok(row(1, { id: 'other' })) };
    const all = ok('* 1 FETCH (UID 1)', '* 2 FETCH (UID 5)', '* 3 FETCH (UID 6)');
    const answers = [{ when: /^UID FETCH 1:\* \(UID\)/, say: all }, other];
    const { keys, server } = await relocate('move', { capabilities: EVERYTHING, answers }, 1, 2);
    expect(keys).toEqual(['changed', 'gone']);
    expect(server.count(/MOVE|COPY|STORE/)).toBe(0);

    const say = opened({ exists: 3 }).replace('READ-WRITE', 'READ-ONLY');
    const readOnly = await relocate('move', { answers: [{ when: /^SELECT/, say }, there(1)] }, 1);
    expect(readOnly.keys).toEqual(['refused']);
    expect(readOnly.server.count(/MOVE|COPY|STORE/)).toBe(0);
  });
});

describe('copying', () => {
  it('reads the mailbox without opening it for writing', async () => {
    const answers = [copied('TAG OK [COPYUID 8 1 41] x'), there(1)];
    const { keys, server } = await relocate('copy', { capabilities: EVERYTHING, answers }, 1);
    expect(keys).toEqual(['done 41']);
    expect(server.count(/^SELECT|STORE|MOVE|EXPUNGE/)).toBe(0);
  });

  it('tells which messages the server did not copy', async () => {
    const answers = [copied('TAG OK [COPYUID 8 1 41] x'), left(2), there(1, 2, 3)];
    const { keys } = await relocate('copy', { capabilities: EVERYTHING, answers }, 1, 2, 3);
    expect(keys).toEqual(['done 41', 'refused', 'gone']);
  });
});

describe('MM-14: a message whose header the server rewrote when it was appended', () => {
  const header = 'BODY[HEADER.FIELDS (MESSAGE-ID DATE FROM TO CC SUBJECT)]';
  const text = 'Message-ID: <m1@example.org>\r\nSubject: rewritten\r\n\r\n';
  const rewritten = (date: string): ScriptedAnswer => ({
    when: /^UID FETCH .*HEADER/,
    say: ok(
      `* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 140 INTERNALDATE "${date}" ${header} {${text.length}}\r\n${text})`,
    ),
  });
  const removal = (expect: Row) => [{ expect, operation: 'op' }];
  const capabilities = 'IMAP4rev1 UIDPLUS';

  it('is known by its Message-ID and the second of its arrival', async () => {
    const same = rewritten(' 1-Jan-2026 00:00:00 +0000');
    const { side, server } = await scripted({ capabilities, answers: [same, left(), OPEN] });
    const sent = { ...known(1), date: Date.UTC(2026, 0, 1) + 456 };
    expect(await side.remove(INBOX, EPOCH, removal(sent))).toEqual([{ kind: 'done' }]);
    expect(server.commands).toContain('UID EXPUNGE 1');
  });

  it('is not taken for one that arrived at another time or has no Message-ID', async () => {
    const later = await scripted({
      capabilities,
      answers: [rewritten(' 1-Jan-2026 00:00:01 +0000'), left(), OPEN],
    });
    const changed = [{ kind: 'changed', reason: 'it is another message now' }];
    expect(await later.side.remove(INBOX, EPOCH, removal(known(1)))).toEqual(changed);
    const same = await scripted({
      capabilities,
      answers: [rewritten(' 1-Jan-2026 00:00:00 +0000'), left(), OPEN],
    });
    const { messageId: _, ...nameless } = known(1).identity;
    expect(await same.side.remove(INBOX, EPOCH, removal({ ...known(1), identity: nameless }))).toEqual(
      changed,
    );
    expect(later.server.count(/STORE|EXPUNGE/) + same.server.count(/STORE|EXPUNGE/)).toBe(0);
  });

  it('is not removed through a weak pair, whose content has to be compared', async () => {
    const same = rewritten(' 1-Jan-2026 00:00:00 +0000');
    const { side } = await scripted({ capabilities, answers: [same, left(), OPEN] });
    const weak = [{ expect: known(1), content: 'f'.repeat(64), operation: 'op' }];
    expect(await side.remove(INBOX, EPOCH, weak)).toMatchObject([{ kind: 'changed' }]);
  });
});

describe('renaming a mailbox', () => {
  const listed: ScriptedAnswer = {
    when: /^LIST/,
    say: ok('* LIST () "." INBOX', '* LIST () "." Work', '* LIST () "." Work.below', '* LIST () "." Worker'),
  };

  it('takes its subscription along, and those of the mailboxes below it', async () => {
    const subscribed: ScriptedAnswer = {
      when: /^LSUB/,
      say: ok('* LSUB () "." INBOX', '* LSUB () "." Work.below', '* LSUB () "." Worker'),
    };
    const { side, server } = await scripted({ answers: [listed, subscribed] });
    await side.renameMailbox(WORK, mailboxName('Büro/2026'));
    expect(server.commands.slice(server.commands.findIndex(command => /^LSUB/.test(command)))).toEqual([
      'LSUB "" "*"',
      'RENAME "Work" "B&APw-ro.2026"',
      'UNSUBSCRIBE "Work.below"',
      'SUBSCRIBE "B&APw-ro.2026.below"',
    ]);
    await side.list();
    expect(server.commands.at(-1)).toBe('LIST "" "*"');
  });

  it('is refused with the words of the server', async () => {
    const no: ScriptedAnswer = { when: /^RENAME/, say: lines('TAG NO [ALREADYEXISTS] it exists') };
    const { side, server } = await scripted({ answers: [listed, no] });
    const error = await failure(side.renameMailbox(WORK, mailboxName('Worker')));
    expect([error.code, error.message]).toEqual([
      'server-refused',
      'the server refused RENAME in Work: it exists',
    ]);
    expect(server.count(/SUBSCRIBE/)).toBe(0);
  });
});

describe('deleting a mailbox', () => {
  const listed: ScriptedAnswer = { when: /^LIST/, say: ok('* LIST () "/" INBOX', '* LIST () "/" Work') };

  it('looks inside first, and lets go of it before it is deleted', async () => {
    const { side, server } = await scripted({ capabilities: EVERYTHING, answers: [listed] });
    expect(await side.deleteMailbox(WORK)).toBe('done');
    const order = server.commands.slice(server.commands.findIndex(command => /^EXAMINE/.test(command)));
    expect(order).toEqual(['EXAMINE "Work"', 'UNSELECT', 'DELETE "Work"', 'UNSUBSCRIBE "Work"']);
  });

  it('is refused where a message is inside, or the server says so', async () => {
    const full = await scripted({ answers: [listed, { when: /^EXAMINE/, say: opened({ exists: 1 }) }] });
    expect((await failure(full.side.deleteMailbox(WORK))).code).toBe('server-refused');
    expect(full.server.count(/^DELETE/)).toBe(0);
    const no: ScriptedAnswer = { when: /^DELETE/, say: lines('TAG NO [HASCHILDREN] others are below') };
    const parent = await scripted({ answers: [listed, no] });
    expect((await failure(parent.side.deleteMailbox(WORK))).message).toContain('others are below');
  });

  it.each([
    ['LIST', ok('* LIST () "/" INBOX')],
    ['EXAMINE', lines('TAG NO [NONEXISTENT] gone')],
    ['DELETE', lines('TAG NO [NONEXISTENT] gone')],
  ])('that is not there any more, as %s says, is done already', async (verb, say) => {
    const { side } = await scripted({ answers: [{ when: RegExp(`^${verb}`), say }, listed] });
    expect(await side.deleteMailbox(WORK)).toBe('already');
  });
});
