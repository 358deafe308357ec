import type { MailboxName } from '@postern/core/model/mailbox.js';
import type { Pair } from '@postern/core/model/pair.js';
import type { Epoch, MessageKey, Row } from '@postern/core/model/row.js';
import { decodeRecord, encodeRecord, pack, unpack } from '@postern/core/state/codec.js';
import { frame } from '@postern/core/state/frame.js';
import { recordKey } from '@postern/core/state/keys.js';
import type {
  Intent,
  Kind,
  MailboxRecord,
  Operation,
  RecordKinds,
  RepositoryRecord,
  SideRecord,
} from '@postern/core/state/records.js';
import { describe, expect, it } from 'vitest';

const identity: Required<Row['identity']> = {
  messageId: '<a@example.org>',
  digest: '0123456789abcdef0123456789abcdef',
  size: 5_000_000_000,
  content: 'f'.repeat(64),
};
const row: Required<Row> = {
  key: '4294967295' as MessageKey,
  flags: ['$Label', '\\Seen'],
  date: 1795323186000.25,
  identity,
  envelope: { from: 'J\xf6rg', subject: '=?utf-8?q?x?=', date: 'Sun, 22 Nov 2026' },
  serverId: 'M1',
  modseq: '9223372036854775807',
  stamp: '1944:1795323186000000001',
  partner: '42' as MessageKey,
};
const pair: Required<Pair> = {
  remote: { epoch: '4294967295' as Epoch, key: '42' as MessageKey },
  local: { epoch: '' as Epoch, key: '1.M2.host%2Fx' as MessageKey },
  flags: ['\\Flagged'],
  identity,
  remoteDigest: 'e'.repeat(32),
  weak: false,
  marked: true,
};
const side: Required<SideRecord> = {
  cursor: {
    epoch: '7' as Epoch,
    count: 3,
    uidNext: 4_294_967_295,
    highestModseq: '9223372036854775807',
    mailboxId: 'F1',
    stamp: 's',
  },
  permanentFlags: ['\\*', '\\Seen'],
  unreadable: { '12': 'no rights' },
};
const mailbox: Required<MailboxRecord> = {
  mailbox: 'Listen/Büro' as MailboxName,
  generation: 12,
  pending: 13,
  sides: { remote: side, local: { cursor: { epoch: '' as Epoch, count: 0 }, permanentFlags: [] } },
  rematch: 'UIDVALIDITY changed',
  missing: { remote: 1, local: 2 },
  faults: { remote: 'it lists 6 of 7', local: 'no rights' },
  agreed: true,
  touched: {
    remote: ['7' as MessageKey],
    local: [],
    came: { remote: ['7' as MessageKey], local: [] },
    gone: { remote: [], local: ['8' as MessageKey] },
  },
  quiet: false,
  formerly: 'Old' as MailboxName,
};
const intent: Required<Intent> = {
  operation: 'op',
  side: 'local',
  mailbox: 'INBOX' as MailboxName,
  source: { epoch: '7' as Epoch, key: '42' as MessageKey },
  identity,
  epoch: '' as Epoch,
  key: 'name' as MessageKey,
  uidFrom: 17,
  begun: 1,
  lost: 2,
  from: { mailbox: 'Work' as MailboxName, epoch: '7' as Epoch, key: '9' as MessageKey },
};
const operation: Required<Operation> = {
  started: 1,
  ended: 2,
  counts: { done: 1, already: 2, skipped: 3, failed: 4, held: 5 },
  pid: 6,
  command: 'postern sync',
  actions: 7,
  settled: { by: 'op', at: 8, found: 9, undone: 10, open: 11 },
};
const repository: Required<RepositoryRecord> = {
  repository: 'id',
  addresses: { remote: 'imaps://me@imap.example.org', local: 'maildir:/home/me/Mail' },
  created: 1,
  fetched: 2,
  scope: '[]',
  leftOut: ['Old' as MailboxName],
};

/** `Required`: a field that is added to a record and not to its stored form does not compile here, or is lost below. */
const FULL: { readonly [K in Kind]: Required<RecordKinds[K]> } = {
  meta: repository,
  mailbox,
  pair,
  remote: row,
  local: row,
  intent,
  log: operation,
  digests: { stamp: '3 17', digests: 'ASNFZ4mr17/ze/vASNF42/', blocks: 2, entries: 9_000 },
  files: {
    stamp: '3 17 2',
    place: '1.2 1.3 none',
    looked: 4,
    names: 'c1.a:2,S/',
    gone: 'n1.a/',
    of: '3 17 1',
    doubted: ['1.a' as MessageKey],
  },
};

const roundTrip = <K extends Kind>(kind: K, value: RecordKinds[K]) => {
  const key = recordKey(kind, 'INBOX', 'k');
  const { bytes, hash } = encodeRecord(kind, key, value);
  const decoded = decodeRecord(kind, key, bytes);
  expect(decoded.hash).toEqual(hash);
  return decoded.value;
};

const stored = (kind: Kind, payload: unknown) => {
  const key = recordKey(kind, 'INBOX', 'k');
  return () => decodeRecord(kind, key, frame(key, pack(payload)).bytes);
};

describe('a record', () => {
  it.each(Object.keys(FULL) as Kind[])('of kind %s comes back with every field it can have', kind => {
    expect(roundTrip(kind, FULL[kind])).toStrictEqual(FULL[kind]);
  });

  it('comes back without the fields it has not', () => {
    const { serverId, modseq, stamp, partner, ...rest } = row;
    expect([serverId, modseq, stamp]).not.toContain(undefined);
    const bare: Row = { ...rest, flags: [], identity: { digest: 'd', size: 0 }, envelope: {} };
    expect(roundTrip('local', bare)).toStrictEqual(bare);
    const { weak, marked, remoteDigest, ...plain } = pair;
    expect([weak, marked, remoteDigest]).not.toContain(undefined);
    expect(roundTrip('pair', plain)).toStrictEqual(plain);
    const empty: MailboxRecord = { mailbox: 'a' as MailboxName, generation: 0, sides: {} };
    expect(roundTrip('mailbox', empty)).toStrictEqual(empty);
    expect(roundTrip('log', { started: 1 })).toStrictEqual({ started: 1 });
  });

  it('holds the same octets whenever it is written', () => {
    const key = recordKey('remote', 'INBOX', 'k');
    expect(encodeRecord('remote', key, row).bytes.equals(encodeRecord('remote', key, { ...row }).bytes)).toBe(
      true,
    );
  });

  it('of a message is a list with its partner, and one without where there is none', () => {
    const { partner: _none, ...rest } = row;
    const key = recordKey('local', 'INBOX', row.key);
    const lengths = [row, rest].map(
      value => (unpack(encodeRecord('local', key, value).bytes.subarray(9)) as []).length,
    );
    expect(lengths).toEqual([14, 13]);
  });

  it('of another shape is damage, in spite of a right checksum', () => {
    const damage = { code: 'state-damaged', hint: 'run: postern fsck' };
    const wrong: readonly [Kind, unknown][] = [
      ['remote', { key: '1' }],
      ['remote', ['1', [], 0, null, 'd', 0, null, null, null, null, null, null]],
      ['remote', ['1', [7], 0, null, 'd', 0, null, null, null, null, null, null, null]],
      ['remote', ['1', [], 0, null, 'd', -1, null, null, null, null, null, null, null]],
      ['remote', [1, [], 0, null, 'd', 0, null, null, null, null, null, null, null]],
      ['pair', ['7', '1', '', 'f', [], null, 'd', 0, null, 'yes', null, null]],
      ['meta', { ...repository, addresses: { remote: 'x' } }],
      ['intent', { ...intent, side: 'elsewhere' }],
      ['mailbox', { ...mailbox, sides: { remote: 7 } }],
      ['log', 'text'],
      ['log', null],
    ];
    for (const [kind, payload] of wrong)
      expect(stored(kind, payload), kind).toThrow(expect.objectContaining(damage));
  });

  it('whose payload is no MessagePack is damage', () => {
    const key = recordKey('log', '', 'k');
    for (const payload of [
      Buffer.alloc(0),
      Buffer.from([0xc1]),
      Buffer.from([0x92, 0x01]),
      Buffer.from([1, 1]),
    ]) {
      const decode = () => decodeRecord('log', key, frame(key, payload).bytes);
      expect(decode).toThrow(expect.objectContaining({ code: 'state-damaged' }));
    }
  });

  it('is plain MessagePack behind nine octets: hash, version', () => {
    const { bytes } = encodeRecord('log', recordKey('log', '', 'k'), { started: 1 });
    expect(bytes[8]).toBe(1);
    expect(bytes.subarray(9)).toEqual(
      Buffer.concat([Buffer.from([0x81, 0xa7]), Buffer.from('started'), Buffer.from([1])]),
    );
  });
});
