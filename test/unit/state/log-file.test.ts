import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSeam } from '@postern/core/model/effect.js';
import { createStore, openStore, statePaths } from '@postern/core/state/disk-store.js';
import { checkLog } from '@postern/core/state/log-file.js';
import { readRaw } from '@postern/core/state/raw.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { putRow, rowOf } from '../../contract/store.js';

let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'postern-log-'));
});

afterAll(() => rm(home, { recursive: true }));

const logIn = async (state: string) => {
  const { level } = statePaths(state);
  const names = (await readdir(level)).filter(name => name.endsWith('.log'));
  expect(names).toHaveLength(1);
  return join(level, names[0]!);
};

/** A state of so many batches, all of them in its log. */
async function stateOf(batches: number): Promise<{ readonly state: string; readonly log: Buffer }> {
  const state = join(home, `state-${batches}`);
  await rm(state, { recursive: true, force: true });
  const store = await createStore(state, { seam: openSeam });
  for (let at = 0; at < batches; at++)
    await store.write([putRow('INBOX', rowOf(String(at)))], { durable: false });
  await store.close();
  return { state, log: await readFile(await logIn(state)) };
}

describe('a log of LevelDB', () => {
  it('is in order as LevelDB wrote it, and wherever it is cut', async () => {
    const { log } = await stateOf(400);
    expect(log.length).toBeGreaterThan(2 * 32 * 1024);
    for (let size = 0; size <= log.length; size += 997)
      expect(checkLog(log.subarray(0, size))).toBeUndefined();
    expect(checkLog(log)).toBeUndefined();
  });

  it.each([
    ['the whole of it', 1],
    ['its second half', 2],
  ])('that has %s twice is refused before LevelDB ends the process over it (DB-05)', async (_what, part) => {
    for (const batches of [5, 400]) {
      const { state, log } = await stateOf(batches);
      const block = 32 * 1024;
      // Where a second half is to be read as records, it begins at a block.
      const from = part === 1 ? 0 : Math.floor(log.length / 2 / block) * block;
      if (part === 2 && from === 0) continue;
      const padded = Buffer.concat([
        log,
        Buffer.alloc(part === 1 && batches === 5 ? 0 : (block - (log.length % block)) % block),
      ]);
      const doubled = Buffer.concat([padded, log.subarray(from)]);
      const found = checkLog(doubled);
      expect(found?.sound).toBeGreaterThanOrEqual(log.length);
      await writeFile(await logIn(state), doubled);
      await expect(openStore(state, { seam: openSeam })).rejects.toMatchObject({ code: 'state-damaged' });
      const rows: unknown[] = [];
      const { faults } = await readRaw({
        directory: state,
        seam: openSeam,
        repair: true,
        visit: entry => {
          if (entry.kind === 'remote' && entry.fault === undefined) rows.push(entry.key);
        },
      });
      expect(faults[0]).toMatchObject({ kind: 'tables', reason: expect.stringContaining('come again') });
      expect(new Set(rows).size).toBe(batches);
    }
  });

  it('that holds garbage is left to LevelDB', async () => {
    const { log } = await stateOf(400);
    let found = 0;
    for (let at = 0; at < log.length; at += 101) {
      const flipped = Buffer.from(log);
      flipped[at] = flipped[at]! ^ (1 << (at % 8));
      if (checkLog(flipped) !== undefined) found++;
    }
    expect(found).toBe(0);
    expect(checkLog(Buffer.alloc(100_000, 0xff))).toBeUndefined();
    expect(checkLog(Buffer.alloc(100_000))).toBeUndefined();
  });
});

describe('a large state that a process died with', () => {
  it('has all its tables checked, and is refused when one is damaged', async () => {
    const state = join(home, 'large');
    const store = await createStore(state, { seam: openSeam });
    // Text that does not shrink, for tables of more than 8 MB.
    const noise = () => Array.from({ length: 60 }, () => Math.random().toString(36).slice(2)).join('');
    for (let batch = 0; batch < 16; batch++) {
      const rows = Array.from({ length: 1000 }, (_, at) => ({
        ...rowOf(String(batch * 1000 + at)),
        envelope: { subject: noise() },
      }));
      await store.write(
        rows.map(row => putRow('INBOX', row)),
        { durable: false },
      );
    }
    await store.compact();
    await store.close();
    const { level } = statePaths(state);
    const tables = (await readdir(level)).filter(name => name.endsWith('.ldb')).sort();
    const sizes = await Promise.all(tables.map(async name => (await readFile(join(level, name))).length));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(8 << 20);
    const damaged = join(home, 'large-damaged');
    await cp(state, damaged, { recursive: true });
    const file = join(statePaths(damaged).level, tables.at(-1)!);
    const bytes = await readFile(file);
    bytes[5000] = bytes[5000]! ^ 4;
    await writeFile(file, bytes);
    await (await openStore(damaged, { seam: openSeam })).close();
    await expect(openStore(damaged, { seam: openSeam, thorough: true })).rejects.toMatchObject({
      code: 'state-damaged',
      message: expect.stringContaining(tables.at(-1)!),
    });
    await (await openStore(state, { seam: openSeam, thorough: true })).close();
  });
});
