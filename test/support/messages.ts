export interface MessageParts {
  /** The left part of the Message-ID; `false` for none. Default: from the subject. */
  readonly id?: string | false;
  readonly subject?: string | Buffer;
  readonly from?: string;
  readonly to?: string;
  readonly date?: string;
  /** Default: a sentence. LF or CRLF line ends are given as they shall stand in the message. */
  readonly body?: string | Buffer;
  /** More header lines, whole, without line end. */
  readonly headers?: readonly (string | Buffer)[];
}

const bytesOf = (text: string | Buffer) => (typeof text === 'string' ? Buffer.from(text, 'latin1') : text);

/** A message in wire form. Text is written as Latin-1: one character, one octet. */
export function message(parts: MessageParts = {}): Buffer {
  const subject = parts.subject ?? 'A plain message';
  const id = parts.id ?? String(subject).replace(/[^a-zA-Z0-9]+/g, '-');
  const lines: (string | Buffer)[] = [
    `From: ${parts.from ?? 'Ann Example <ann@example.org>'}`,
    `To: ${parts.to ?? 'me@example.org'}`,
    Buffer.concat([Buffer.from('Subject: '), bytesOf(subject)]),
    `Date: ${parts.date ?? 'Sun, 22 Nov 2026 05:00:00 +0000'}`,
    ...(id === false ? [] : [`Message-ID: <${id}@example.org>`]),
    ...(parts.headers ?? []),
    '',
  ];
  const header = lines.flatMap(line => [bytesOf(line), Buffer.from('\r\n')]);
  return Buffer.concat([...header, bytesOf(parts.body ?? 'A line of text.\r\n')]);
}

/** Two messages with the same bytes. */
export function twins(parts: MessageParts = {}): readonly [Buffer, Buffer] {
  return [message(parts), message(parts)];
}

/** Two messages that share the Message-ID and every identity field, but not the body. */
export function falseTwins(id = 'shared'): readonly [Buffer, Buffer] {
  return [message({ id, body: 'The one body.\r\n' }), message({ id, body: 'Another body, longer.\r\n' })];
}

/** Messages that are wrong in one way each, by the name of that way. Wire form, apart from what is named. */
export function oddMessages(): Readonly<Record<OddName, Buffer>> {
  const whole = message({ subject: 'Whole' });
  return {
    'no Message-ID': message({ id: false, subject: 'No id' }),
    '8-bit header': message({ id: 'latin', subject: Buffer.from('Gr\xfc\xdfe aus K\xf6ln', 'latin1') }),
    'invalid UTF-8': message({ id: 'utf8', subject: Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0x80]) }),
    'unknown charset': message({
      id: 'charset',
      subject: '=?X-EUC-TW?B?QUJD?=',
      headers: ['Content-Type: text/plain; charset=x-unknown'],
      body: Buffer.from([0xa4, 0xe5, 0xa6, 0x72, 0x0d, 0x0a]),
    }),
    NUL: message({ id: 'nul', body: Buffer.from('before\0after\r\n', 'latin1') }),
    'bare CR': message({ id: 'bare-cr', body: 'one\rtwo\r\r\nthree\r\n' }),
    'bare LF': message({ id: 'bare-lf', body: 'one\ntwo\n\r\nthree\r\n' }),
    'no final newline': message({ id: 'no-newline', body: 'ends here' }),
    'many final newlines': message({ id: 'newlines', body: 'text\r\n\r\n\r\n\r\n\r\n' }),
    'empty body': message({ id: 'empty-body', body: '' }),
    'header only': whole.subarray(0, whole.indexOf('\r\n\r\n') + 2),
    'body only': Buffer.from('\r\nno header at all\r\n'),
    'only a line end': Buffer.from('\r\n'),
    'mbox From line': Buffer.concat([
      Buffer.from('From ann@example.org Sun Nov 22 05:00:00 2026\r\n'),
      message({ id: 'mbox' }),
    ]),
    'two Message-IDs': message({ id: 'first', headers: ['Message-ID: <second@example.org>'] }),
    'folded Message-ID': message({ id: false, headers: ['MESSAGE-id :', '\t<folded@example.org>'] }),
    'header without colon': message({ id: 'colon', headers: ['this is not a header', ': nor this'] }),
    'long line': message({ id: 'long-line', body: `${'x'.repeat(100_000)}\r\n` }),
    'huge header': hugeHeader(100_000),
    'broken MIME': message({
      id: 'mime',
      headers: ['MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary="never'],
      body: '--never\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!not base64\r\n',
    }),
    'escape codes': message({
      id: 'escape',
      subject: '\x1b[2J\x9b31m\x07 red',
      from: '\x1b]0;title\x07 <e@x>',
    }),
  };
}

export type OddName =
  | 'no Message-ID'
  | '8-bit header'
  | 'invalid UTF-8'
  | 'unknown charset'
  | 'NUL'
  | 'bare CR'
  | 'bare LF'
  | 'no final newline'
  | 'many final newlines'
  | 'empty body'
  | 'header only'
  | 'body only'
  | 'only a line end'
  | 'mbox From line'
  | 'two Message-IDs'
  | 'folded Message-ID'
  | 'header without colon'
  | 'long line'
  | 'huge header'
  | 'broken MIME'
  | 'escape codes';

/** A message with a header field of so many octets, folded into lines of 998 or less. */
export function hugeHeader(octets: number): Buffer {
  const fold = `\r\n ${'y'.repeat(900)}`;
  return message({ id: 'huge', headers: [`X-Huge: start${fold.repeat(Math.ceil(octets / fold.length))}`] });
}

/** A message of about so many octets; equal for equal arguments. */
export function largeMessage(octets: number, id = 'large'): Buffer {
  const line = `${id} ${'0123456789abcdef'.repeat(4)}\r\n`;
  return message({ id, subject: id, body: line.repeat(Math.ceil(octets / line.length)) });
}
