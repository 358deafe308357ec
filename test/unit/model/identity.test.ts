import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { identityOf, readHeader } from '@postern/core/model/identity.js';
import { describe, expect, it } from 'vitest';

const header = (...lines: readonly string[]) => Buffer.from(lines.join(''), 'latin1');
const PLAIN = header('Subject: one two\r\n', 'Message-ID: <a@x>\r\n', 'From: a@x\r\n', '\r\n');

/** Whether two headers are taken for the same message's. */
const alike = (a: Buffer, b: Buffer) => readHeader(a).digest === readHeader(b).digest;

describe('the identity of a header', () => {
  it.each([
    ['LF line ends', header('Subject: one two\n', 'Message-ID: <a@x>\n', 'From: a@x\n', '\n')],
    [
      'CR CR LF line ends',
      header('Subject: one two\r\r\n', 'Message-ID: <a@x>\r\r\n', 'From: a@x\r\r\n', '\r\r\n'),
    ],
    ['an end that is missing', PLAIN.subarray(0, PLAIN.length - 4)],
    [
      'folds, tabs and blanks',
      header('Subject:\tone\r\n  two \r\n', 'Message-ID:\r\n <a@x>\r\n', 'From: a@x\r\n\r\n'),
    ],
    [
      'names in capitals and blanks before the colon',
      header('SUBJECT : one two\r\n', 'MESSAGE-ID\t: <a@x>\r\n', 'FROM: A@X\r\n\r\n'),
    ],
    [
      'the fields in another order, and others between',
      header('From: a@x\r\n', 'X: y\r\n', 'Message-ID: <a@x>\r\n', 'Subject: one two\r\n\r\n'),
    ],
    ['an mbox From line before it', Buffer.concat([header('From a@x Sun Nov 22 05:00:00 2026\r\n'), PLAIN])],
    [
      'a line that is no field',
      header('nonsense\r\n', 'Subject: one two\r\n', 'Message-ID: <a@x>\r\n', 'From: a@x\r\n\r\n'),
    ],
    [
      'the fields a second time',
      header(
        PLAIN.toString('latin1', 0, PLAIN.length - 2),
        'Subject: other\r\n',
        'Message-ID: <b@x>\r\n\r\n',
      ),
    ],
    ['a body that looks like a header', Buffer.concat([PLAIN, header('Cc: c@x\r\n')])],
  ])('is the same with %s', (_what, other) => {
    expect(alike(other, PLAIN)).toBe(true);
    expect(readHeader(other).messageId).toBe('<a@x>');
  });

  it.each([
    ['another Cc', header('Cc: c@x\r\n', PLAIN.toString('latin1'))],
    ['a field that is folded into the one before', header('X: y\r\n ', PLAIN.toString('latin1'))],
    ['no header at all', header('\r\n', PLAIN.toString('latin1'))],
  ])('is another one with %s', (_what, other) => {
    expect(alike(other, PLAIN)).toBe(false);
  });

  it('does not depend on octets that servers change: 8-bit ones and controls', () => {
    const subject = (text: string) => header(`Subject: ${text}\r\n\r\n`);
    expect(alike(subject('gr\xfc\xdf\x00e\x1b'), subject('grXX\x80eX'))).toBe(true);
  });

  it('cuts a Message-ID that no plan could carry, and still tells two of them apart', () => {
    const long = (end: string) => header(`Message-ID: <${'i'.repeat(100_000)}${end}@x>\r\n\r\n`);
    const [one, other] = [readHeader(long('1')), readHeader(long('2'))];
    expect(one.messageId).toHaveLength(998);
    expect(one.messageId).toBe(other.messageId);
    expect(one.digest).not.toBe(other.digest);
  });

  it('finds its fields behind a megabyte of others, in linear time', () => {
    const late = Buffer.concat([header(`X: ${'x'.repeat(1_000_000)}\r\n`), PLAIN]);
    const many = Buffer.concat([header('X: y\r\n'.repeat(200_000)), PLAIN]);
    for (const one of [late, many]) expect(alike(one, PLAIN)).toBe(true);
    const folded = header('Subject: x\r\n', ' y\r\n'.repeat(300_000), '\r\n');
    expect(readHeader(folded).envelope.subject!.length).toBeLessThanOrEqual(200);
  });

  it('of a message without any octet of a header is that of its size and content', () => {
    expect(identityOf(Buffer.from('\n')).identity).toMatchObject({ size: 2 });
    expect(identityOf(Buffer.from('\n')).identity).toEqual(identityOf(Buffer.from('\r\n')).identity);
  });
});

describe('what is known of a message', () => {
  it('does not keep the rest of its header in memory', () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const filler = Array.from({ length: 150 }, (_, index) => `X-Filler-${index}: ${'x'.repeat(80)}\r\n`).join(
      '',
    );
    const header = (number: number) =>
      Buffer.from(
        `${filler}Message-ID: <${number}@a.message.example>\r\nSubject: a subject\r\n of two lines\r\n\r\n`,
      );
    const read = (count: number) => Array.from({ length: count }, (_, number) => readHeader(header(number)));
    read(100);
    gc();
    const before = process.memoryUsage().heapUsed;
    const facts = read(1000);
    gc();
    expect((process.memoryUsage().heapUsed - before) / 1000).toBeLessThan(3000);
    expect(facts[7]).toMatchObject({
      messageId: '<7@a.message.example>',
      envelope: { subject: 'a subject of two lines' },
    });
  });
});
