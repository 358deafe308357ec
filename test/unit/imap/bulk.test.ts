import { INBOX } from '@postern/core/model/mailbox.js';
import { FetchRowReader, UnreadableRow } from '@postern/core/side/imap/bulk/fetch-row.js';
import { ResponseReader } from '@postern/core/side/imap/bulk/response-reader.js';
import { readStatusLine } from '@postern/core/side/imap/bulk/status-line.js';
import type { Fetched } from '@postern/core/side/imap/fetch.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { opened } from '../../support/scripted-imap.js';
import { failure, ok, row, scripted } from './scripted-side.js';

function responses(reader: ResponseReader): string[] {
  const all: string[] = [];
  for (let next = reader.next(); next !== undefined; next = reader.next()) all.push(next.toString('latin1'));
  return all;
}

const octets = (text: string) => Buffer.from(text, 'latin1');

describe('cutting responses', () => {
  const STREAM = [
    '* 1 FETCH (UID 1 BODY[] {5}\r\na\r\n)\r FLAGS ())\r\n',
    '* OK text that looks like a literal {400}\r\n',
    '* 2 FETCH (UID 2 BODY[] {0}\r\n BODY[HEADER.FIELDS (X)] ~{2}\r\n\r\n)\r\n',
    '* 3 EXISTS\r\n',
    'Z7 NO [CODE {9}] no {12}\r\n',
    '+ go on {3}\r\n',
    '\r\n',
  ];

  it('finds the same responses wherever the stream is cut', () => {
    const whole = octets(STREAM.join(''));
    for (let first = 0; first <= whole.length; first++) {
      for (const second of [first, Math.min(whole.length, first + 1), Math.min(whole.length, first + 7)]) {
        const reader = new ResponseReader();
        const found: string[] = [];
        for (const chunk of [
          whole.subarray(0, first),
          whole.subarray(first, second),
          whole.subarray(second),
        ]) {
          reader.push(chunk);
          found.push(...responses(reader));
        }
        expect(found).toEqual(STREAM);
        expect(reader.waiting).toBe(0);
      }
    }
  });

  it('hands over what is not complete', () => {
    const reader = new ResponseReader();
    reader.push(octets('* 1 EXISTS\r\n* 2 EXP'));
    expect(responses(reader)).toEqual(['* 1 EXISTS\r\n']);
    expect(reader.drain().toString()).toBe('* 2 EXP');
    expect(reader.waiting).toBe(0);
  });

  it.each([
    ['a literal beyond all measure', '* 1 FETCH (BODY[] {4294967295}\r\n'],
    ['a literal without end', `* 1 FETCH (BODY[] {${'9'.repeat(400)}}\r\n`],
    ['a bare line feed', '* 1 EXISTS\n'],
    ['a line without end', 'x'.repeat(17 * 1024 * 1024)],
  ])('gives the connection up at %s', async (_what, text) => {
    const reader = new ResponseReader();
    reader.push(octets(text));
    const found = await failure((async () => reader.next())());
    expect(found.code).toBe('unreachable');
  });
});

function readRow(items: string): Fetched | undefined {
  return new FetchRowReader().read(octets(`${items}\r\n`), 0);
}

describe('reading rows', () => {
  it('reads every item in any order, in either case', () => {
    const header = 'Subject: x\r\n\r\n';
    const found = readRow(
      `(flags (\\seen $Work) BODY[Header.Fields (SUBJECT "a]")]<0> {${header.length}}\r\n${header} Uid 4294967295 INTERNALDATE " 1-Jan-2026 00:00:00 +0000" MODSEQ (9007199254740993) RFC822.SIZE 12 EMAILID (M1))`.replace(
        ' "a]"',
        '',
      ),
    );
    expect({ ...found, header: found?.header?.toString() }).toEqual({
      uid: 4294967295,
      flags: ['$Work', '\\Seen'],
      header,
      date: Date.UTC(2026, 0, 1),
      modseq: '9007199254740993',
      size: 12,
      serverId: 'M1',
    });
  });

  it('passes over items nobody asked for, however they are nested', () => {
    const found = readRow(
      '(ENVELOPE ("a \\" \\\\ b" NIL (("x" NIL {3}\r\n(") "y")) ()) UID 7 X-GM-LABELS ("\\\\Inbox" caf&AOk- (a)) THREADID NIL BODY[1.MIME] {4}\r\n))))  FLAGS ())'.replace(
        '  ',
        ' ',
      ),
    );
    expect(found).toEqual({ uid: 7, flags: [] });
  });

  it('tells NIL, an empty string and nothing apart', () => {
    expect(readRow('(UID 1 BODY[] NIL)')).toEqual({ uid: 1, body: null });
    expect(readRow('(UID 1 BODY[] "")')?.body?.length).toBe(0);
    expect(readRow('(UID 1 BODY[] {0}\r\n)')?.body?.length).toBe(0);
    expect(readRow('(UID 1)')).toEqual({ uid: 1 });
    expect(readRow('(FLAGS (\\Seen))')).toBeUndefined();
  });

  it.each([
    '(UID 0)',
    '(UID 4294967296)',
    '(UID abc)',
    '(UID -1)',
    '(UID)',
    '(UID 1',
    '(UID 1) x',
    '(UID 1 FLAGS \\Seen)',
    '(UID 1 FLAGS (\\Seen)',
    '(UID 1 FLAGS ("a"))',
    '(UID 1 BODY[] x)',
    '(UID 1 BODY[] {5}\r\nabc)',
    '(UID 1 BODY[] "abc)',
    '(UID 1 BODY[ x)',
    '(UID 1  FLAGS ())',
    '(UID 1,FLAGS ())',
    `(UID 1 X ${'('.repeat(60)}${')'.repeat(60)})`,
    '',
    'NIL',
  ])('refuses %j and shows it', items => {
    expect(() => readRow(items)).toThrow(UnreadableRow);
  });

  it('never does anything but read or refuse, whatever the octets are', () => {
    const piece = fc.constantFrom(
      ...[
        '(',
        ')',
        ' ',
        'UID',
        '5',
        'FLAGS',
        '\\Seen',
        '"',
        '\\',
        '{3}\r\n',
        'abc',
        'BODY[]',
        '[',
        ']',
        'NIL',
        '<0>',
        '\0',
        '\xff',
      ],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), pieces => {
        try {
          readRow(pieces.join(''));
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableRow);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('reading tagged answers', () => {
  it.each([
    ['OK done', { status: 'OK', code: undefined, text: 'done' }],
    ['ok [LIMIT] part', { status: 'OK', code: { name: 'LIMIT', values: [] }, text: 'part' }],
    [
      'NO [modified 1,3] late',
      { status: 'NO', code: { name: 'MODIFIED', values: [{ type: 'ATOM', value: '1,3' }] }, text: 'late' },
    ],
    [
      'OK [PERMANENTFLAGS (\\Seen a]b)] yes',
      {
        status: 'OK',
        code: {
          name: 'PERMANENTFLAGS',
          values: [
            [
              { type: 'ATOM', value: '\\Seen' },
              { type: 'ATOM', value: 'a]b' },
            ],
          ],
        },
        text: 'yes',
      },
    ],
    [
      'OK [MAILBOXID ("F1" NIL)] yes',
      {
        status: 'OK',
        code: { name: 'MAILBOXID', values: [[{ type: 'STRING', value: 'F1' }, null]] },
        text: 'yes',
      },
    ],
    ['BAD', { status: 'BAD', code: undefined, text: '' }],
  ])('reads %j', (line, expected) => expect(readStatusLine(line)).toEqual(expected));

  it('takes nothing else for one', () => {
    expect(readStatusLine('FETCH (UID 1)')).toBeUndefined();
    expect(readStatusLine('OKAY')).toBeUndefined();
  });
});

describe('taking the connection over', () => {
  it('leaves to imapflow what is not about messages, and goes on as if nothing had been', async () => {
    const alerts: string[] = [];
    const answers = [
      { when: /^EXAMINE/, say: opened({ exists: 1 }) },
      { when: /^UID FETCH/, say: ok('* OK [ALERT] we close at {5}', row(1), '* 3 RECENT') },
    ];
    const { side, server } = await scripted({ answers }, { onAlert: text => void alerts.push(text) });
    for (let round = 0; round < 3; round++) expect((await side.snapshot(INBOX, undefined)).rows.size).toBe(1);
    await side.list();
    expect(alerts).toEqual(Array(3).fill('we close at {5}'));
    expect(server.commands.filter(command => command.startsWith('UID FETCH'))).toHaveLength(3);
  });

  it('shows the octets it cannot read', async () => {
    const answers = [
      { when: /^EXAMINE/, say: opened({ exists: 1 }) },
      { when: /^UID FETCH 1:\* \(UID\)/, say: ok('* 1 FETCH (UID 1)') },
      { when: /^UID FETCH/, say: ok('* 1 FETCH (UID 1 FLAGS (\\Seen') },
    ];
    const { side } = await scripted({ answers });
    const { unreadable } = await side.snapshot(INBOX, undefined);
    expect([...unreadable.values()][0]).toContain('(UID 1 FLAGS (\\Seen');
  });

  it('gives up when nothing more comes', async () => {
    const answers = [
      { when: /^EXAMINE/, say: opened({ exists: 2 }) },
      { when: /^UID FETCH/, say: `${row(1)}\r\n` },
    ];
    const { side } = await scripted({ answers }, { timeouts: { silence: 50 } });
    expect((await failure(side.snapshot(INBOX, undefined))).message).toContain('no progress during FETCH');
  });
});

describe('beside the parser of imapflow', () => {
  const word = fc.stringMatching(/^[a-zA-Z0-9$_.-]{1,12}$/);
  const inQuotes = fc.stringMatching(/^[ !#-[\]-~]{0,30}$/);
  const header = fc
    .array(
      fc.tuple(fc.constantFrom('Subject', 'From', 'X-Odd'), fc.stringMatching(/^[ -~\u00a0-\u00ff]{0,60}$/)),
      {
        maxLength: 4,
      },
    )
    .map(fields => `${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
  const extra = fc.oneof(
    inQuotes.map(text => `X-QUOTED "${text}"`),
    header.map(text => `X-LITERAL {${text.length}}\r\n${text}`),
    fc.array(word, { maxLength: 4 }).map(words => `X-LIST (${[...words, '(NIL ())'].join(' ')})`),
    fc.constant('THREADID NIL'),
  );
  const message = fc.record({
    flags: fc.uniqueArray(fc.oneof(fc.constantFrom('\\Seen', '\\Flagged', '\\Recent'), word), {
      maxLength: 4,
    }),
    id: word,
    size: fc.integer({ min: 0, max: 2 ** 40 }),
    extras: fc.array(extra, { maxLength: 2 }),
  });

  it('finds the same rows', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 30 }), async messages => {
        const rows = messages.map(({ flags, id, size, extras }, at) =>
          row(at + 1, { flags: flags.join(' '), id, size, more: extras.map(text => ` ${text}`).join('') }),
        );
        const answers = [
          { when: /^EXAMINE/, say: opened({ exists: rows.length }) },
          { when: /^UID FETCH/, say: ok(...rows) },
        ];
        const [own, other] = await Promise.all(
          (['bulk', 'imapflow'] as const).map(async reader => {
            const { side } = await scripted({ answers }, { reader });
            return (await side.snapshot(INBOX, undefined)).rows;
          }),
        );
        expect(own!.size).toBe(rows.length);
        expect(own).toEqual(other);
      }),
      { numRuns: 25 },
    );
  });
});
