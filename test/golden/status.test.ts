import type { Plan } from '@postern/core/api/plan.js';
import type { Action } from '@postern/core/model/action.js';
import { type MailboxName, mailboxName } from '@postern/core/model/mailbox.js';
import { type Epoch, type MessageKey, NO_EPOCH, type Row } from '@postern/core/model/row.js';
import { describe, expect, it } from 'vitest';
import { porcelainLines } from '../../packages/cli/src/output/porcelain.js';
import { statusJson } from '../../packages/cli/src/output/status-json.js';
import { statusText } from '../../packages/cli/src/output/status-text.js';
import { PLAIN } from '../../packages/cli/src/output/terminal.js';

const FETCHED = Date.UTC(2026, 10, 22, 5, 0, 0);
const remote = (uid: string) => ({ epoch: '7' as Epoch, key: uid as MessageKey });
const local = (name: string) => ({ epoch: NO_EPOCH, key: name as MessageKey });
const note = (subject: string) => ({ digest: '0'.repeat(32), size: 1, subject, from: 'Ann' });
const inbox = mailboxName('inbox');
const spaced = mailboxName('My 100% Mail');

function action(op: Action['op'], mailbox: MailboxName, more: Partial<Action> = {}): Action {
  return { op, id: '0'.repeat(24), mailbox, why: 'because', ...more };
}

function row(uid: string, subject: string): Row {
  const identity = { digest: '0'.repeat(32), size: 1 };
  return { key: uid as MessageKey, flags: [], date: 0, identity, envelope: { subject } };
}

const plan: Plan = {
  header: {
    repository: 'r',
    remote: 'imaps://me@imap.example.org',
    local: 'maildir:/home/me/Mail',
    created: '2026-11-22T05:05:00.000Z',
    blocked: 1,
  },
  actions: [
    action('create-mailbox-remote', spaced),
    action('pair', inbox, { remote: remote('5'), local: local('5.host'), message: note('Paired') }),
    action('download', inbox, { remote: remote('42'), message: note('=?utf-8?q?caf=C3=A9?= \u001b[31m') }),
    action('download', inbox, { remote: remote('43'), message: note('Edited'), conflict: true }),
    action('upload', spaced, { local: local('1.host'), message: note('Mine') }),
    action('flag-remote', inbox, { remote: remote('6'), local: local('6.host'), message: note('Flag') }),
    action('delete-local', inbox, { remote: remote('7'), local: local('7.host'), message: note('Gone') }),
  ],
  blocked: [{ mailbox: inbox, remote: row('9', 'Twice'), reason: 'two files could be this message' }],
  problems: [],
  fetched: FETCHED,
  brakes: [{ mailbox: inbox, deletions: 300, of: 1000, allowed: 250 }],
  interrupted: 2,
  interruptions: [
    {
      operation: '20261122T050000Z-00000001',
      cutShort: true,
      started: FETCHED,
      pid: 4711,
      command: 'postern sync',
      actions: 120,
      inFlight: [
        {
          op: 'download',
          mailbox: inbox,
          key: '8' as MessageKey,
          row: row('8', 'On its way'),
          seen: 'arrived',
        },
        { op: 'upload', mailbox: spaced, key: '8.host' as MessageKey, seen: 'unknown' },
      ],
    },
    {
      operation: '20261122T040000Z-00000002',
      cutShort: true,
      started: FETCHED - 3_600_000,
      inFlight: [],
      settled: { by: '20261122T050000Z-00000001', at: FETCHED, found: 2, undone: 1, open: 0 },
    },
  ],
  withheld: 4,
  later: [],
  rematch: [{ mailbox: spaced, reason: 'UIDVALIDITY changed' }],
};

const context = { paint: PLAIN, now: FETCHED + 5 * 60_000 };

describe('status', () => {
  it('--porcelain prints these lines, for life', () => {
    expect([...porcelainLines(plan, { raw: false })]).toEqual([
      '# remote imaps://me@imap.example.org',
      '# fetched 2026-11-22T05:00:00.000Z',
      '# rematch My%20100%25%20Mail UIDVALIDITY changed',
      '# interrupted 2',
      '# withheld 4',
      'RM My%20100%25%20Mail -',
      'BP INBOX 5 Paired',
      'LN INBOX 42 =?utf-8?q?caf=C3=A9?= \\x1b[31m',
      'LN! INBOX 43 Edited',
      'RN My%20100%25%20Mail 1.host Mine',
      'RF INBOX 6.host Flag',
      'LD INBOX 7 Gone',
      '?? INBOX 9 Twice',
    ]);
  });

  it('--porcelain -z sets fields apart by tabs and leaves names as they are', () => {
    const lines = [...porcelainLines(plan, { raw: true })];
    expect(lines[5]).toBe('RM\tMy 100% Mail\t-');
    expect(lines[9]).toBe('RN\tMy 100% Mail\t1.host\tMine');
  });

  it('--json has these keys, for life', () => {
    expect(statusJson(plan)).toEqual({
      remote: 'imaps://me@imap.example.org',
      local: 'maildir:/home/me/Mail',
      fetched: '2026-11-22T05:00:00.000Z',
      actions: 7,
      incoming: { new: 2, deleted: 1 },
      outgoing: { created: 1, new: 1, flags: 1 },
      record: { paired: 1 },
      conflicts: [{ id: '0'.repeat(24), op: 'download', mailbox: 'INBOX', why: 'because' }],
      blocked: [
        { mailbox: 'INBOX', remote: '9', subject: 'Twice', reason: 'two files could be this message' },
      ],
      brakes: [{ mailbox: 'INBOX', deletions: 300, of: 1000, allowed: 250 }],
      rematch: [{ mailbox: 'My 100% Mail', reason: 'UIDVALIDITY changed' }],
      interrupted: 2,
      interruptions: [
        {
          operation: '20261122T050000Z-00000001',
          cutShort: true,
          started: '2026-11-22T05:00:00.000Z',
          pid: 4711,
          command: 'postern sync',
          actions: 120,
          inFlight: [
            { op: 'download', mailbox: 'INBOX', key: '8', subject: 'On its way', seen: 'arrived' },
            { op: 'upload', mailbox: 'My 100% Mail', key: '8.host', seen: 'unknown' },
          ],
        },
        {
          operation: '20261122T040000Z-00000002',
          cutShort: true,
          started: '2026-11-22T04:00:00.000Z',
          inFlight: [],
          settled: {
            by: '20261122T050000Z-00000001',
            at: '2026-11-22T05:00:00.000Z',
            found: 2,
            undone: 1,
            open: 0,
          },
        },
      ],
      withheld: 4,
      problems: [],
    });
  });

  it('tells a person where things stand and what to type next', () => {
    expect(
      [...statusText(plan, context)].join('\n'),
    ).toBe(`Remote: imaps://me@imap.example.org, fetched 5 minutes ago
Local:  maildir:/home/me/Mail

Interrupted:
  postern sync (process 4711), 5 minutes ago, was cut short, with 120 actions to do
    INBOX, to the local side: "On its way": it arrived
    My 100% Mail, to the remote: message 8.host: not known before the remote is asked
    in flight: 2 messages; the next apply finds out and goes on
  an apply, 65 minutes ago, was cut short
    settled 5 minutes ago: 2 had been done, 1 had not

Incoming:
  INBOX: 2 new, 1 deleted

Outgoing:
  INBOX: 1 flag change
  My 100% Mail: mailbox is new, 1 new

To record, without copying:
  INBOX: 1 message on both sides already

Conflicts: both versions are kept:
  INBOX, UID 43: "Edited" from "Ann": because

Blocked: neither copied nor deleted:
  INBOX, message 9: "Twice"
    two files could be this message

Matched anew: nothing is deleted there in this round:
  My 100% Mail: UIDVALIDITY changed

Held back by apply:
  INBOX: 300 deletions of 1,000 messages, more than the 250 that go without asking; allow them with: --max-delete 300

Not planned:
  4 changes that [sync] in the configuration does not allow

Next: postern apply   (postern plan shows every action; postern fetch looks at the remote again)`);
  });

  it('says so when nothing is left, and when nothing was ever fetched', () => {
    const equal: Plan = {
      ...plan,
      actions: [],
      blocked: [],
      brakes: [],
      interrupted: 0,
      interruptions: [],
      withheld: 0,
      rematch: [],
    };
    const mirror = [...statusText({ ...equal, withheld: 1 }, context)];
    expect(mirror.slice(-3)).toEqual([
      '  1 change that [sync] in the configuration does not allow',
      '',
      'Nothing else to do.',
    ]);
    expect([...statusText(equal, context)].at(-1)).toContain('both sides agree');
    expect([...statusText({ ...equal, fetched: undefined }, context)].at(-1)).toContain('postern fetch');
  });
});
