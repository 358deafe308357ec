import { hugeHeader, message, type OddName, oddMessages } from './messages.js';

const latin = (text: string) => Buffer.from(text, 'latin1');

/** A header with these lines as they stand, an empty line and a body that tells the messages apart. */
function raw(name: string, ...header: readonly string[]): Buffer {
  return latin(`${header.join('\r\n')}\r\n\r\nThis is ${name}.\r\n`);
}

const FROM = 'From: Ann Example <ann@example.org>';
const DATE = 'Date: Sun, 22 Nov 2026 05:00:00 +0000';

function withId(name: string, ...id: readonly string[]): Buffer {
  return raw(name, FROM, `Subject: ${name}`, DATE, ...id);
}

function withHeader(name: string, ...lines: readonly string[]): Buffer {
  return raw(name, FROM, `Message-ID: <${name.replaceAll(' ', '-')}@example.org>`, ...lines);
}

function withBody(name: string, body: string | Buffer): Buffer {
  return message({ id: `body-${name.replaceAll(' ', '-')}`, subject: name, body });
}

/** Each is a message as it may lie in a Maildir, broken in the way its name says. All differ in their octets. */
export function brokenMail(): ReadonlyMap<string, Buffer> {
  const all = Object.entries({
    // What is no header at all, or hardly one.
    'one octet': latin('x'),
    'many line ends': latin('\r\n\r\n\r\n'),
    'a line without end': latin('no header, no line end'),
    'a word and a colon': latin('x:'),
    'an empty field name': latin(': value\r\n\r\nbody of the empty field name\r\n'),
    'text before the header': latin('Hello!\r\nFrom: x@example.org\r\nSubject: behind text\r\n\r\nbody\r\n'),
    'a blank line with blanks': latin('Subject: blank\r\n \t \r\nTo: hidden@example.org\r\n\r\nbody\r\n'),
    'a folded first line': latin(' folded\r\nSubject: first line is folded\r\n\r\nbody\r\n'),
    'UTF-16': Buffer.from(`\ufeffSubject: UTF-16\r\nMessage-ID: <utf16@x>\r\n\r\nbody\r\n`, 'utf16le').filter(
      octet => octet !== 0,
    ),
    'a UTF-8 BOM': Buffer.from(`\ufeffMessage-ID: <bom@example.org>\r\nSubject: a BOM\r\n\r\nbody\r\n`),
    'only bare CR': latin('Subject: cr\rMessage-ID: <cr@x>\r\rbody\r'),
    'bare LF in the header': latin('Subject: lf\nMessage-ID: <lf@x>\nFrom: a@b\n\nbody\nmore\r\n'),
    'CR CR LF in the header': latin(
      'Subject: crcrlf\r\r\nMessage-ID: <crcrlf@x>\r\r\nFrom: a@b\r\r\n\r\r\nbody\r\r\n',
    ),
    'LF CR in the header': latin('Subject: lfcr\n\rMessage-ID: <lfcr@x>\n\rFrom: a@b\n\r\n\rbody\n\r'),
    'a bare CR in a field': withHeader('cr in field', 'Subject: one\rtwo', DATE),
    'a CR at the end of a field': withHeader('cr at end', 'Subject: one\r', DATE),
    // Message-IDs as programs wrote them.
    'Message-ID in capitals': withId('capitals', 'MESSAGE-ID: <CAPITALS@EXAMPLE.ORG>'),
    'Message-Id in small letters': withId('small', 'message-id: <capitals@example.org>'),
    'blanks before the colon': withId('colon', 'Message-ID  \t: <blank-colon@example.org>'),
    'no blank after the colon': withId('tight', 'Message-ID:<tight@example.org>'),
    'blanks in the Message-ID': withId('blanks', 'Message-ID: <left @ example . org>'),
    'a quoted Message-ID': withId('quoted', 'Message-ID: <"a b\\"c"@example.org>'),
    'a comment at the Message-ID': withId('comment', 'Message-ID: (made up) <comment@example.org> (really)'),
    'a Message-ID without brackets': withId('bare', 'Message-ID: bare@example.org'),
    'an empty Message-ID': withId('empty', 'Message-ID:'),
    'a Message-ID of blanks': withId('blank', 'Message-ID:   \t '),
    'a Message-ID that is folded to nothing': withId('to nothing', 'Message-ID:', ' ', '\t'),
    'a Message-ID folded inside': withId('inside', 'Message-ID: <folded', ' inside@example.org>'),
    'a Message-ID folded by a tab': withId('tab', 'Message-ID:\t<tab@example.org>'),
    'two Message-IDs in one field': withId('pair', 'Message-ID: <one@example.org> <two@example.org>'),
    'an empty Message-ID and a second one': withId(
      'second',
      'Message-ID:',
      'Message-ID: <second@example.org>',
    ),
    'three Message-IDs': withId('three', 'Message-ID: <1@x>', 'Message-Id: <2@x>', 'MESSAGE-ID: <3@x>'),
    'an 8-bit Message-ID': withId('8-bit', 'Message-ID: <gr\xfc\xdfe@example.org>'),
    'a Message-ID with controls': withId('controls', 'Message-ID: <a\x01\x1b[31m\x7f@example.org>'),
    'a Message-ID of 2,000 characters': withId('long id', `Message-ID: <${'i'.repeat(2000)}@example.org>`),
    'a Message-ID of 100,000 characters': withId(
      'huge id',
      `Message-ID: <${'i'.repeat(100_000)}@example.org>`,
    ),
    'a Message-ID in the body': withId('in body', '', 'Message-ID: <body@example.org>'),
    'a Message-ID in a part': withHeader(
      'part',
      'Content-Type: message/rfc822',
      '',
      'Message-ID: <inner@example.org>',
      'Subject: inner',
    ),
    'a Message-ID with a NUL': withId('nul id', 'Message-ID: <a\x00b@example.org>'),
    // Other fields.
    'fields twice': withHeader(
      'twice',
      'Subject: one',
      'Subject: two',
      'From: b@b',
      'To: a@a',
      'To: b@b',
      'Date: now',
      DATE,
    ),
    'every field empty': raw('nothing', 'From:', 'To:', 'Cc:', 'Subject:', 'Date:', 'Message-ID:'),
    'a date of garbage': withHeader('date', 'Date: yesterday, at tea time', 'Subject: date'),
    'a date out of range': withHeader('range', 'Date: Mon, 99 Foo 99999 99:99:99 +9999', 'Subject: range'),
    'broken encoded words': withHeader(
      'words',
      'Subject: =?utf-8?Q?=ZZ=?= =?utf-8?B?****?= =?x?Q? =?=?=?',
      DATE,
    ),
    'an encoded word cut in a character': withHeader('cut', 'Subject: =?utf-8?Q?=C3?= =?utf-8?Q?=BC?=', DATE),
    'blanks and tabs in a row': withHeader('runs', 'Subject: a  b\t\tc \t d  ', 'To:  x@y ,\t z@z', DATE),
    'folds of every kind': withHeader('folds', 'Subject: one', '\ttwo', '   three', ' ', '\t', ' four', DATE),
    'a field without end': latin(`${FROM}\r\nSubject: ends here`),
    'a fold without end': latin(`${FROM}\r\nSubject: ends in\r\n a fold`),
    '8-bit in every field': raw(
      '8-bit',
      'From: \xe4@\xf6',
      'To: \xfc',
      'Cc: \xdf',
      'Subject: \xff\xfe',
      'Date: \x80',
      'Message-ID: <\xa0@x>',
    ),
    'UTF-8 in every field': Buffer.from(
      'From: ä@ö\r\nTo: ü\r\nCc: ß\r\nSubject: 日本語 🎉\r\nDate: –\r\nMessage-ID: <é@x>\r\n\r\nutf8\r\n',
    ),
    'a header line of 1 MB': withHeader(
      'megabyte',
      'Subject: megabyte',
      `X-Long: ${'l'.repeat(1_000_000)}`,
      DATE,
    ),
    'a subject of 200,000 characters': withHeader('long subject', `Subject: ${'s'.repeat(200_000)}`, DATE),
    'identity fields behind 1 MB': latin(
      `X-Long: ${'l'.repeat(1_000_000)}\r\nSubject: behind\r\nMessage-ID: <behind@x>\r\n\r\nbody\r\n`,
    ),
    'a folded header of 300 kB': hugeHeader(300_000),
    '10,000 header lines': withHeader(
      'many',
      'Subject: many',
      ...Array.from({ length: 10_000 }, (_, index) => `X-${index}: ${index}`),
      DATE,
    ),
    'an identity field behind 10,000 lines': raw(
      'late',
      ...Array.from({ length: 10_000 }, (_, index) => `X-${index}: ${index}`),
      'Message-ID: <late@x>',
    ),
    'names that begin alike': withHeader(
      'alike',
      'Subject-Line: no',
      'X-Subject: no',
      'Dates: no',
      'Subject : yes',
      DATE,
    ),
    'a field name with blanks': withHeader('name', 'Sub ject: no', 'Reply To: no', 'Subject: name', DATE),
    'a Content-Length that lies': withHeader(
      'length',
      'Content-Length: 999999',
      'Lines: -1',
      'Subject: length',
      DATE,
    ),
    'two mbox From lines': latin(
      'From ann Sun Nov 22 05:00:00 2026\r\nFrom bob Sun Nov 22 05:00:00 2026\r\nSubject: two From lines\r\n\r\nbody\r\n',
    ),
    'a quoted mbox From line': latin(
      '>From ann Sun Nov 22 05:00:00 2026\r\nSubject: quoted From\r\nMessage-ID: <gt@x>\r\n\r\nbody\r\n',
    ),
    'an mbox From line alone': latin('From ann@example.org Sun Nov 22 05:00:00 2026\r\n'),
    // Bodies.
    'From in the body': withBody('from lines', 'From here on\r\n>From there\r\nFrom \r\n'),
    'dots in the body': withBody('dots', '.\r\n..\r\n.\r\nQUIT\r\n.'),
    'IMAP in the body': withBody('syntax', ')\r\na1 OK done\r\n* 1 EXPUNGE\r\n{5}\r\n"\\'),
    'a line of 100,000 characters': withBody('long line', 'x'.repeat(100_000)),
    'every octet but NUL': withBody(
      'octets',
      Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1)),
    ),
    'every line end': withBody('line ends', 'a\nb\rc\r\nd\n\re\r\rf\r\r\ng\n\nh\r\n\r\n\r'),
    'a boundary that never comes': message({
      id: 'boundary',
      headers: ['Content-Type: multipart/mixed; boundary=""'],
      body: '--\r\n--\r\n----\r\n',
    }),
    'parts in parts in parts': nested(60),
    'base64 that is none': message({
      id: 'base64',
      headers: ['Content-Transfer-Encoding: base64'],
      body: '====\r\n\x80\r\n=',
    }),
    'NUL in the body': withBody('nul', 'a\x00b\x00\r\n'),
  } satisfies Record<string, Buffer | Uint8Array>);
  const odd = Object.entries(oddMessages()) as [OddName, Buffer][];
  return new Map([...all, ...odd].map(([name, bytes]) => [name, Buffer.from(bytes)]));
}

/** Multipart in multipart, so many deep. */
function nested(depth: number): Buffer {
  const open = Array.from(
    { length: depth },
    (_, level) => `Content-Type: multipart/mixed; boundary="b${level}"\r\n\r\n--b${level}\r\n`,
  );
  return latin(`Message-ID: <nested@x>\r\nSubject: nested\r\n${open.join('')}\r\nin the middle\r\n`);
}
