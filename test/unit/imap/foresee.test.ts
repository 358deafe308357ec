import { INBOX } from '@postern/core/model/mailbox.js';
import type { Cursor, Epoch, MessageKey, Row } from '@postern/core/model/row.js';
import type { Foreseen } from '@postern/core/side/side.js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { lines, opened, type ScriptedAnswer } from '../../support/scripted-imap.js';
import { bodyRow, ok, row, scripted } from './scripted-side.js';

const EPOCH = '7' as Epoch;
const keys = (...uids: readonly number[]) => uids.map(uid => String(uid) as MessageKey);
const rowsOf = (...uids: readonly number[]) => keys(...uids).map(key => ({ key }) as Row);
const CURSOR: Cursor = { epoch: EPOCH, count: 4 };
const live = (uid: number) => row(uid, { more: ' MODSEQ (5)' });

const STAND = opened({ exists: 4, uidNext: 6, more: ['* OK [HIGHESTMODSEQ 10] x'] });
const LOOKED: ScriptedAnswer = { when: /^UID FETCH 2:3 \(UID FLAGS MODSEQ/, say: ok(live(2), live(3)) };
const BODY: ScriptedAnswer = {
  when: /^UID FETCH 5 .*BODY\.PEEK\[\]/,
  say: ok(bodyRow(5, 'Subject: 5\r\n\r\nx\r\n')),
};
const FOUND: ScriptedAnswer = { when: /^UID SEARCH/, say: ok('* ESEARCH (TAG "x") UID ALL 2:5') };

/** In a mailbox that had 1 to 5: 1 is believed to be gone, 2 and 3 are looked at, 5 is new. */
const QUESTIONS: Foreseen = {
  cursor: CURSOR,
  looks: rowsOf(2, 3),
  gone: keys(1),
  bodies: keys(5),
  writes: false,
};

async function foreseen(
  questions: Foreseen,
  odd: readonly ScriptedAnswer[] = [],
  capabilities = 'CONDSTORE ESEARCH UIDPLUS',
) {
  const { side, server } = await scripted({
    capabilities: `IMAP4rev1 NAMESPACE ${capabilities}`,
    answers: [
      ...odd,
      { when: /^(EXAMINE|SELECT)/, say: STAND },
      LOOKED,
      BODY,
      FOUND,
      { when: /^UID FETCH 2:3 /, say: ok(live(2), live(3)) },
    ],
  });
  await side.list();
  const before = server.commands.length;
  await side.foresee(INBOX, EPOCH, questions);
  const asked = server.commands.length;
  const bodies: string[] = [];
  return {
    side,
    server,
    sent: () => server.commands.slice(before, asked),
    since: () => server.commands.slice(asked),
    read: async () => {
      const rows = [{ key: '5', identity: { size: 16 } }] as never;
      await side.read(INBOX, EPOCH, rows, async ({ chunks }) => {
        for await (const chunk of chunks) bodies.push(Buffer.from(chunk).toString());
      });
      return bodies.splice(0);
    },
    /** What a job asks, in order. */
    job: async () => {
      const looked = await side.look(INBOX, EPOCH, keys(2, 3), questions.writes ? 'to-change' : 'recent');
      const { gone } = await side.look(INBOX, EPOCH, keys(1), 'gone');
      return { looked: [...looked.rows.keys()], gone: [...gone] };
    },
  };
}

const RIGHT = { looked: ['2', '3'], gone: ['1'] };

afterEach(() => {
  vi.restoreAllMocks();
});

describe('what is foreseen of a mailbox', () => {
  it('is asked in one breath with opening it, and found by whoever asks the same', async () => {
    const { sent, since, job, read } = await foreseen(QUESTIONS);
    expect(sent().map(command => command.replace(/ \(UID.*(BODY\.PEEK\[(?:\]|H)).*/, ' $1'))).toEqual([
      'EXAMINE "INBOX"',
      'UID FETCH 2:3 BODY.PEEK[H',
      'UID FETCH 5 BODY.PEEK[]',
      'UID SEARCH RETURN (ALL) ALL',
    ]);
    expect(await job()).toEqual(RIGHT);
    expect(await read()).toEqual(['Subject: 5\r\n\r\nx\r\n']);
    expect(since()).toEqual([]);
  });

  it('hands a body out once', async () => {
    const { since, read } = await foreseen(QUESTIONS);
    for (const asked of [0, 1, 2]) {
      expect(await read()).toEqual(['Subject: 5\r\n\r\nx\r\n']);
      expect(since()).toHaveLength(asked);
    }
  });

  it('reads a body that did not come', async () => {
    const { since, read } = await foreseen(QUESTIONS, [
      { ...BODY, say: ok('* 4 FETCH (UID 5 FLAGS () BODY[] NIL)'), times: 1 },
    ]);
    expect(await read()).toEqual(['Subject: 5\r\n\r\nx\r\n']);
    expect(since()).toHaveLength(1);
  });

  it('serves for a second', async () => {
    const { since, job, read } = await foreseen(QUESTIONS);
    const now = performance.now();
    vi.spyOn(performance, 'now').mockImplementation(() => now + 1_001);
    expect(await job()).toEqual(RIGHT);
    expect(await read()).toHaveLength(1);
    expect(since().map(command => command.split(' ', 2).join(' '))).toEqual([
      'NOOP',
      'UID FETCH',
      'UID SEARCH',
      'UID FETCH',
    ]);
  });

  it.each<[string, ScriptedAnswer]>([
    ['while somebody delivers', { ...LOOKED, say: ok(live(2), live(3), '* 5 EXISTS'), times: 1 }],
    ['while somebody expunges', { ...LOOKED, say: ok(live(2), live(3), '* 1 EXPUNGE'), times: 1 }],
    ['with a line in it that makes no sense', { ...LOOKED, say: ok(live(2), '* 2 FETCH (UID'), times: 1 }],
    ['with a refusal', { ...LOOKED, say: lines('TAG NO not now'), times: 1 }],
    ['in part', { ...LOOKED, say: lines(live(2), 'TAG OK [LIMIT 1] done'), times: 1 }],
    [
      'of a mailbox without mod-sequences',
      { when: /^(EXAMINE|SELECT)/, say: opened({ exists: 4, uidNext: 6, more: ['* OK [NOMODSEQ] x'] }) },
    ],
    [
      'of another mailbox by this name',
      {
        when: /^(EXAMINE|SELECT)/,
        say: opened({ exists: 4, uidValidity: '8', more: ['* OK [HIGHESTMODSEQ 10] x'] }),
        times: 1,
      },
    ],
  ])('is not believed where it was answered %s', async (_how, odd) => {
    const { side, server, since } = await foreseen(QUESTIONS, [odd]);
    expect(since()).toEqual([]);
    if (odd.times === 1 && /EXAMINE/.test(odd.when.source)) {
      await expect(side.look(INBOX, EPOCH, keys(2, 3), 'recent')).rejects.toThrow(
        'UIDVALIDITY of INBOX is 8 now',
      );
      return;
    }
    const { rows } = await side.look(INBOX, EPOCH, keys(2, 3), 'recent');
    expect([...rows.keys()]).toEqual(['2', '3']);
    expect(server.count(/^UID FETCH 2:3 /)).toBe(2);
  });

  it('is not asked of a server without mod-sequences', async () => {
    const { sent, job } = await foreseen(QUESTIONS, [], 'ESEARCH');
    expect(sent()).toEqual([]);
    expect(await job()).toEqual(RIGHT);
  });

  it('does not say that a message is gone where the list of UIDs is too short', async () => {
    const { server, job } = await foreseen(QUESTIONS, [
      { ...FOUND, say: ok('* ESEARCH (TAG "x") UID ALL 2:3'), times: 1 },
    ]);
    expect(await job()).toEqual(RIGHT);
    expect(server.count(/^UID SEARCH/)).toBe(2);
  });

  it('is asked step by step where the connection ends over it', async () => {
    const { side, since, job } = await foreseen(QUESTIONS, [{ ...LOOKED, close: true, times: 1 }]);
    expect(await job()).toEqual(RIGHT);
    expect(since().map(command => command.split(' ', 2).join(' '))).toEqual([
      'LOGIN',
      'NAMESPACE',
      'EXAMINE "INBOX"',
      'UID FETCH',
      'UID SEARCH',
    ]);
    await side.foresee(INBOX, EPOCH, QUESTIONS);
    expect(since()).toHaveLength(5);
  });

  it('is over where a message went since', async () => {
    const { side, server } = await foreseen(QUESTIONS, [{ when: /^NOOP/, say: ok('* 4 EXPUNGE'), times: 1 }]);
    for (const when of ['now', 'recent', 'recent'] as const) await side.look(INBOX, EPOCH, keys(2, 3), when);
    expect(server.count(/^UID FETCH 2:3 /)).toBe(4);
  });

  it('is over for messages that something was done with', async () => {
    const STORED: ScriptedAnswer = {
      when: /^UID STORE 2/,
      say: ok('* 1 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (11))'),
    };
    const { side, server } = await foreseen({ ...QUESTIONS, writes: true }, [STORED]);
    await side.look(INBOX, EPOCH, keys(2), 'to-change');
    await side.flag(INBOX, EPOCH, [{ key: keys(2)[0]!, add: ['\\Seen'], remove: [] }]);
    expect(server.commands.at(-1)).toBe('UID STORE 2 +FLAGS (\\Seen)');
    await side.look(INBOX, EPOCH, keys(3), 'to-change');
    expect(server.commands.at(-1)).toBe('UID STORE 2 +FLAGS (\\Seen)');
    await side.look(INBOX, EPOCH, keys(2, 3), 'to-change');
    expect(server.commands.at(-1)).toMatch(/^UID FETCH 2:3 /);
  });
});

describe('what is foreseen', () => {
  it('says nothing of a UID that the server tells of only after a NOOP', async () => {
    let isTold = false;
    const told = (): string => {
      isTold = true;
      return ok('* 5 EXISTS');
    };
    const { side } = await foreseen({ ...QUESTIONS, gone: keys(6) }, [
      { when: /^NOOP/, say: told },
      { when: /^UID SEARCH/, say: () => ok(`* ESEARCH (TAG "x") UID ALL 2:${isTold ? 6 : 5}`) },
      { when: /^UID FETCH 6/, say: () => (isTold ? ok(live(6)) : ok()) },
    ]);
    expect([...(await side.look(INBOX, EPOCH, keys(6), 'gone')).gone]).toEqual([]);
  });

  it('holds few octets, whatever size the server announced', async () => {
    const body = `Subject: x\r\n\r\n${'x'.repeat(600_000)}\r\n`;
    const uids = [2, 3, 4, 5];
    const { side, since } = await foreseen({ ...QUESTIONS, bodies: keys(...uids) }, [
      { when: /^UID FETCH 2:5 /, say: ok(...uids.map(uid => bodyRow(uid, body, 16))) },
      { when: /^UID FETCH 5 /, say: ok(bodyRow(5, body, 16)) },
    ]);
    const rows = uids.map(uid => ({ key: keys(uid)[0], identity: { size: 16 } })) as never;
    const taken: string[] = [];
    await side.read(INBOX, EPOCH, rows, async ({ key }) => void taken.push(key));
    expect(taken).toEqual(['2', '3', '4', '5']);
    expect(since().map(command => command.split(' ', 3).join(' '))).toEqual(['UID FETCH 5']);
  });

  it('leaves the mailbox open where nothing can be asked ahead', async () => {
    const { side, server } = await scripted(
      {
        capabilities: 'IMAP4rev1 NAMESPACE CONDSTORE ESEARCH',
        answers: [
          { when: /^EXAMINE/, say: STAND },
          { when: /^UID FETCH 2:3 /, say: ok(live(2), live(3)) },
        ],
      },
      { reader: 'imapflow' },
    );
    const look = () => side.look(INBOX, EPOCH, keys(2, 3), 'recent');
    await look();
    await side.foresee(INBOX, EPOCH, QUESTIONS);
    await look();
    expect(server.count(/^EXAMINE/)).toBe(1);
  });
});

describe('a delivery into a mailbox that was opened for what is to come', () => {
  const WRITING: Foreseen = { ...QUESTIONS, writes: true };

  it('selects it once', async () => {
    const { side, sent, since } = await foreseen(WRITING);
    expect(sent()[0]).toBe('SELECT "INBOX"');
    const batch = await side.deliver(INBOX);
    expect(await batch.prepare(1)).toEqual([{ uidFrom: 6 }]);
    await batch.abandon();
    expect(since()).toEqual([]);
    await (await side.deliver(INBOX)).abandon();
    expect(since()).toEqual(['SELECT "INBOX"']);
  });

  it('selects it again where mail came meanwhile', async () => {
    const { side, since } = await foreseen(WRITING, [{ when: /^NOOP/, say: ok('* 5 EXISTS') }]);
    await side.look(INBOX, EPOCH, keys(2, 3), 'now');
    await (await side.deliver(INBOX)).abandon();
    expect(since().at(-1)).toBe('SELECT "INBOX"');
  });
});
