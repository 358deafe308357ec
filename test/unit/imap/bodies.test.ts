import { INBOX } from '@postern/core/model/mailbox.js';
import type { Epoch, MessageKey, Row } from '@postern/core/model/row.js';
import type { Side } from '@postern/core/side/side.js';
import { describe, expect, it } from 'vitest';
import { readAll } from '../../support/letters.js';
import { lines, opened, type ScriptedAnswer } from '../../support/scripted-imap.js';
import { bodyRow, failure, ok, scripted } from './scripted-side.js';

const EPOCH = '7' as Epoch;
const OPEN: ScriptedAnswer = { when: /^EXAMINE/, say: opened({ exists: 3 }) };

function known(uid: number, size = 100): Row {
  return {
    key: String(uid) as MessageKey,
    flags: [],
    date: 0,
    envelope: {},
    identity: { digest: 'd', size },
  };
}

async function read(side: Side, ...rows: Row[]): Promise<Record<string, string>> {
  const bodies = await readAll(side, INBOX, EPOCH, rows);
  return Object.fromEntries([...bodies].map(([key, bytes]) => [key, bytes.toString('latin1')]));
}

describe.each(['bulk', 'imapflow'] as const)('reading messages with %s', reader => {
  it('takes literals, quoted strings and binary literals for what they are', async () => {
    const say = ok(
      bodyRow(1, 'caf\xe9 {3}\r\n'),
      '* 2 FETCH (BODY[] "a \\"quoted\\" one" UID 2 FLAGS (\\Seen) RFC822.SIZE 14)',
      '* 3 FETCH (UID 3 FLAGS () RFC822.SIZE 3 BODY[] ~{3}\r\na\0b)',
    );
    const { side } = await scripted({ answers: [OPEN, { when: /BODY/, say }] }, { reader });
    expect(await read(side, known(1), known(2), known(3))).toEqual({
      1: 'caf\xe9 {3}\r\n',
      2: 'a "quoted" one',
      3: 'a\0b',
    });
  });

  it('RA-07, SE-07: passes over bodies that are not there or not readable, and messages nobody asked for', async () => {
    const say = ok(
      '* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 10 BODY[] NIL)',
      '* 2 FETCH (UID 2 FLAGS () RFC822.SIZE 10 BODY[] "")',
      '* 3 FETCH (UID 3 FLAGS () RFC822.SIZE 10 BODY[] "8-bit \xff in quotes")',
      '* 4 FETCH (UID 4 FLAGS () RFC822.SIZE 10)',
      bodyRow(9, 'unasked'),
      bodyRow(5, ''),
    );
    const { side } = await scripted({ answers: [OPEN, { when: /BODY/, say }] }, { reader });
    const found = await read(side, ...[1, 2, 3, 4, 5].map(uid => known(uid)));
    // imapflow decodes what is in quotes, and its octets are lost.
    expect(found).toEqual({ ...(reader === 'bulk' ? { 3: '8-bit \xff in quotes' } : {}), 5: '' });
  });

  it('reads the others when the server refuses one', async () => {
    const { side } = await scripted(
      {
        answers: [
          OPEN,
          { when: /^UID FETCH (1:3|2) /, say: lines('TAG NO [UNKNOWN-CTE] cannot decode') },
          { when: /^UID FETCH 1 /, say: ok(bodyRow(1, 'one')) },
          { when: /^UID FETCH 2:3 /, say: lines('TAG NO Some of the requested messages no longer exist') },
          { when: /^UID FETCH 3 /, say: ok(bodyRow(3, 'three')) },
        ],
      },
      { reader },
    );
    expect(await read(side, known(1), known(2), known(3))).toEqual({ 1: 'one', 3: 'three' });
  });

  it('RF-12: is an error when the connection ends inside a body, and hands out no half', async () => {
    const half = `${bodyRow(1, 'whole')}\r\n* 2 FETCH (UID 2 FLAGS () BODY[] {100}\r\nonly so much`;
    const { side } = await scripted(
      { answers: [OPEN, { when: /BODY/, say: half, close: true }] },
      { reader },
    );
    const taken: string[] = [];
    const reading = side.read(INBOX, EPOCH, [known(1), known(2)], async ({ key }) => void taken.push(key));
    expect((await failure(reading)).code).toBe('unreachable');
    expect(taken).toEqual(['1']);
  });

  it.each(['4294967295', '18446744073709551615', '99999999999999999999'])(
    'does not let a literal of %s octets in',
    async size => {
      const say = `* 1 FETCH (UID 1 FLAGS () BODY[] {${size}}\r\n`;
      const { side } = await scripted({ answers: [OPEN, { when: /BODY/, say }] }, { reader });
      expect((await failure(side.read(INBOX, EPOCH, [known(1)], async () => {}))).code).toBe('unreachable');
    },
  );

  describe('that are large', () => {
    const MEGABYTE = 1024 * 1024;
    const whole = Buffer.alloc(5 * MEGABYTE + 10, 'abcdefghij').toString('latin1');
    /** A server that hands out pieces of at most `most` octets. */
    const pieces = (most: number): ScriptedAnswer => ({
      when: /BODY\.PEEK\[\]</,
      say: ({ text }) => {
        const [from, length] = /<(\d+)\.(\d+)>/.exec(text)!.slice(1).map(Number);
        const piece = whole.slice(from, from! + Math.min(length!, most));
        return ok(`* 1 FETCH (UID 1 FLAGS () BODY[]<${from}> {${piece.length}}\r\n${piece})`);
      },
    });

    it.each([
      ['whole pieces', MEGABYTE],
      ['shorter ones than asked for', 700_001],
    ])('RF-21: come in %s', async (_what, most) => {
      const { side } = await scripted({ answers: [OPEN, pieces(most)] }, { reader });
      const found = await read(side, known(1, whole.length));
      expect(found['1'] === whole).toBe(true);
    });

    it('MM-17, MM-18: are whole when the server said they were smaller or larger', async () => {
      for (const size of [4 * MEGABYTE + 1, 9 * MEGABYTE]) {
        const { side } = await scripted({ answers: [OPEN, pieces(MEGABYTE)] }, { reader });
        expect((await read(side, known(1, size)))['1'] === whole).toBe(true);
      }
    });

    it('are passed over when they go away in the middle, and the next is read', async () => {
      const answers = [
        OPEN,
        { ...pieces(MEGABYTE), times: 2 },
        { when: /^UID FETCH 1 .*</, say: ok() },
        { when: /^UID FETCH 2 .*<0/, say: ok(`* 2 FETCH (UID 2 FLAGS () BODY[]<0> {3}\r\nend)`) },
        { when: /^UID FETCH 2 .*</, say: ok('* 2 FETCH (UID 2 FLAGS () BODY[]<3> "")') },
      ];
      const { side } = await scripted({ answers }, { reader });
      const found = await read(side, known(1, whole.length), known(2, 5 * MEGABYTE));
      expect(Object.keys(found)).toEqual(['2']);
    });
  });
});
