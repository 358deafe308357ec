import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BySide } from '@postern/core/model/by-side.js';
import { openSeam, type Seam } from '@postern/core/model/effect.js';
import { PosternError } from '@postern/core/model/error.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import type { Epoch, MessageKey } from '@postern/core/model/row.js';
import type { Side } from '@postern/core/side/side.js';
import { createStore, openStore } from '@postern/core/state/disk-store.js';
import { exportState } from '@postern/core/state/export-state.js';
import { type ImportOptions, importState } from '@postern/core/state/import-state.js';
import type { Change } from '@postern/core/state/store.js';
import { afterEach, describe, expect, it } from 'vitest';
import { TestClock } from '../../support/rig.js';
import { CrashSeam } from '../../support/seam.js';

const ID = 'the-repository';
const ADDRESSES = { remote: 'imaps://me@imap.example.org', local: 'maildir:/home/me/Mail' };
const SIDES = {
  remote: { kind: 'imap', address: ADDRESSES.remote },
  // A Maildir may be somewhere else on another machine.
  local: { kind: 'maildir', address: 'maildir:/srv/mail' },
} as unknown as BySide<Side>;

const directories: string[] = [];

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function stateDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'postern-export-'));
  directories.push(directory);
  return join(directory, 'state');
}

const name = (text: string) => text as MailboxName;
const epoch = '7' as Epoch;
const identity = (number: number) => ({
  messageId: `<${number}@example.org>`,
  digest: String(number).padStart(32, '0'),
  size: number,
});
const row = (key: string, number: number) => ({
  key: key as MessageKey,
  flags: ['\\Seen'],
  date: 1000 * number,
  identity: identity(number),
  envelope: { subject: `caf\xe9 \u0007 ${number}`, from: '\x9b31m' },
});
const MAILBOXES = ['INBOX', 'Work/\ue000', 'Work/\u{1f4ec}'];

function* changes(messages: number): Generator<Change> {
  yield {
    put: 'meta',
    mailbox: '',
    key: 'repository',
    value: { repository: ID, addresses: ADDRESSES, created: 1, fetched: 2, leftOut: [name('Old')] },
  };
  for (const text of MAILBOXES) {
    const mailbox = name(text);
    const unreadable = JSON.parse('{"__proto__":"mine","9":"no permission"}') as Record<string, string>;
    const sides = {
      remote: { cursor: { epoch, count: messages, uidNext: 99 }, permanentFlags: ['\\*'] },
      local: { cursor: { epoch: '' as Epoch, count: messages }, permanentFlags: [], unreadable },
    };
    yield {
      put: 'mailbox',
      mailbox: '',
      key: text,
      value: { mailbox, generation: 5, pending: 6, sides, missing: { local: 1 }, agreed: true, quiet: false },
    };
    for (let number = 1; number <= messages; number++) {
      const remote = { epoch, key: String(number) as MessageKey };
      const local = { epoch: '' as Epoch, key: `${number}.host,U=%3A` as MessageKey };
      yield { put: 'remote', mailbox, key: remote.key, value: row(remote.key, number) };
      yield { put: 'local', mailbox, key: local.key, value: { ...row(local.key, number), stamp: '1.2' } };
      const value = { remote, local, flags: ['\\Seen'], identity: identity(number), weak: true };
      yield { put: 'pair', mailbox, key: `7:${number}`, value };
    }
  }
  const intent = { operation: 'op', mailbox: name('INBOX'), identity: identity(3), epoch, begun: 4 };
  const from = { mailbox: name('Work'), epoch, key: '8' as MessageKey };
  yield {
    put: 'intent',
    mailbox: name('INBOX'),
    key: 'op/1',
    value: { ...intent, side: 'remote', source: { epoch, key: '3.host' as MessageKey }, from },
  };
  yield { put: 'log', mailbox: '', key: 'op', value: { started: 1, counts: { done: 3 }, pid: 9 } };
}

async function made(messages = 4): Promise<string> {
  const directory = stateDirectory();
  const store = await createStore(directory, { seam: openSeam });
  await store.write([...changes(messages)], { durable: true });
  await store.close();
  return directory;
}

async function exported(directory: string): Promise<string[]> {
  const store = await openStore(directory, { seam: openSeam });
  try {
    const lines: string[] = [];
    for await (const line of exportState(store, { repository: ID, now: 0 })) lines.push(JSON.stringify(line));
    return lines;
  } finally {
    await store.close();
  }
}

async function imported(
  directory: string,
  text: string | Buffer,
  options: ImportOptions & { readonly seam?: Seam; readonly id?: string; readonly sides?: BySide<Side> } = {},
) {
  const { seam = openSeam, id = ID, sides = SIDES, ...rest } = options;
  const bytes = Buffer.from(text);
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
  }
  const target = { stateDirectory: directory, id, sides, seam, clock: new TestClock() };
  return importState(target, chunks(), rest);
}

const fault = async (promise: Promise<unknown>) => {
  const error = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!(error instanceof PosternError)) throw new Error(`no error: ${error}`);
  return `${error.code}: ${error.message}`;
};

describe('an export of the state', () => {
  it('imported and exported again is equal, to the last record', async () => {
    const lines = await exported(await made(400));
    const directory = stateDirectory();
    const report = await imported(directory, `${lines.join('\n')}\n`);
    expect(report).toEqual({
      records: lines.length - 2,
      mailboxes: 3,
      pairs: 1200,
      exported: '1970-01-01T00:00:00.000Z',
    });
    expect(await exported(directory)).toEqual(lines);
  });

  it('holds what cat-state shows, with a header and an end', async () => {
    const lines = (await exported(await made())).map(line => JSON.parse(line));
    expect(lines[0]).toEqual({
      postern: 'state',
      version: 1,
      repository: ID,
      exported: '1970-01-01T00:00:00.000Z',
    });
    expect(lines[1]).toMatchObject({ kind: 'meta', key: 'repository' });
    expect(lines.at(-1)).toMatchObject({ end: true, records: lines.length - 2 });
  });

  it('may be written in another way, as JSON of the same values', async () => {
    const lines = await exported(await made());
    const spaced = lines.map(line => JSON.stringify(JSON.parse(line), null, 1).replaceAll('\n', ' '));
    const directory = stateDirectory();
    await imported(directory, spaced.join('\r\n'));
    expect(await exported(directory)).toEqual(lines);
  });

  it('is refused where there is a state, or takes its place and keeps it', async () => {
    const lines = await exported(await made());
    const directory = await made(2);
    const before = await exported(directory);
    expect(await fault(imported(directory, lines.join('\n')))).toMatch(/^failed: there is a state in/);
    expect(await exported(directory)).toEqual(before);
    const { aside } = await imported(directory, lines.join('\n'), { replace: true });
    expect(aside).toMatch(/state\.replaced-20261122T050000Z$/);
    expect(await exported(directory)).toEqual(lines);
    expect(await exported(aside!)).toEqual(before);
  });

  it('DB-21: of another repository or another account is refused', async () => {
    const text = (await exported(await made())).join('\n');
    expect(await fault(imported(stateDirectory(), text, { id: 'another' }))).toMatch(
      /^state-foreign: the export is of another repository/,
    );
    const sides = { ...SIDES, remote: { kind: 'imap', address: 'imaps://you@example.org' } as Side };
    expect(await fault(imported(stateDirectory(), text, { sides }))).toMatch(/^state-foreign: .* made with/);
  });
});

/** A copy of the lines in which one is another. */
function changed(lines: readonly string[], at: number, change: (value: Record<string, unknown>) => unknown) {
  const value = change(JSON.parse(lines.at(at)!) as Record<string, unknown>);
  return lines.with(at, typeof value === 'string' ? value : JSON.stringify(value));
}

type Broken = readonly [what: string, reason: RegExp, edit: (lines: string[]) => string[] | Buffer];

const BROKEN: readonly Broken[] = [
  ['nothing', /it is empty/, () => []],
  ['a plan', /line 1: it is not the header/, () => ['{"op":"plan"}']],
  ['a list', /line 1: it is not an object/, lines => ['[]', ...lines]],
  ['no JSON', /line 3: it is not JSON/, lines => lines.with(2, '{')],
  ['an empty line', /line 3: it is not JSON/, lines => lines.with(2, '')],
  ['other octets than UTF-8', /line 1: it is not UTF-8/, lines => Buffer.from(`\xff${lines[0]}`, 'latin1')],
  [
    'another version',
    /^state-version: the export has version 2/,
    lines => changed(lines, 0, line => ({ ...line, version: 2 })),
  ],
  [
    'a time that is none',
    /line 1: "exported" is not a time/,
    lines => changed(lines, 0, line => ({ ...line, exported: '\u001b[2J' })),
  ],
  ['no end', /it is cut short/, lines => lines.slice(0, -1)],
  [
    'half a line at the end',
    /line \d+: it is not JSON/,
    lines => [...lines.slice(0, -2), lines.at(-2)!.slice(0, 40)],
  ],
  ['a record less', /line \d+: the records are not those/, lines => lines.toSpliced(5, 1)],
  ['a record twice', /line 7: the record stands there twice/, lines => lines.toSpliced(5, 0, lines[5]!)],
  [
    'records in another order',
    /line 7: .*another order/,
    lines => lines.with(5, lines[6]!).with(6, lines[5]!),
  ],
  [
    'a changed value',
    /the records are not those/,
    lines => changed(lines, 1, line => ({ ...line, value: { ...(line['value'] as object), created: 3 } })),
  ],
  ['lines after the end', /it comes after the end/, lines => [...lines, lines.at(-1)!]],
  [
    'an unknown kind',
    /line 2: no kind of record is called "pear"/,
    lines => changed(lines, 1, line => ({ ...line, kind: 'pear' })),
  ],
  [
    'a kind that objects have',
    /line 2: no kind of record/,
    lines => changed(lines, 1, line => ({ ...line, kind: 'toString' })),
  ],
  [
    'no key',
    /line 2: it lacks "mailbox" or "key"/,
    lines => changed(lines, 1, ({ key: _key, ...line }) => line),
  ],
  [
    'a key with NUL',
    /line 2: its key cannot be one/,
    lines => changed(lines, 1, line => ({ ...line, key: 'a\0b' })),
  ],
  [
    'a key that is another record’s',
    /line 6: it says it is "7:1"/,
    lines => changed(lines, 5, line => ({ ...line, key: '7:99' })),
  ],
  [
    'a value of another shape',
    /line 6: it is not a pair record/,
    lines => changed(lines, 5, line => ({ ...line, value: 'none' })),
  ],
  [
    'a field of another type',
    /line 6: it holds a number where text belongs/,
    lines => changed(lines, 5, line => ({ ...line, value: { ...(line['value'] as object), flags: [1] } })),
  ],
  [
    'a mailbox that leads out',
    /line 6: no mailbox can be called "\.\.\/x"/,
    lines => changed(lines, 5, line => ({ ...line, mailbox: '../x' })),
  ],
  [
    'a message that leads out',
    /line 6: no message can be called "\.\.\/\.\.\/x"/,
    lines =>
      changed(lines, 5, line => ({
        ...line,
        value: { ...(line['value'] as object), local: { epoch: '', key: '../../x' } },
      })),
  ],
  [
    'a record of no mailbox',
    /line 6: its mailbox is not one/,
    lines => changed(lines, 5, line => ({ ...line, mailbox: '' })),
  ],
];

describe('a broken export', () => {
  it.each(BROKEN)(
    'with %s is refused with line and reason, and nothing is changed',
    async (_what, reason, edit) => {
      const lines = await exported(await made());
      const directory = stateDirectory();
      const edited = edit(lines);
      const text = Buffer.isBuffer(edited) ? edited : edited.join('\n');
      expect(await fault(imported(directory, text))).toMatch(reason);
      expect(readdirSync(join(directory, '..'))).toEqual([]);
    },
  );

  it('that says nothing of its owner is refused', async () => {
    const directory = stateDirectory();
    const store = await createStore(directory, { seam: openSeam });
    await store.write([{ put: 'log', mailbox: '', key: 'op', value: { started: 1 } }], { durable: true });
    await store.close();
    const lines = await exported(directory);
    expect(await fault(imported(stateDirectory(), lines.join('\n')))).toMatch(
      /does not say whose state it is/,
    );
  });
});

describe('an import that is killed', () => {
  it.each(['before', 'after'] as const)(
    '%s any step leaves no state, the old one, or the whole new one',
    async when => {
      const lines = await exported(await made(2));
      let met = 0;
      for (let at = 1; ; at++) {
        const directory = await made(1);
        const old = await exported(directory);
        const seam = new CrashSeam(at, when);
        await imported(directory, lines.join('\n'), { replace: true, seam }).catch(() => undefined);
        if (!seam.crashed) break;
        met++;
        const { aside } = await imported(directory, lines.join('\n'), { replace: true });
        expect(aside, seam.where).toBeDefined();
        expect(await exported(directory), seam.where).toEqual(lines);
        const kept = await Promise.all(
          readdirSync(join(directory, '..'))
            .filter(entry => entry.startsWith('state.replaced'))
            .map(entry => exported(join(directory, '..', entry))),
        );
        expect(kept, `${seam.where}: the old state`).toContainEqual(old);
      }
      expect(met).toBeGreaterThan(8);
    },
  );
});
