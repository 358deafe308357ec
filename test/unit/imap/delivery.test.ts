import { ContentHasher } from '@postern/core/model/identity.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import type { DeliveryOutcome, StagedLetter } from '@postern/core/side/side.js';
import { describe, expect, it } from 'vitest';
import { deliverAll, letter } from '../../support/letters.js';
import { lines, opened, type Script, type ScriptedAnswer } from '../../support/scripted-imap.js';
import { FaultSeam } from '../../support/seam.js';
import { bodyRow, failure, ok, row, scripted } from './scripted-side.js';

const OPEN: ScriptedAnswer = { when: /^SELECT/, say: opened({ exists: 4, uidNext: 10 }) };

const mail = (name: string, body = 'text') =>
  letter(Buffer.from(`Message-ID: <${name}@example.org>\r\n\r\n${body}\r\n`));

const appended = (code: string): ScriptedAnswer => ({ when: /^APPEND/, say: lines(`TAG OK ${code} stored`) });

async function deliver(script: Script, ...names: string[]) {
  const { side, server } = await scripted({ ...script, answers: [...(script.answers ?? []), OPEN] });
  const outcomes = await deliverAll(
    side,
    INBOX,
    names.map(name => mail(name)),
  );
  return { outcomes, server };
}

function brief(outcomes: readonly DeliveryOutcome[]): string[] {
  return outcomes.map(outcome => (outcome.kind === 'done' ? `done ${outcome.row.key}` : outcome.kind));
}

const ids = (...all: string[]) => all.map((id, at) => row(10 + at, { id }));

describe('appending', () => {
  it('believes the server which UID it gave', async () => {
    const say = lines('* 5 EXISTS', 'TAG OK [APPENDUID 7 10] stored');
    const { outcomes, server } = await deliver({ answers: [{ when: /^APPEND/, say }] }, 'a');
    expect(brief(outcomes)).toEqual(['done 10']);
    expect(server.count(/FETCH|SEARCH/)).toBe(0);
  });

  it.each([
    ['its header shows that it is', [row(12, { id: 'a' })], 'done 12'],
    ['it does not show yet', [], 'done 12'],
    ['the server rewrote its header', [row(12, { id: 'a', header: 'Subject: [list] a\r\n' })], 'done 12'],
    ['another message has that UID', [row(12, { id: 'other' }), row(13, { id: 'a' })], 'done 13'],
  ])('asks once where other mail came in meanwhile: %s', async (_what, rows, expected) => {
    const say = lines('* 6 EXISTS', 'TAG OK [APPENDUID 7 12] stored');
    const answers = [
      { when: /^APPEND/, say },
      { when: /^UID FETCH/, say: ok(...rows) },
    ];
    const { outcomes } = await deliver({ answers }, 'a');
    expect(brief(outcomes)).toEqual([expected]);
  });

  it.each([
    ['another UIDVALIDITY', '[APPENDUID 8 12]'],
    ['a UID that was there before', '[APPENDUID 7 9]'],
    ['more UIDs than messages', '[APPENDUID 7 12:13]'],
    ['a UID out of range', '[APPENDUID 7 4294967296]'],
    ['no UID', ''],
  ])('looks the message up when the server names %s', async (_what, code) => {
    const search: ScriptedAnswer = {
      when: /^UID FETCH 10:\*/,
      say: ok(row(9, { id: 'a' }), ...ids('x', 'a')),
    };
    const { outcomes, server } = await deliver({ answers: [appended(code), search] }, 'a');
    expect(brief(outcomes)).toEqual(['done 11']);
    expect(server.count(/^NOOP/)).toBe(1);
  });

  it('tells messages that look alike apart by their contents', async () => {
    const text = (uid: number, body: string) =>
      bodyRow(uid, `Message-ID: <a@example.org>\r\n\r\n${body}\r\n`);
    const { side } = await scripted({
      answers: [
        OPEN,
        appended(''),
        { when: /BODY\.PEEK\[\]/, say: ok(text(10, 'other'), text(11, 'two'), text(12, 'one')) },
        { when: /^UID FETCH 10:\*/, say: ok(...ids('a', 'a', 'a')) },
      ],
    });
    const outcomes = await deliverAll(side, INBOX, [mail('a', 'one'), mail('a', 'two'), mail('a', 'three')]);
    expect(brief(outcomes)).toEqual(['done 12', 'done 11', 'unknown']);
  });

  it('does not guess where the message is not to be found', async () => {
    const search: ScriptedAnswer = { when: /^UID FETCH/, say: ok(...ids('x')) };
    const { outcomes } = await deliver({ answers: [appended(''), search] }, 'a');
    expect(brief(outcomes)).toEqual(['unknown']);
  });

  it('takes several in one command where the server can, and one by one when it refuses them together', async () => {
    const capabilities = 'IMAP4rev1 NAMESPACE MULTIAPPEND';
    const together = await deliver(
      { capabilities, answers: [appended('[APPENDUID 7 20:22]')] },
      'a',
      'b',
      'c',
    );
    expect(brief(together.outcomes)).toEqual(['done 20', 'done 21', 'done 22']);
    expect(together.server.count(/^APPEND/)).toBe(1);

    let next = 20;
    const single: ScriptedAnswer = {
      when: /^APPEND/,
      say: ({ literals }) => {
        if (literals.length > 1) return lines('TAG NO one of them is bad');
        if (literals[0]!.includes('<b@')) return lines('TAG NO Message contains \x1b[0m');
        return lines(`TAG OK [APPENDUID 7 ${next++}] stored`);
      },
    };
    const apart = await deliver({ capabilities, answers: [single] }, 'a', 'b', 'c');
    expect(brief(apart.outcomes)).toEqual(['done 20', 'refused', 'done 21']);
    expect(apart.outcomes[1]).toMatchObject({ reason: 'the server refused it: Message contains \\x1b[0m' });
  });

  it('does not wait to be asked for each message where the server wants them at once', async () => {
    const capabilities = 'IMAP4rev1 NAMESPACE MULTIAPPEND LITERAL+';
    const sizes: number[] = [];
    const take: ScriptedAnswer = {
      when: /^APPEND/,
      say: ({ literals }) => {
        sizes.push(...literals.map(octets => octets.length));
        return lines('TAG OK [APPENDUID 7 20:21] stored');
      },
    };
    const { side, server } = await scripted({ capabilities, answers: [take, OPEN] });
    const outcomes = await deliverAll(side, INBOX, [mail('a', 'x'.repeat(9_000)), mail('b')]);
    expect(brief(outcomes)).toEqual(['done 20', 'done 21']);
    expect(sizes).toEqual([9_033, 37]);
    expect(server.commands.find(command => command.startsWith('APPEND'))).toMatch(/\{9033\+\}.*\{37\+\}$/);
    expect((await side.list()).entries).toHaveLength(1);
  });

  it('RF-04: stops asking when the quota is reached', async () => {
    const full: ScriptedAnswer = { when: /^APPEND/, say: lines('TAG NO [OVERQUOTA] mailbox is full') };
    const { outcomes, server } = await deliver({ answers: [full] }, 'a', 'b', 'c');
    expect(brief(outcomes)).toEqual(['refused', 'refused', 'refused']);
    expect(server.count(/^APPEND/)).toBe(1);
  });

  describe('RF-08: a message that is refused for its keywords', () => {
    const marked = (name: string) => ({ ...mail(name), flags: ['$Label', '\\Seen', 'work'] });
    const picky = (refusal: string): ScriptedAnswer => ({
      when: /^APPEND/,
      say: ({ text, literals }) =>
        /work|\$Label/.test(text)
          ? lines(`TAG ${refusal}`)
          : lines(`TAG OK [APPENDUID 7 ${literals[0]!.includes('<b@') ? 11 : 10}] stored`),
    });

    it.each(['NO Invalid flag list', 'NO [LIMIT] Too many keywords', 'BAD Command argument error'])(
      '(%s) is sent once more with the flags every server has, and only the others are missing',
      async refusal => {
        const { side, server } = await scripted({ answers: [picky(refusal), OPEN] });
        const outcomes = await deliverAll(side, INBOX, [marked('a'), mail('b')]);
        expect(brief(outcomes)).toEqual(['done 10', 'done 11']);
        expect(outcomes[0]).toMatchObject({ row: { flags: ['\\Seen'] } });
        expect(server.count(/^APPEND/)).toBe(3);
      },
    );

    it('is found by what it is, with the flags it then has, where the server names no UID', async () => {
      const answers: ScriptedAnswer[] = [
        {
          when: /^APPEND/,
          say: ({ text }) => lines(/work/.test(text) ? 'TAG NO Invalid flag list' : 'TAG OK stored'),
        },
        { when: /^UID FETCH/, say: ok(...ids('a')) },
        OPEN,
      ];
      const { side } = await scripted({ answers });
      expect(await deliverAll(side, INBOX, [marked('a')])).toMatchObject([
        { kind: 'done', row: { key: '10', flags: ['\\Seen'] } },
      ]);
    });

    it.each(['NO Invalid flag list', 'BAD no'])(
      '(%s) both times is refused, and not sent a third time',
      async no => {
        const say = lines(`TAG ${no}`);
        const { side, server } = await scripted({ answers: [{ when: /^APPEND/, say }, OPEN] });
        expect(brief(await deliverAll(side, INBOX, [marked('a')]))).toEqual(['refused']);
        expect(server.count(/^APPEND/)).toBe(2);
      },
    );

    it.each(['NO [OVERQUOTA] full', 'BAD [TOOBIG] too large', 'NO rejected by policy'])(
      'is not sent again when the words are others (%s)',
      async refusal => {
        const say = lines(`TAG ${refusal}`);
        const { side, server } = await scripted({ answers: [{ when: /^APPEND/, say }, OPEN] });
        expect(brief(await deliverAll(side, INBOX, [marked('a')]))).toEqual(['refused']);
        expect(server.count(/^APPEND/)).toBe(1);
      },
    );

    it('is in doubt when the connection is lost the second time', async () => {
      const answers: ScriptedAnswer[] = [
        { when: /^APPEND .*work/, say: lines('TAG NO Invalid flag list') },
        { when: /^APPEND/, say: '', close: true },
        OPEN,
      ];
      const { side } = await scripted({ answers });
      expect(brief(await deliverAll(side, INBOX, [marked('a')]))).toEqual(['unknown']);
    });
  });

  it('RF-09, RF-18: does not know what became of a message when the connection is lost, and sends no other', async () => {
    const lost: ScriptedAnswer = { when: /^APPEND/, say: '', close: true };
    const { outcomes, server } = await deliver({ answers: [lost] }, 'a', 'b');
    expect(brief(outcomes)).toEqual(['unknown', 'refused']);
    expect(server.count(/^APPEND/)).toBe(1);
  });

  it('does not know it either when the answer is lost on the way', async () => {
    const seam = new FaultSeam(1, 'ECONNRESET', { when: 'after', only: effect => effect.name === 'APPEND' });
    const { side, server } = await scripted({ answers: [OPEN, appended('[APPENDUID 7 12]')] }, { seam });
    expect(brief(await deliverAll(side, INBOX, [mail('a'), mail('b')]))).toEqual(['unknown', 'refused']);
    expect(server.count(/^APPEND/)).toBe(1);
  });

  it('SE-17: sends not an octet of a message that the server refuses at its announcement', async () => {
    const { outcomes, server } = await deliver(
      { continuation: 'TAG NO [TRYCREATE] gone\r\n', answers: [] },
      'a',
    );
    expect(brief(outcomes)).toEqual(['refused']);
    expect(server.commands.filter(command => /Message-ID/.test(command))).toEqual([]);
  });

  it('RF-05, RF-06: refuses what is too large for the server, or for this mailbox, without sending it', async () => {
    for (const [capability, most] of [
      ['APPENDLIMIT=0', '0'],
      ['APPENDLIMIT=35', '35'],
    ] as const) {
      const { outcomes, server } = await deliver(
        { capabilities: `IMAP4rev1 NAMESPACE ${capability}`, answers: [] },
        'a',
      );
      expect(outcomes).toMatchObject([
        { kind: 'refused', reason: expect.stringContaining(`${most} at most`) },
      ]);
      expect(server.count(/^(APPEND|STATUS)/)).toBe(0);
    }
    const status: ScriptedAnswer = { when: /^STATUS/, say: ok('* STATUS INBOX (APPENDLIMIT 10)') };
    for (const capability of ['APPENDLIMIT=10', 'APPENDLIMIT']) {
      const capabilities = `IMAP4rev1 NAMESPACE ${capability}`;
      const { outcomes, server } = await deliver({ capabilities, answers: [status] }, 'a');
      expect(outcomes).toMatchObject([{ kind: 'refused', reason: expect.stringContaining('10 at most') }]);
      expect(server.count(/^APPEND/)).toBe(0);
    }
    const nil: ScriptedAnswer = { when: /^STATUS/, say: ok('* STATUS INBOX (APPENDLIMIT NIL)') };
    const capabilities = 'IMAP4rev1 NAMESPACE APPENDLIMIT';
    const { outcomes } = await deliver({ capabilities, answers: [nil, appended('[APPENDUID 7 10]')] }, 'a');
    expect(brief(outcomes)).toEqual(['done 10']);
  });

  it('RF-21: holds nothing of a message that is larger than the server takes, and tells what it is all the same', async () => {
    const capabilities = 'IMAP4rev1 NAMESPACE APPENDLIMIT=100000';
    const { side, server } = await scripted({ capabilities, answers: [appended('[APPENDUID 7 10]'), OPEN] });
    const batch = await side.deliver(INBOX);
    const [large, small] = await batch.prepare(2);
    const line = Buffer.from(`${'x'.repeat(1022)}\r\n`);
    const header = Buffer.from('Message-ID: <large@example.org>\r\nSubject: large\r\n\r\n');
    const same = Buffer.allocUnsafe(1024 * 1024);
    const hasher = new ContentHasher();
    hasher.update(header);
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    async function* chunks() {
      yield header;
      for (let count = 0; count < 256; count++) {
        same.fill(line);
        hasher.update(same);
        yield same;
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      }
    }
    await batch.stage(large!, { ...mail('large'), chunks: chunks() });
    const { identity, envelope } = (await batch.inspect()).get(large!) as StagedLetter;
    expect(identity).toMatchObject({ messageId: '<large@example.org>', ...hasher.finish() });
    expect(envelope.subject).toBe('large');
    expect(most).toBeLessThan(128 * 1024 * 1024);
    await batch.stage(small!, mail('small'));
    const size = header.length + 256 * same.length;
    expect(await batch.publish()).toMatchObject([
      { kind: 'refused', reason: `it has ${size} octets, the server takes 100000 at most` },
      { kind: 'done' },
    ]);
    expect(server.count(/^APPEND/)).toBe(1);
  });

  it('RF-07: sends NUL octets only to a server that can take them, unaltered', async () => {
    const plain = await scripted({ answers: [OPEN] });
    const nul = () => letter(Buffer.from('Subject: nul\r\n\r\na\0b\r\n'));
    expect(brief(await deliverAll(plain.side, INBOX, [nul()]))).toEqual(['refused']);
    expect(plain.server.count(/^APPEND/)).toBe(0);
    const sent: Buffer[] = [];
    const take: ScriptedAnswer = {
      when: /^APPEND .*~\{/,
      say: ({ literals }) => {
        sent.push(...literals);
        return lines('TAG OK [APPENDUID 7 10] stored');
      },
    };
    const binary = await scripted({ capabilities: 'IMAP4rev1 NAMESPACE BINARY', answers: [take, OPEN] });
    expect(brief(await deliverAll(binary.side, INBOX, [nul()]))).toEqual(['done 10']);
    expect(sent[0]?.includes('a\0b')).toBe(true);
  });

  it('UV-13: finds out itself where new messages begin when the server does not say', async () => {
    const say = lines('* 4 EXISTS', '* OK [UIDVALIDITY 7] x', 'TAG OK open');
    const answers: ScriptedAnswer[] = [
      { when: /^SELECT/, say },
      { when: /^UID FETCH \* /, say: ok('* 4 FETCH (UID 17)') },
    ];
    const { side } = await scripted({ answers });
    const batch = await side.deliver(INBOX);
    expect(await batch.prepare(1)).toEqual([{ uidFrom: 18 }]);
    const mute = await scripted({ answers: [{ when: /^SELECT/, say }] });
    expect((await failure(mute.side.deliver(INBOX))).code).toBe('snapshot-incomplete');
  });

  it('sends nothing into a mailbox that was replaced since the slots were made', async () => {
    const { side, server } = await scripted({
      answers: [
        { ...OPEN, times: 1 },
        { when: /^SELECT/, say: opened({ exists: 0, uidValidity: '8' }) },
      ],
    });
    const batch = await side.deliver(INBOX);
    const [slot] = await batch.prepare(1);
    await batch.stage(slot!, mail('a'));
    await side.close();
    expect(brief(await batch.publish())).toEqual(['refused']);
    expect(server.count(/^APPEND/)).toBe(0);
  });

  it('MM-19: leaves flags and dates out that the wire cannot carry', async () => {
    const { side, server } = await scripted({ answers: [appended('[APPENDUID 7 10]'), OPEN] });
    const odd = { ...mail('a'), flags: ['\\Seen', 'two words', 'x)\r\nZ LOGOUT'], date: Number.NaN };
    const outcomes = await deliverAll(side, INBOX, [odd]);
    expect(outcomes).toMatchObject([{ kind: 'done', row: { flags: ['\\Seen'] } }]);
    expect(server.commands.filter(command => command.startsWith('APPEND'))).toEqual([
      expect.stringMatching(/^APPEND "INBOX" \(\\Seen\) \{\d+\}$/),
    ]);
  });

  it.each([
    ['(\\Seen work)', ['Work', '\\Seen']],
    ['(\\Seen \\*)', ['$Forwarded', 'Work', '\\Seen']],
    ['()', []],
  ])('brings along what PERMANENTFLAGS %s lets the mailbox keep', async (permanent, flags) => {
    const say = opened({ exists: 0, uidNext: 10 }).replace(
      /PERMANENTFLAGS \([^)]*\)/,
      `PERMANENTFLAGS ${permanent}`,
    );
    const { side, server } = await scripted({
      answers: [appended('[APPENDUID 7 10]'), { when: /^SELECT/, say }],
    });
    const marked = { ...mail('a'), flags: ['$Forwarded', 'Work', '\\Seen'] };
    expect(await deliverAll(side, INBOX, [marked])).toMatchObject([{ kind: 'done', row: { flags } }]);
    const list = flags.length === 0 ? '' : `(${flags.join(' ')}) `;
    expect(server.commands.find(command => command.startsWith('APPEND'))).toContain(`"INBOX" ${list}"`);
  });
});
