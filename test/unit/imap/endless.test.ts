import { INBOX, mailboxName } from '@postern/core/model/mailbox.js';
import type { Epoch, MessageKey, Row } from '@postern/core/model/row.js';
import type { ImapOptions } from '@postern/core/side/imap/imap-options.js';
import { describe, expect, it } from 'vitest';
import { deliverAll, letter, readAll } from '../../support/letters.js';
import { lines, opened, type ScriptedAnswer } from '../../support/scripted-imap.js';
import { failure, ok, row, scripted } from './scripted-side.js';

const EPOCH = '7' as Epoch;
const WORK = mailboxName('Work');
const MEGABYTE = 1024 * 1024;
const readers: readonly NonNullable<ImapOptions['reader']>[] = ['bulk', 'imapflow'];

const open = (exists: number): ScriptedAnswer => ({ when: /^(EXAMINE|SELECT)/, say: opened({ exists }) });

/** Octets of the heap that a failing call leaves in use, and its error. */
async function held(call: () => Promise<unknown>) {
  const before = process.memoryUsage().rss;
  const error = await failure(call());
  return { error, grown: process.memoryUsage().rss - before };
}

describe.each(readers)('a server without end, read by %s', reader => {
  it('SE-05: that sends rows for ever is left', async () => {
    let uid = 0;
    const flood = () => lines(...Array.from({ length: 30_000 }, () => `* 1 FETCH (UID ${++uid} FLAGS ())`));
    const { side } = await scripted({ answers: [open(3), { when: /^UID FETCH/, say: flood }] }, { reader });
    const { error, grown } = await held(() => side.snapshot(INBOX, undefined));
    expect([error.code, error.message]).toEqual([
      'unreachable',
      expect.stringContaining('more rows than INBOX has'),
    ]);
    expect(grown).toBeLessThan(300 * MEGABYTE);
  });

  it('SE-05: that only keeps alive is left, whatever it says meanwhile', async () => {
    const drip = `${'* OK Hang in there…\r\n'.repeat(400)}`;
    for (const [command, act] of [
      [/^UID FETCH/, 'snapshot'],
      [/^APPEND/, 'deliver'],
    ] as const) {
      const { side } = await scripted(
        { answers: [open(1), { when: command, say: drip }] },
        { reader, timeouts: { stall: 500, silence: 20_000 } },
      );
      if (act === 'snapshot') {
        expect((await failure(side.snapshot(INBOX, undefined))).message).toContain(
          'no progress during FETCH in INBOX',
        );
      } else {
        const [outcome] = await deliverAll(side, INBOX, [letter(Buffer.from('Subject: x\r\n\r\n'))]);
        expect(outcome).toMatchObject({
          kind: 'unknown',
          reason: expect.stringContaining('no progress during APPEND'),
        });
      }
    }
  });

  it('is left in the middle of a move when it says nothing, and later when it only keeps alive', async () => {
    const capabilities = 'IMAP4rev1 NAMESPACE UIDPLUS MOVE';
    const there = { when: /^UID FETCH/, say: ok(row(1)) };
    for (const [say, timeouts, why] of [
      ['', { stall: 20_000, silence: 300 }, /no (answer|progress during MOVE in INBOX) for 300 ms/],
      [
        '* OK Hang in there\r\n',
        { stall: 50, silence: 20_000 },
        /no progress during MOVE in INBOX for 300 ms/,
      ],
    ] as const) {
      const answers = [open(1), there, { when: /^UID MOVE/, say }];
      const { side } = await scripted({ capabilities, answers }, { reader, timeouts });
      const { rows } = await side.snapshot(INBOX, undefined);
      const request = { mailbox: INBOX, epoch: EPOCH, to: WORK, toEpoch: EPOCH, rows: [...rows.values()] };
      const error = await failure(side.move(request));
      expect([error.code, error.message]).toEqual(['unreachable', expect.stringMatching(why)]);
    }
  });

  it('is given no longer than others for a mark before it expunges', async () => {
    const answers = [
      open(1),
      { when: /^UID FETCH/, say: ok(row(1)) },
      { when: /^UID STORE/, say: '* OK Hang in there\r\n' },
    ];
    const timeouts = { stall: 50, silence: 20_000 };
    const { side } = await scripted(
      { capabilities: 'IMAP4rev1 NAMESPACE UIDPLUS', answers },
      { reader, timeouts },
    );
    const { rows } = await side.snapshot(INBOX, undefined);
    const removals = [...rows.values()].map(expect => ({ expect, operation: 'op' }));
    const error = await failure(side.remove(INBOX, EPOCH, removals));
    expect([error.code, error.message]).toEqual([
      'unreachable',
      expect.stringContaining('no progress during STORE in INBOX for 50 ms'),
    ]);
  });

  it('SE-03, SE-04: announces a literal, a line or lists that nothing can hold', async () => {
    const told = (what: string) => `* 1 FETCH (UID 1 FLAGS () ${what}`;
    for (const what of [
      'BODY[] {4294967295}\r\n',
      'BODY[] {18446744073709551615}\r\n',
      'BODY[] {-1}\r\n',
      `X ${'('.repeat(100_000)}\r\n`,
      `X (${'1 '.repeat(250_000)})\r\n`,
      `X ${'x'.repeat(17 * MEGABYTE)}`,
    ]) {
      const answers = [open(1), { when: /^UID FETCH/, say: told(what), close: true } as const];
      const { side } = await scripted({ answers }, { reader });
      const { error, grown } = await held(() => side.snapshot(INBOX, undefined));
      expect(['unreachable', 'snapshot-incomplete'], what.slice(0, 40)).toContain(error.code);
      expect(grown, what.slice(0, 40)).toBeLessThan(400 * MEGABYTE);
    }
  });

  it('RF-20: announces more messages than memory can hold', async () => {
    for (const exists of [4_294_967_295, 50_000_000]) {
      const { side, server } = await scripted({ answers: [open(exists)] }, { reader });
      const error = await failure(side.snapshot(INBOX, undefined));
      expect([error.code, error.message]).toEqual([
        'mailbox-unreadable',
        expect.stringContaining(`has ${exists} messages`),
      ]);
      expect(server.count(/FETCH/)).toBe(0);
    }
  });

  it('says that everything vanished, in one line', async () => {
    const say = lines('* VANISHED 1:4294967295', '* VANISHED (EARLIER) 1:4294967295', row(1), 'TAG OK done');
    const { side } = await scripted(
      { answers: [open(1), { when: /^UID FETCH/, say, times: 1 }, { when: /^UID FETCH/, say: ok(row(1)) }] },
      { reader },
    );
    expect((await side.snapshot(INBOX, undefined)).rows.size).toBe(1);
  });

  it('never says that a large message is at its end, or hands out other pieces of it', async () => {
    const known: Row = {
      key: '1' as MessageKey,
      flags: [],
      date: 0,
      envelope: {},
      identity: { digest: 'd', size: 5 * MEGABYTE },
    };
    const piece = 'x'.repeat(MEGABYTE);
    const from = (text: string) => /<(\d+)\./.exec(text)![1];
    const endless: ScriptedAnswer = {
      when: /BODY/,
      say: ({ text }) => ok(`* 1 FETCH (UID 1 FLAGS () BODY[]<${from(text)}> {${piece.length}}\r\n${piece})`),
    };
    const one = await scripted({ answers: [open(1), endless] }, { reader });
    let octets = 0;
    await one.side.read(INBOX, EPOCH, [known], async ({ chunks }) => {
      for await (const chunk of chunks) octets += chunk.length;
    });
    expect(octets).toBeLessThan(120 * MEGABYTE);

    const whole = 'y'.repeat(5 * MEGABYTE);
    const ignoring = (origin: string): ScriptedAnswer => ({
      when: /BODY/,
      say: ok(`* 1 FETCH (UID 1 FLAGS () BODY[]${origin} {${whole.length}}\r\n${whole})`),
    });
    const [plain, zero] = [
      await scripted({ answers: [open(1), ignoring('')] }, { reader }),
      await scripted({ answers: [open(1), ignoring('<0>')] }, { reader }),
    ];
    expect((await readAll(plain.side, INBOX, EPOCH, [known])).get(known.key)?.length).toBe(5 * MEGABYTE);
    expect((await readAll(zero.side, INBOX, EPOCH, [known])).size).toBe(0);
  });
});

describe('a server without end', () => {
  it('lists more mailboxes than any account has', async () => {
    let number = 0;
    const flood = () => lines(...Array.from({ length: 100_002 }, () => `* LIST () "/" m${++number}`));
    const { side } = await scripted({ answers: [{ when: /^LIST/, say: flood }] });
    expect((await failure(side.list())).message).toContain('more than 100000 mailboxes');
  });

  it('SE-15: has alert after alert: some are shown, on one line each', async () => {
    const alerts: string[] = [];
    const say = lines(
      ...Array.from({ length: 500 }, (_, at) => `* OK [ALERT] ${at}\x1b[2J`),
      '* LIST () "/" INBOX',
      'TAG OK x',
    );
    const { side } = await scripted(
      { answers: [{ when: /^LIST/, say }] },
      { onAlert: text => void alerts.push(text) },
    );
    await side.list();
    expect(alerts).toHaveLength(20);
    expect(alerts[0]).toBe('0\\x1b[2J');
  });

  it('SE-14: has ten thousand keywords, or \\Deleted on everything', async () => {
    const keywords = Array.from({ length: 10_000 }, (_, at) => `k${at}`).join(' ');
    const { side } = await scripted({
      answers: [
        open(2),
        { when: /^UID FETCH/, say: ok(row(1, { flags: keywords }), row(2, { flags: '\\Deleted' })) },
      ],
    });
    const { rows } = await side.snapshot(INBOX, undefined);
    expect([...rows.values()].map(({ flags }) => flags.length)).toEqual([10_000, 1]);
  });

  it('SE-16: offers COMPRESS=DEFLATE in vain', async () => {
    const { side, server } = await scripted({ capabilities: 'IMAP4rev1 NAMESPACE COMPRESS=DEFLATE' });
    await side.list();
    expect(server.count(/COMPRESS/)).toBe(0);
  });

  it('SE-17: asks for a literal nobody announced, and never for one that was', async () => {
    const unasked: ScriptedAnswer = {
      when: /^(LIST|EXAMINE|SELECT)/,
      say: `+ go on\r\n${lines('* LIST () "/" INBOX', 'TAG OK x')}`,
    };
    const eager = await scripted({ answers: [unasked] });
    expect((await eager.side.list()).entries).toHaveLength(1);
    const mute = await scripted({ continuation: '', answers: [open(0)] }, { timeouts: { silence: 100 } });
    const [outcome] = await deliverAll(mute.side, INBOX, [letter(Buffer.from('Subject: x\r\n\r\ntext\r\n'))]);
    expect(outcome?.kind).toMatch(/unknown|refused/);
    expect(mute.server.count(/Subject/)).toBe(0);
  });
});
