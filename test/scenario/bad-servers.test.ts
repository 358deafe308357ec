import type { Action } from '@postern/core/model/action.js';
import type { Seam } from '@postern/core/model/effect.js';
import type { MessageKey } from '@postern/core/model/row.js';
import { describe, expect, it } from 'vitest';
import { expectSettled, type ImapRig, imapRig, subjects } from '../support/imap-rig.js';
import { message } from '../support/messages.js';
import { lines, type ScriptedCommand } from '../support/scripted-imap.js';
import { CountingSeam, Crash, CrashSeam } from '../support/seam.js';
import { literal, type WorldImapOptions } from '../support/world-imap.js';

const ELEVEN_MINUTES = 11 * 60 * 1000;
const mail = (subject: string, body = 'A line of text.\r\n') => message({ subject, body });

/** An account with these messages in INBOX and an empty mailbox Work, synced; message n of the list has UID n. */
async function synced(names: readonly string[], quirks: WorldImapOptions = {}): Promise<ImapRig> {
  const one = await imapRig(quirks);
  for (const name of names) one.rig.remote.add('INBOX', mail(name));
  one.rig.remote.createMailbox('Work');
  const { report } = await one.tried();
  expect(report?.apply).toMatchObject({ problems: [], counts: { failed: 0, skipped: 0 } });
  return one;
}

const keyOf = ({ rig }: ImapRig, subject: string): MessageKey =>
  [...rig.local.mailbox('INBOX').messages.values()].find(({ envelope }) => envelope.subject === subject)!.key;

const isRowFetch = ({ text }: ScriptedCommand) =>
  /^UID FETCH .*FLAGS/.test(text) && !text.includes('BODY.PEEK[]');
const isBodyFetch = ({ text }: ScriptedCommand) => /^UID FETCH .*BODY\.PEEK\[\]/.test(text);

/** Answers a command as the server does, without the rows of these UIDs. */
const without =
  (uid: number) =>
  (answer: string, command: ScriptedCommand): string =>
    /^UID FETCH/.test(command.text)
      ? answer.replace(
          new RegExp(`^\\* \\d+ FETCH \\(UID ${uid} [\\s\\S]*?(?=^\\* \\d+ FETCH|^TAG )`, 'm'),
          '',
        )
      : answer;

async function planned(one: ImapRig): Promise<readonly Action[]> {
  return (await one.rig.plan()).actions;
}

describe('a server that leaves something out', () => {
  it.each([
    ['a row that never comes', without(2)],
    [
      'MESSAGELIMIT',
      (answer: string, command: ScriptedCommand) =>
        isRowFetch(command)
          ? without(3)(answer, command).replace('TAG OK', 'TAG OK [MESSAGELIMIT 2 3]')
          : answer,
    ],
    [
      'a NO in the middle',
      (answer: string, command: ScriptedCommand) =>
        isRowFetch(command) ? without(1)(answer, command).replace('TAG OK', 'TAG NO [SERVERBUG]') : answer,
    ],
    [
      'an EXISTS that shrinks without an EXPUNGE',
      (answer: string, command: ScriptedCommand) =>
        isRowFetch(command) ? `* 2 EXISTS\r\n${without(3)(answer, command)}` : answer,
    ],
  ])('%s deletes nothing, and is mended by a good answer', async (_what, twist) => {
    const one = await synced(['a', 'b', 'c'], { capabilities: 'IMAP4rev1 NAMESPACE UIDPLUS UNSELECT' });
    one.rig.remote.flag('INBOX', '1', { add: ['\\Seen'] });
    one.quirks.twist = twist;
    const { report, error } = await one.tried();
    expect(error).toBeUndefined();
    expect(report?.fetch.problems).toMatchObject([{ mailbox: 'INBOX' }]);
    expect((await planned(one)).filter(({ op }) => op.startsWith('delete'))).toEqual([]);
    expect(subjects(one.rig.local)).toEqual(['a', 'b', 'c']);
    one.quirks.twist = undefined;
    await one.tried();
    await expectSettled(one);
  });

  it.each(['NO SEARCH failed', 'BAD no such thing', 'OK done'])(
    'RF-11: a search for what is left that ends with %s is not taken for "no messages"',
    async said => {
      const one = await synced(['a', 'b', 'c']);
      one.rig.remote.remove('INBOX', '2');
      let searches = 0;
      one.quirks.instead = ({ text }) => {
        if (!/^UID SEARCH/.test(text)) return undefined;
        searches++;
        return lines(`TAG ${said}`);
      };
      await one.tried();
      expect(searches).toBeGreaterThan(0);
      expect(subjects(one.rig.local)).toEqual(expect.arrayContaining(['a', 'c']));
      expect(subjects(one.rig.remote)).toEqual(['a', 'c']);
      one.quirks.instead = undefined;
      await one.tried();
      await expectSettled(one);
    },
  );

  it('RA-19: expunges that HIGHESTMODSEQ does not tell of are found by the count', async () => {
    const one = await synced(['a', 'b', 'c']);
    const mailbox = one.rig.remote.mailbox('INBOX');
    const before = mailbox.highestModseq;
    for (const uid of ['1', '3']) one.rig.remote.remove('INBOX', uid);
    mailbox.highestModseq = before;
    await one.tried();
    expect(subjects(one.rig.local)).toEqual(['b']);
    await expectSettled(one);
  });

  it.each([
    ['none', (answer: string) => answer.replace(/^\* OK \[UIDVALIDITY.*\r\n/m, '')],
    ['0', (answer: string) => answer.replace(/UIDVALIDITY \d+/, 'UIDVALIDITY 0')],
    ['one that is not kept', (answer: string) => `* NO [UIDNOTSTICKY] x\r\n${answer}`],
  ])('PV-13: a mailbox whose UIDVALIDITY is %s is left alone, and said so', async (_what, change) => {
    const one = await synced(['a', 'b']);
    one.rig.remote.remove('INBOX', '1');
    one.rig.local.add('INBOX', mail('mine'));
    one.quirks.twist = (answer, { text }) =>
      /^(EXAMINE|SELECT) "INBOX"/.test(text) ? change(answer) : answer;
    const { report } = await one.tried();
    expect(report?.fetch.problems.map(({ reason }) => reason)).toEqual([expect.stringContaining('UID')]);
    expect(subjects(one.rig.local)).toEqual(['a', 'b', 'mine']);
    expect(subjects(one.rig.remote)).toEqual(['b']);
  });
});

describe('a server that says more than it was asked', () => {
  it('RA-16, SE-07: rows, bodies and news of other messages have no effect', async () => {
    const one = await synced(['a', 'b', 'c']);
    one.quirks.twist = (answer, { text }) =>
      /^UID (FETCH|STORE)/.test(text)
        ? `* 1 FETCH (FLAGS (\\Deleted))\r\n* 2 FETCH (UID 99 FLAGS (\\Seen) BODY[] ${literal(mail('never'))})\r\n* 3 FETCH (UID 3 BODY[] ${literal(mail('wrong'))})\r\n${answer}* OK Still here\r\n`.replace(
            /(TAG .*\r\n)(\* OK Still here\r\n)$/,
            '$2$1',
          )
        : answer;
    one.rig.remote.add('INBOX', mail('new'));
    one.rig.local.add('INBOX', mail('mine'));
    one.rig.local.remove('INBOX', keyOf(one, 'a'));
    one.rig.local.flag('INBOX', keyOf(one, 'b'), { add: ['\\Flagged'] });
    await one.tried();
    await one.tried();
    expect(subjects(one.rig.local)).toEqual(['b', 'c', 'mine', 'new']);
    await expectSettled(one);
  });

  it('UIDs twice and out of order are one message each', async () => {
    const one = await synced(['a', 'b', 'c', 'd'], {
      capabilities: 'IMAP4rev1 NAMESPACE UIDPLUS',
      twist: (answer, { text }) => {
        if (!/^UID FETCH/.test(text) || text.includes('BODY.PEEK[]')) return answer;
        const rows = answer.split(/(?=^\* \d+ FETCH|^TAG )/m);
        const tagged = rows.pop()!;
        return [...rows.reverse(), ...rows, tagged].join('');
      },
    });
    expect(one.rig.local.traffic.delivered).toBe(4);
    one.rig.remote.remove('INBOX', '2');
    one.rig.local.add('INBOX', mail('mine'));
    await one.tried();
    await expectSettled(one);
  });

  it('RA-17: mail that arrives while it is listed is there once', async () => {
    const one = await synced(['a']);
    one.rig.remote.add('INBOX', mail('b'));
    let arrived = false;
    one.quirks.twist = (answer, command) => {
      if (!isRowFetch(command) || arrived) return answer;
      arrived = true;
      one.rig.remote.add('INBOX', mail('c'));
      return answer.replace('TAG OK', '* 3 EXISTS\r\nTAG OK');
    };
    await one.tried();
    await one.tried();
    expect(subjects(one.rig.local)).toEqual(['a', 'b', 'c']);
    await expectSettled(one);
  });
});

describe('a server that goes back or forgets', () => {
  it.each([
    ['lower than before', /HIGHESTMODSEQ \d+/, 'HIGHESTMODSEQ 1'],
    ['0', /HIGHESTMODSEQ \d+/, 'HIGHESTMODSEQ 0'],
    ['NOMODSEQ', /HIGHESTMODSEQ \d+/, 'NOMODSEQ'],
  ])('RA-18: HIGHESTMODSEQ %s is not believed, and flags are listed in full', async (_what, from, to) => {
    const one = await synced(['a', 'b']);
    one.rig.remote.flag('INBOX', '1', { add: ['\\Flagged'] });
    one.quirks.twist = answer => answer.replace(from, to);
    await one.tried();
    one.quirks.twist = undefined;
    await one.tried();
    await expectSettled(one);
    expect(
      one.rig.local
        .contents('INBOX')
        .map(({ flags }) => flags.join(' '))
        .sort(),
    ).toEqual(['', '\\Flagged']);
  });

  it('RA-21: a flag that we stored is no change of somebody else next time', async () => {
    const one = await synced(['a', 'b']);
    one.rig.local.flag('INBOX', keyOf(one, 'a'), { add: ['\\Flagged'] });
    await one.tried();
    const { report } = await one.tried();
    expect(report?.plan.actions).toEqual([]);
    await expectSettled(one);
  });

  it('SE-12: capabilities that are gone the next time are done without', async () => {
    const one = await synced(['a', 'b', 'c']);
    const poor = 'IMAP4rev1 NAMESPACE';
    one.quirks.instead = ({ text }) =>
      /^UID (MOVE|EXPUNGE)|UNCHANGEDSINCE|CHANGEDSINCE|MODSEQ/.test(text)
        ? lines('TAG BAD unknown')
        : undefined;
    one.server.announce(poor);
    one.rig.local.remove('INBOX', keyOf(one, 'a'));
    one.rig.local.flag('INBOX', keyOf(one, 'b'), { add: ['\\Seen'] });
    one.rig.local.move('INBOX', keyOf(one, 'c'), 'Work');
    await one.tried();
    await one.tried();
    expect(subjects(one.rig.local)).toEqual(['b']);
    expect(one.rig.remote.message('INBOX', '1').flags).toContain('\\Deleted');
    expect(subjects(one.rig.remote, 'Work')).toEqual(['c']);
    expect(one.server.count(/^(EXPUNGE|CLOSE)/)).toBe(0);
  });
});

describe('a conditional STORE', () => {
  const modified =
    (uid: number) =>
    (answer: string, { text }: ScriptedCommand) =>
      /UNCHANGEDSINCE/.test(text) ? answer.replace(/^TAG OK.*/m, `TAG OK [MODIFIED ${uid}] not all`) : answer;

  it('RA-04: that is answered OK [MODIFIED] is not done, and the message is not expunged', async () => {
    const one = await synced(['a', 'b']);
    one.rig.local.remove('INBOX', keyOf(one, 'a'));
    one.quirks.twist = modified(1);
    const { report } = await one.tried();
    expect(report?.apply.counts.skipped).toBe(1);
    expect(subjects(one.rig.remote)).toEqual(['a', 'b']);
    expect(one.server.count(/EXPUNGE/)).toBe(0);
  });

  it('RA-05: that says MODIFIED for nothing is repeated the next time', async () => {
    const one = await synced(['a', 'b']);
    one.rig.local.remove('INBOX', keyOf(one, 'a'));
    let said = false;
    one.quirks.instead = command => {
      if (said || !/UNCHANGEDSINCE/.test(command.text)) return undefined;
      said = true;
      return lines('TAG OK [MODIFIED 1] not all');
    };
    await one.tried();
    await one.tried();
    expect(subjects(one.rig.remote)).toEqual(['b']);
    await expectSettled(one);
  });
});

describe('what a server says it stored', () => {
  it.each([
    ['one that is free', (uid: number) => uid + 50],
    ['one of another new message', (uid: number) => uid - 1],
  ])('an APPENDUID that names %s makes no twin and loses nothing', async (_what, wrong) => {
    const one = await synced(['a']);
    let others = 0;
    one.quirks.instead = ({ text }) => {
      if (/^APPEND/.test(text)) one.rig.remote.add('INBOX', mail(`other ${++others}`));
      return undefined;
    };
    one.quirks.twist = (answer, { text }) =>
      /^APPEND/.test(text)
        ? answer.replace(
            /APPENDUID (\d+) (\d+)/,
            (_all, validity, uid) => `APPENDUID ${validity} ${wrong(Number(uid))}`,
          )
        : answer;
    one.rig.local.add('INBOX', mail('mine'));
    await one.tried();
    one.quirks.instead = undefined;
    one.quirks.twist = undefined;
    for (let times = 0; times < 3; times++) await one.tried();
    const all = ['a', 'mine', 'other 1'];
    expect([subjects(one.rig.remote), subjects(one.rig.local)]).toEqual([all, all]);
    await expectSettled(one);
  });

  it.each([
    ['names the other message', /(\d+),(\d+)\] copied/, '$2,$1] copied'],
    ['names UIDs that are free', /(\d+),(\d+)\] copied/, '801,802] copied'],
    ['has another UIDVALIDITY', /COPYUID \d+/, 'COPYUID 4711'],
  ])('a COPYUID that %s makes no twin and loses nothing', async (_what, from, to) => {
    for (const capabilities of [
      'IMAP4rev1 NAMESPACE UIDPLUS',
      'IMAP4rev1 NAMESPACE UIDPLUS MOVE CONDSTORE',
    ]) {
      const one = await synced(['a', 'b', 'c'], { capabilities });
      for (const name of ['a', 'b']) one.rig.local.move('INBOX', keyOf(one, name), 'Work');
      one.quirks.twist = (answer, { text }) =>
        /^UID (COPY|MOVE)/.test(text) ? answer.replace(from, to) : answer;
      await one.tried();
      one.quirks.twist = undefined;
      for (let times = 0; times < 3; times++) await one.tried();
      expect(subjects(one.rig.remote, 'Work'), capabilities).toEqual(['a', 'b']);
      expect(subjects(one.rig.remote), capabilities).toEqual(['c']);
      await expectSettled(one);
    }
  });

  it('an APPEND that is committed late is not sent again, and paired when it shows', async () => {
    const one = await synced(['a']);
    const late: Buffer[] = [];
    one.quirks.instead = ({ text, literals }) => {
      if (!/^APPEND/.test(text)) return undefined;
      late.push(...literals);
      return '';
    };
    one.quirks.hangUp = ({ text }) => /^APPEND/.test(text);
    one.rig.local.add('INBOX', mail('mine'));
    const { report } = await one.tried();
    expect(report?.apply.counts.failed).toBe(1);
    await one.tried();
    expect(late).toHaveLength(1);
    one.rig.remote.add('INBOX', late[0]!);
    await one.tried();
    expect(late).toHaveLength(1);
    expect(subjects(one.rig.remote)).toEqual(['a', 'mine']);
    await expectSettled(one);
  });

  it('an APPEND that is lost for good is sent again after the time a server may take', async () => {
    const one = await synced(['a']);
    one.quirks.instead = ({ text }) => (/^APPEND/.test(text) ? '' : undefined);
    one.quirks.hangUp = ({ text }) => /^APPEND/.test(text);
    one.rig.local.add('INBOX', mail('mine'));
    await one.tried();
    one.quirks.instead = undefined;
    one.quirks.hangUp = undefined;
    one.rig.clock.pass(ELEVEN_MINUTES);
    await one.tried();
    expect(subjects(one.rig.remote)).toEqual(['a', 'mine']);
    await expectSettled(one);
  });
});

describe('RF-19: a clock that jumps', () => {
  it.each([-3_600_000, -10 * 365 * 86_400_000])(
    'by %i ms after the answer to an APPEND was lost: it is sent again after the usual time, once',
    async jump => {
      const one = await synced(['a']);
      one.quirks.instead = ({ text }) => (/^APPEND/.test(text) ? '' : undefined);
      one.quirks.hangUp = ({ text }) => /^APPEND/.test(text);
      one.rig.local.add('INBOX', mail('mine'));
      await one.tried();
      one.quirks.instead = undefined;
      one.quirks.hangUp = undefined;
      one.rig.clock.pass(jump);
      await one.tried();
      expect(subjects(one.rig.remote)).toEqual(['a']);
      one.rig.clock.pass(ELEVEN_MINUTES);
      await one.tried();
      expect(subjects(one.rig.remote)).toEqual(['a', 'mine']);
      await expectSettled(one);
    },
  );

  it.each([8 * 3_600_000, -3_600_000])(
    'by %i ms at any one step of a sync: what is done is the same',
    async jump => {
      const story = async () => {
        const one = await synced(['a', 'b', 'c']);
        one.rig.remote.add('INBOX', mail('new'));
        one.rig.local.add('INBOX', mail('mine'));
        one.rig.local.remove('INBOX', keyOf(one, 'a'));
        one.rig.local.flag('INBOX', keyOf(one, 'b'), { add: ['\\Flagged'] });
        one.rig.local.move('INBOX', keyOf(one, 'c'), 'Work');
        return one;
      };
      const calm = await story();
      const counting = new CountingSeam();
      await calm.rig.sync({}, counting);
      const wanted = calm.rig.remote.allContents();
      for (let at = 0; at < counting.count; at += 3) {
        const one = await story();
        let step = 0;
        const act = <T>(effect: () => T): T => {
          if (step++ === at) one.rig.clock.pass(jump);
          return effect();
        };
        const seam: Seam = { run: (_what, effect) => act(effect), runSync: (_what, effect) => act(effect) };
        const { apply } = await one.rig.sync({}, seam);
        expect(apply.problems, `at ${at}`).toEqual([]);
        expect(one.rig.remote.allContents(), `at ${at}`).toEqual(wanted);
        await expectSettled(one);
      }
    },
  );
});

describe('a crash in the middle', () => {
  it('CR-14: an APPEND that another client moved away before we looked again is there once', async () => {
    const one = await synced(['a']);
    one.rig.local.add('INBOX', mail('mine'));
    const seam = new CrashSeam(1, 'after', effect => effect.name === 'APPEND');
    await expect(one.rig.sync({}, seam)).rejects.toThrow(Crash);
    one.rig.remote.move('INBOX', '2', 'Work');
    for (let times = 0; times < 2; times++) await one.tried();
    one.rig.clock.pass(ELEVEN_MINUTES);
    for (let times = 0; times < 2; times++) await one.tried();
    expect(one.server.count(/^APPEND/)).toBe(1);
    expect(subjects(one.rig.remote, 'Work')).toEqual(['mine']);
    await expectSettled(one);
  });

  it('CR-16: a removal without UIDPLUS leaves what others marked \\Deleted as it is, at every effect', async () => {
    for (let at = 1, crashed = true; crashed; at++) {
      const one = await synced(['a', 'b'], { capabilities: 'IMAP4rev1 NAMESPACE UNSELECT' });
      one.rig.remote.flag('INBOX', '2', { add: ['\\Deleted'] });
      one.rig.local.remove('INBOX', keyOf(one, 'a'));
      const seam = new CrashSeam(at, 'after', effect => effect.surface === 'wire');
      await one.rig.sync({}, seam).catch(error => expect(error).toBeInstanceOf(Crash));
      crashed = seam.crashed;
      await one.tried();
      await one.tried();
      const left = [...one.rig.remote.mailbox('INBOX').messages.values()];
      expect(left.map(({ envelope, flags }) => `${envelope.subject} ${flags}`)).toEqual([
        'a \\Deleted',
        'b \\Deleted',
      ]);
      expect(subjects(one.rig.local)).toEqual(['b']);
      expect(one.server.count(/EXPUNGE|^CLOSE/)).toBe(0);
    }
  });
});

describe('an APPEND that is refused', () => {
  it.each([
    ['RF-04: over quota', 'NO [OVERQUOTA] Quota exceeded (mailbox for user is full)', 1],
    ['RF-05: too large', 'NO [TOOBIG] Message too large', 3],
    ['RF-05: too large, by BAD', 'BAD [TOOBIG] Message too large', 3],
    ['RF-05: without a word', 'BAD', 3],
    ['RF-07: without a code', 'NO Message rejected by policy', 3],
    ['RF-07: for its 8-bit header', 'BAD 8bit data in the header', 3],
    ['RF-07: for NUL', 'NO Message contains NUL characters', 3],
  ])(
    '%s is tried once a run, said with the words of the server, and nothing is deleted for it',
    async (_what, said, times) => {
      const one = await synced(['a']);
      for (const name of ['x', 'y', 'z']) one.rig.local.add('INBOX', mail(name));
      one.quirks.instead = ({ text }) => (/^APPEND/.test(text) ? lines(`TAG ${said}`) : undefined);
      const { report } = await one.tried();
      expect(report?.apply.counts.failed).toBe(3);
      expect(one.server.count(/^APPEND/)).toBe(times);
      await one.tried();
      expect(subjects(one.rig.local)).toEqual(['a', 'x', 'y', 'z']);
      one.quirks.instead = undefined;
      await one.tried();
      await expectSettled(one);
    },
  );
});

describe('keywords that a server says it keeps and then refuses', () => {
  it('RF-08: cost no message: it is there once, the flags it took are set, the others stay where they are', async () => {
    const one = await synced(['a']);
    one.rig.local.add('INBOX', mail('x'), ['$Forwarded', '\\Seen']);
    one.quirks.instead = ({ text }) =>
      /^(APPEND|UID STORE).*\$Forwarded/.test(text) ? lines('TAG NO Invalid flag list') : undefined;
    const { report } = await one.tried();
    expect(report?.apply.counts).toMatchObject({ done: 1, failed: 1, skipped: 0 });
    for (let round = 0; round < 2; round++) {
      const there = [...one.rig.remote.mailbox('INBOX').messages.values()];
      expect(there.map(({ flags }) => flags)).toEqual([[], ['\\Seen']]);
      expect(one.rig.local.mailbox('INBOX').messages.get(keyOf(one, 'x'))?.flags).toEqual([
        '$Forwarded',
        '\\Seen',
      ]);
      expect(await planned(one)).toMatchObject([{ op: 'flag-remote', remote: { key: '2' } }]);
      expect((await one.tried()).report?.apply.counts.failed).toBe(1);
    }
    expect(one.server.count(/^APPEND/)).toBe(2);
    one.quirks.instead = undefined;
    await one.tried();
    await expectSettled(one);
  });
});

describe('bodies', () => {
  it.each([
    ['empty', '""'],
    ['NIL', 'NIL'],
    ['a notice instead', literal(mail('Retrieval using the IMAP4 protocol failed'))],
  ])(
    'RA-08, PV-09: that come as %s are not taken for the message, and the others arrive',
    async (_what, body) => {
      const one = await synced(['a']);
      for (const name of ['bad', 'good']) one.rig.remote.add('INBOX', mail(name, `This is ${name}.\r\n`));
      one.quirks.describe = (item, { key }) => (item === 'BODY.PEEK[]' && key === '2' ? body : undefined);
      const { report } = await one.tried();
      expect((report?.apply.counts.failed ?? 0) + (report?.apply.counts.skipped ?? 0)).toBeGreaterThan(0);
      expect(subjects(one.rig.local)).toEqual(['a', 'good']);
      await one.tried();
      expect(subjects(one.rig.remote)).toEqual(['a', 'bad', 'good']);
      one.quirks.describe = undefined;
      await one.tried();
      await expectSettled(one);
    },
  );

  it('RA-07: that are gone when they are asked for (OK without data) are not delivered', async () => {
    const one = await synced(['a']);
    one.rig.remote.add('INBOX', mail('b'));
    one.quirks.instead = command => {
      if (!isBodyFetch(command)) return undefined;
      one.rig.remote.remove('INBOX', '2');
      one.quirks.instead = undefined;
      return lines('TAG OK done');
    };
    const { report } = await one.tried();
    expect(report?.apply.counts).toMatchObject({ done: 0, failed: 0 });
    expect(subjects(one.rig.local)).toEqual(['a']);
    await expectSettled(one);
  });

  it('PV-11, PV-15: that fail for one message leave all others alone', async () => {
    for (const refusal of ['NO [SERVERBUG] Internal error occurred', 'NO UID FETCH failed']) {
      const one = await imapRig();
      for (const name of ['a', 'b', 'c', 'd', 'e']) one.rig.remote.add('INBOX', mail(name));
      one.quirks.instead = command => {
        if (!isBodyFetch(command)) return undefined;
        const [, first = '', last = first] = /^UID FETCH (\d+)(?::(\d+))?/.exec(command.text)!;
        return Number(first) <= 3 && Number(last) >= 3 ? lines(`TAG ${refusal}`) : undefined;
      };
      await one.tried();
      expect(subjects(one.rig.local), refusal).toEqual(['a', 'b', 'd', 'e']);
      one.quirks.instead = undefined;
      await one.tried();
      await expectSettled(one);
    }
  });
});

describe('BYE', () => {
  it.each(['before', 'after'] as const)(
    'RF-09, RF-14: %s any command is done loses nothing and repeats nothing',
    async when => {
      const story = async () => {
        const one = await synced(['a', 'b', 'c', 'd']);
        one.rig.remote.add('INBOX', mail('new'));
        one.rig.remote.flag('INBOX', '4', { add: ['\\Seen'] });
        one.rig.local.add('INBOX', mail('mine'));
        one.rig.local.remove('INBOX', keyOf(one, 'a'));
        one.rig.local.flag('INBOX', keyOf(one, 'b'), { add: ['\\Flagged'] });
        one.rig.local.move('INBOX', keyOf(one, 'c'), 'Work');
        return one;
      };
      const calm = await story();
      const before = calm.server.commands.length;
      await calm.tried();
      const commands = calm.server.commands.slice(before);
      const wanted = calm.rig.remote.allContents();
      await expectSettled(calm);
      for (const [at, text] of commands.entries()) {
        if (/^LOG/.test(text)) continue;
        const one = await story();
        const from = one.server.commands.length;
        const now = () => one.server.commands.length - from - 1 === at;
        const bye = '* BYE Shutting down\r\n';
        if (when === 'before') one.quirks.instead = () => (now() ? bye : undefined);
        else one.quirks.twist = answer => (now() ? bye : answer);
        one.quirks.hangUp = now;
        const { error } = await one.tried();
        if (error !== undefined) expect(error.message, text).toContain('Shutting down');
        for (const name of ['instead', 'twist', 'hangUp'] as const) one.quirks[name] = undefined;
        await one.tried();
        one.rig.clock.pass(ELEVEN_MINUTES);
        await one.tried();
        expect(one.rig.remote.allContents(), `${when} ${text}`).toEqual(wanted);
        await expectSettled(one);
      }
    },
  );
});

describe('throttling', () => {
  it.each([
    'BAD Request is throttled. Suggested Backoff Time: 50 milliseconds',
    'NO [THROTTLED] slow down',
    'NO [UNAVAILABLE] the backend is away',
    'NO [INUSE] somebody else has it',
    'NO [OVERQUOTA] Account exceeded command or bandwidth limits.',
  ])('RF-15, RF-16: %s ends the run with a sentence, without a second try', async said => {
    const one = await synced(['a', 'b']);
    one.rig.remote.add('INBOX', mail('new'));
    one.rig.local.add('INBOX', mail('mine'));
    const before = one.server.commands.length;
    one.quirks.instead = command => (isBodyFetch(command) ? lines(`TAG ${said}`) : undefined);
    const { error } = await one.tried();
    expect([error?.code, error?.hint]).toEqual(['try-later', expect.stringContaining('come back later')]);
    expect(one.server.commands.slice(before).filter(text => /BODY\.PEEK\[\]/.test(text))).toHaveLength(1);
    one.quirks.instead = undefined;
    await one.tried();
    await expectSettled(one);
  });

  it('RF-17: a login that is refused in the middle of a run is not tried again and again', async () => {
    const one = await synced(['a']);
    for (const name of ['x', 'y', 'z']) {
      one.rig.local.createMailbox(name);
      one.rig.local.add(name, mail(name));
    }
    const before = one.server.count(/^LOGIN/);
    one.quirks.hangUp = ({ text }) => /^(CREATE|APPEND)/.test(text);
    one.server.refuseLogin('NO [AUTHENTICATIONFAILED] changed meanwhile', { after: 1 });
    const { error } = await one.tried();
    expect(error?.code).toMatch(/unreachable|login-refused/);
    expect(one.server.count(/^LOGIN/) - before).toBeLessThanOrEqual(2);
  });
});
