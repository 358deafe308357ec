import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSeam } from '@postern/core/model/effect.js';
import { createStore, openLevel, openStore, statePaths } from '@postern/core/state/disk-store.js';
import { recordKey, sealKey } from '@postern/core/state/keys.js';
import { type AnyLevel, ENCODING } from '@postern/core/state/level.js';
import { type RawEntry, type RawReport, readRaw } from '@postern/core/state/raw.js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { mailboxOf, pairOf, putRow, rowsOf } from '../../contract/store.js';

let home: string;
let directory: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'postern-raw-'));
  directory = join(home, 'state');
  const store = await createStore(directory, { seam: openSeam });
  await store.write([{ put: 'mailbox', mailbox: '', key: 'INBOX', value: mailboxOf('INBOX', 3) }], {
    durable: true,
  });
  await store.write(
    rowsOf(2000).map(row => putRow('INBOX', row)),
    { durable: true },
  );
  await store.write([{ put: 'pair', mailbox: 'Sent', key: '7:1', value: pairOf('1', 'a') }], {
    durable: true,
  });
  await store.close();
});

afterEach(() => rm(home, { recursive: true }));

async function survey(repair = false): Promise<RawReport & { readonly entries: readonly RawEntry[] }> {
  const entries: RawEntry[] = [];
  const report = await readRaw({
    directory,
    seam: openSeam,
    repair,
    visit: entry => void entries.push(entry),
  });
  return { ...report, entries };
}

const sound = (entries: readonly RawEntry[]) => entries.filter(entry => entry.fault === undefined);

async function tamper(act: (level: AnyLevel) => Promise<void>): Promise<void> {
  const level = await openLevel(statePaths(directory).level, {
    createIfMissing: false,
    errorIfExists: false,
  });
  await act(level);
  await level.close();
}

/** Moves all entries from the log into a table. */
async function intoTables(): Promise<void> {
  await tamper(async level => {
    await (level as unknown as { compactRange(from: string, to: string): Promise<void> }).compactRange(
      '\0',
      '\xff',
    );
  });
}

async function fileOf(pattern: RegExp): Promise<string> {
  const { level } = statePaths(directory);
  const name = (await readdir(level)).filter(file => pattern.test(file)).at(-1);
  expect(name).toBeDefined();
  return join(level, name!);
}

describe('reading a state raw', () => {
  it('finds every record and no fault in a sound one, and changes nothing', async () => {
    const before = await listing();
    const { entries, faults, partitions, id, databaseId, generation } = await survey();
    expect(faults).toEqual([]);
    expect(entries).toHaveLength(2002);
    expect(sound(entries)).toHaveLength(2002);
    expect(partitions.map(({ kind, mailbox, found, fault }) => [kind, mailbox, found.count, fault])).toEqual([
      ['mailbox', '', 1, undefined],
      ['pair', 'Sent', 1, undefined],
      ['remote', 'INBOX', 2000, undefined],
    ]);
    expect([databaseId, generation]).toEqual([id, 3]);
    expect(entries.find(entry => entry.kind === 'pair')?.value).toEqual(pairOf('1', 'a'));
    expect(await listing()).toEqual(before);
  });

  it('does not touch the lock of a database that is open', async () => {
    const store = await openStore(directory, { seam: openSeam });
    const { LOCK } = Object.fromEntries((await listing()).map(([name, stamp]) => [name, stamp]));
    expect((await survey()).entries).toHaveLength(2002);
    expect((await stat(join(statePaths(directory).level, 'LOCK'))).atimeMs).toBe(LOCK);
    await store.close();
  });

  it('DB-21: names each damaged, foreign and newer entry and gives the others', async () => {
    await tamper(async level => {
      const bytes = (await level.get<string, Buffer>(recordKey('remote', 'INBOX', '7'), ENCODING))!;
      await level.put(recordKey('remote', 'INBOX', '8'), bytes, ENCODING);
      await level.put('who\0knows', bytes, ENCODING);
      await level.put(sealKey('pair', 'Sent'), bytes, ENCODING);
      await level.del(recordKey('remote', 'INBOX', '9'));
    });
    const { entries, faults, partitions } = await survey();
    expect(entries.filter(entry => entry.fault !== undefined)).toEqual([
      {
        kind: 'remote',
        mailbox: 'INBOX',
        key: '8',
        fault: expect.stringContaining('checksum'),
        code: 'state-damaged',
      },
      {
        kind: 'pair',
        mailbox: 'Sent',
        fault: expect.stringContaining('seal of the pair records'),
        code: 'state-damaged',
      },
      { fault: expect.stringContaining('"who\\u0000knows"'), code: 'state-damaged' },
    ]);
    expect(sound(entries)).toHaveLength(2000);
    const verdicts = Object.fromEntries(partitions.map(({ kind, fault }) => [kind, fault]));
    expect(verdicts['mailbox']).toBeUndefined();
    expect(verdicts['pair']).toContain('no seal');
    expect(verdicts['remote']).toContain('1998 of');
    expect(faults).toEqual([
      { kind: 'root', reason: expect.stringContaining('2 seals are there, and not the 3') },
    ]);
  });

  it('never hands LevelDB a table with a damaged block, and takes what is in all others', async () => {
    await intoTables();
    const table = await fileOf(/\.ldb$/);
    const bytes = await readFile(table);
    bytes.fill(0xff, bytes.length >> 1, (bytes.length >> 1) + 40);
    await writeFile(table, bytes);
    const untouched = await survey();
    expect(untouched.entries).toEqual([]);
    expect(untouched.faults[0]).toMatchObject({ kind: 'tables', reason: /[0-9]+\.ldb: blocks .*: [12]$/ });
    const { entries, faults } = await survey(true);
    expect(sound(entries).length).toBeGreaterThan(1500);
    expect(sound(entries).length).toBeLessThan(2002);
    expect(new Set(entries.map(entry => JSON.stringify([entry.kind, entry.mailbox, entry.key]))).size).toBe(
      entries.length,
    );
    expect(faults[0]?.kind).toBe('tables');
    const keys = sound(entries)
      .filter(entry => entry.kind === 'remote')
      .map(entry => entry.key);
    expect(keys).toContain('1');
    expect(keys).toContain('999');
  });

  it('reports a database that does not open, and brings its records back when asked to repair the copy', async () => {
    await unlink(await fileOf(/^CURRENT$/));
    const before = await listing();
    const report = await survey();
    expect(report.entries).toEqual([]);
    expect(report.faults).toContainEqual({
      kind: 'open',
      reason: expect.stringMatching(/^the database: /),
    });
    const repaired = await survey(true);
    expect(sound(repaired.entries)).toHaveLength(2002);
    expect(repaired.faults).toEqual([]);
    expect(await listing()).toEqual(before);
  });

  it('reports what is lost as a whole', async () => {
    const kept = join(home, 'kept');
    await cp(directory, kept, { recursive: true });
    await truncate(statePaths(directory).id, 3);
    await rm(statePaths(directory).level, { recursive: true });
    const { entries, faults, partitions } = await survey();
    expect([entries, partitions]).toEqual([[], []]);
    expect(faults.map(({ kind }) => kind)).toEqual(['id', 'id', 'files', 'open', 'root']);
    expect(faults[2]?.reason).toMatch(/directory cannot be read/);
    await rm(directory, { recursive: true });
    expect((await survey()).faults).toContainEqual({ kind: 'id', reason: 'db.id is missing or unusable' });
  });

  it('passes on an error of the visitor and leaves no copy behind', async () => {
    const scratch = join(home, 'scratch');
    await mkdir(scratch);
    vi.stubEnv('TMPDIR', scratch);
    const visit = () => {
      throw new RangeError('mine');
    };
    await expect(readRaw({ directory, seam: openSeam, visit })).rejects.toThrow('mine');
    vi.unstubAllEnvs();
    expect(await readdir(scratch)).toEqual([]);
  });
});

async function listing(): Promise<(readonly [string, number])[]> {
  const { level } = statePaths(directory);
  const rows = (await readdir(level)).sort().map(async name => {
    const { mtimeMs, atimeMs } = await stat(join(level, name));
    return [name, name === 'LOCK' ? atimeMs : mtimeMs] as const;
  });
  return Promise.all(rows);
}
