import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Flags, flagsFrom } from '@postern/core/model/flags.js';
import { DiskEncoder } from '@postern/core/model/line-ends.js';
import { flagLetters } from './maildir-letters.js';
import { Random } from './random.js';

export interface CorpusOptions {
  readonly seed: number;
  readonly messages: number;
  readonly mailboxes: number;
  /** Mean size; sizes are lognormal, so most are smaller and a few much larger. Default 4,000. */
  readonly meanBytes?: number;
}

/** One message of a corpus, bytes in wire form. */
export interface CorpusMessage {
  readonly mailbox: string;
  readonly bytes: Buffer;
  readonly flags: Flags;
  /** Milliseconds since the epoch, whole seconds. */
  readonly date: number;
}

const LARGEST = 8_000_000;
const SPREAD = 1.4;
const CHARSETS = ['X-EUC-TW', 'x-mac-roman', 'x-unknown', 'iso-2022-jp', 'koi8-r', 'windows-1252'];
const FLAG_SETS: readonly (readonly [number, Flags])[] = (
  [
    [0.7, ['\\Seen']],
    [0.8, []],
    [0.9, ['\\Answered', '\\Seen']],
    [0.95, ['\\Flagged', '\\Seen']],
    [0.97, ['\\Flagged']],
    [0.98, ['\\Deleted', '\\Seen']],
    [0.99, ['\\Draft', '\\Seen']],
    [1, ['$Forwarded', '\\Seen']],
  ] as const
).map(([upTo, flags]) => [upTo, flagsFrom(flags)] as const);

/**
 * A mail spool as people have it, the same for the same options: mailbox sizes follow Zipf's law; about 0.5 % of the
 * messages have no Message-ID, 0.5 % share one with another message, 0.5 % are exact twins of another, and 1 % carry
 * 8-bit text or an unknown charset.
 */
export function* corpus(options: CorpusOptions): Generator<CorpusMessage> {
  const random = new Random(options.seed);
  const text = wordPool(random);
  let serial = 0;
  for (const [mailbox, count] of mailboxSizes(options)) {
    let lastId: string | undefined;
    let last: Buffer | undefined;
    for (let made = 0; made < count; made++) {
      serial++;
      const date = 1_200_000_000_000 + serial * 60_000;
      const flags = pickFlags(random);
      if (last !== undefined && random.chance(0.005)) {
        yield { mailbox, bytes: last, flags, date };
        continue;
      }
      const draw = random.next();
      const own = `<${serial}.${random.below(2 ** 32)}@host${random.below(500)}.example.org>`;
      const id = draw < 0.005 ? undefined : draw < 0.01 && lastId !== undefined ? lastId : own;
      last = compose({ random, text, serial, date, id, octets: sizeOf(random, options.meanBytes ?? 4000) });
      lastId = id ?? lastId;
      yield { mailbox, bytes: last, flags, date };
    }
  }
}

function mailboxSizes({ messages, mailboxes }: CorpusOptions): [string, number][] {
  const weights = Array.from({ length: mailboxes }, (_, rank) => 1 / (rank + 1));
  const whole = weights.reduce((sum, weight) => sum + weight, 0);
  const counts = weights.map(weight => Math.floor((messages * weight) / whole));
  counts[0] = counts[0]! + messages - counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count, rank) => [mailboxNameOf(rank), count]);
}

function mailboxNameOf(rank: number): string {
  if (rank === 0) return 'INBOX';
  const name = `box${String(rank).padStart(3, '0')}`;
  return rank % 5 === 0 ? `lists/${name}` : name;
}

/** The names of a corpus' mailboxes, those without messages included. */
export function corpusMailboxes(options: CorpusOptions): string[] {
  return mailboxSizes(options).map(([mailbox]) => mailbox);
}

function pickFlags(random: Random): Flags {
  const draw = random.next();
  return FLAG_SETS.find(([upTo]) => draw < upTo)![1];
}

function sizeOf(random: Random, mean: number): number {
  const middle = Math.log(Math.max(mean - 500, 200)) - (SPREAD * SPREAD) / 2;
  return Math.min(Math.floor(Math.exp(middle + SPREAD * random.normal())), LARGEST);
}

/** Lines of words, CRLF, to cut bodies from. */
function wordPool(random: Random): Buffer {
  const words = Array.from({ length: 2000 }, () =>
    Array.from({ length: 2 + random.below(9) }, () => String.fromCharCode(97 + random.below(26))).join(''),
  );
  const lines = Array.from({ length: 4000 }, () =>
    Array.from({ length: 10 }, () => random.pick(words)).join(' '),
  );
  return Buffer.from(`${lines.join('\r\n')}\r\n`);
}

interface Draft {
  readonly random: Random;
  readonly text: Buffer;
  readonly serial: number;
  readonly date: number;
  readonly id: string | undefined;
  readonly octets: number;
}

function compose({ random, text, serial, date, id, octets }: Draft): Buffer {
  const when = new Date(date).toUTCString().replace('GMT', '+0000');
  const odd = random.chance(0.01);
  const charset = odd ? random.pick(CHARSETS) : 'utf-8';
  const person = random.below(3000);
  const header = [
    `Received: from mx${random.below(100)}.example.net by mail.example.org; ${when}`,
    `From: "Person ${person}" <p${person}@example.com>`,
    'To: me@example.org',
    odd ? `Subject: =?${charset}?B?QUJDREVG?= ${serial} \xe4\xf6\xfc` : `Subject: Letter number ${serial}`,
    `Date: ${when}`,
    'MIME-Version: 1.0',
    ...(id === undefined ? [] : [`Message-ID: ${id}`]),
    `Content-Type: text/plain; charset=${charset}`,
    '',
    odd ? 'eight bits: \x80\x9f\xa0\xff\r\n' : '',
  ].join('\r\n');
  const parts: Buffer[] = [Buffer.from(header, 'latin1')];
  for (let left = octets; left > 0; ) {
    const from = random.below(text.length);
    const part = text.subarray(from, Math.min(from + left, text.length));
    parts.push(part);
    left -= part.length;
  }
  if (serial % 50 !== 0) parts.push(Buffer.from('\r\n'));
  return Buffer.concat(parts);
}

/** The directory of a mailbox (ASCII names) below a Maildir root, `.` for the root itself. */
export function maildirPath(mailbox: string, layout: 'maildir++' | 'fs'): string {
  if (layout === 'fs') return mailbox;
  return mailbox === 'INBOX' ? '.' : `.${mailbox.replaceAll('/', '.')}`;
}

/** Writes messages as a Maildir, fast and without fsync: LF line ends, mtime = date. Returns how many. */
export function writeMaildir(
  root: string,
  messages: Iterable<CorpusMessage>,
  layout: 'maildir++' | 'fs' = 'maildir++',
): number {
  const made = new Set<string>();
  let serial = 0;
  const open = (directory: string) => {
    if (made.has(directory)) return;
    made.add(directory);
    for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(directory, part), { recursive: true });
    if (layout === 'maildir++' && directory !== root) writeFileSync(join(directory, 'maildirfolder'), '');
  };
  open(join(root, maildirPath('INBOX', layout)));
  for (const { mailbox, bytes, flags, date } of messages) {
    const directory = join(root, maildirPath(mailbox, layout));
    open(directory);
    serial++;
    const letters = flagLetters(flags);
    const name = `${date / 1000}.M${serial}P1Q${serial}.corpus`;
    const place = letters === '' && serial % 3 === 0 ? `new/${name}` : `cur/${name}:2,${letters}`;
    const disk = new DiskEncoder();
    const path = join(directory, place);
    writeFileSync(path, Buffer.concat([disk.encode(bytes), disk.finish()]), { mode: 0o600 });
    utimesSync(path, date / 1000, date / 1000);
  }
  return serial;
}
