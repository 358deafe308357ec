import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSeam } from '@postern/core/model/effect.js';
import { damagedTables } from '@postern/core/state/check-files.js';
import { crc32c } from '@postern/core/state/crc32c.js';
import { createStore, openLevel, openStore, statePaths } from '@postern/core/state/disk-store.js';
import { walk } from '@postern/core/state/level.js';
import { unsnap } from '@postern/core/state/snappy.js';
import { checkTable, entriesIn } from '@postern/core/state/table-file.js';
import { readVarint } from '@postern/core/state/varint.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { putRow, rowsOf } from '../../contract/store.js';

let home: string;
let directory: string;
let name: string;
let table: Buffer;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'postern-table-'));
  directory = join(home, 'state');
  const store = await createStore(directory, { seam: openSeam });
  await store.write(
    rowsOf(300).map(row => putRow('INBOX', row)),
    { durable: true },
  );
  await store.compact();
  await store.close();
  const tables = (await readdir(statePaths(directory).level)).filter(file => file.endsWith('.ldb'));
  expect(tables).toHaveLength(1);
  name = tables[0]!;
  table = await readFile(join(statePaths(directory).level, name));
});
afterAll(() => rm(home, { recursive: true }));

/** What LevelDB itself reads. */
async function readByLevel(): Promise<[string, string][]> {
  const copy = join(home, 'copy');
  await cp(statePaths(directory).level, copy, { recursive: true });
  const level = await openLevel(copy, { createIfMissing: false, errorIfExists: false });
  const entries: [string, string][] = [];
  await walk(level, {}, (key, value) => entries.push([key, value.toString('hex')]));
  await level.close();
  return entries;
}

describe('a table of LevelDB', () => {
  it('is read as LevelDB reads it', async () => {
    const { blocks, fault } = checkTable(table)!;
    expect(fault).toBeUndefined();
    expect(blocks.length).toBeGreaterThan(3);
    const found = new Map<string, string | undefined>();
    // The latest version of a key comes first.
    for (const { key, value } of blocks.flatMap(block => [...entriesIn(block)])) {
      if (!found.has(key.toString())) found.set(key.toString(), value?.toString('hex'));
    }
    expect([...found]).toEqual(await readByLevel());
  });

  it('shows every flipped bit but those that mean nothing', () => {
    const footer = table.length - 48;
    let unnoticed = 0;
    for (let at = 0; at < table.length; at += at < footer ? 13 : 1) {
      const flipped = Buffer.from(table);
      flipped[at] = flipped[at]! ^ (1 << (at % 8));
      const checked = checkTable(flipped);
      if (checked !== undefined && checked.fault === undefined) {
        expect(at, 'only padding in the footer means nothing').toBeGreaterThan(footer);
        unnoticed++;
      }
    }
    expect(unnoticed).toBeLessThan(40);
  });

  it('that was cut short is left to LevelDB, which notices', () => {
    for (const size of [0, 1, 47, table.length >> 1, table.length - 1])
      expect(checkTable(table.subarray(0, size))).toBeUndefined();
  });

  it('refuses to be opened when it is damaged, before LevelDB can take the process down', async () => {
    const damaged = join(home, 'damaged');
    await cp(directory, damaged, { recursive: true });
    const bytes = Buffer.from(table);
    bytes[100] = bytes[100]! ^ 16;
    await writeFile(join(statePaths(damaged).level, name), bytes);
    expect(await damagedTables(statePaths(damaged).level)).toMatchObject([{ name }]);
    await expect(openStore(damaged, { seam: openSeam })).rejects.toMatchObject({
      code: 'state-damaged',
      message: expect.stringContaining(name),
    });
  });

  it('that a compaction left behind unfinished is no damage', async () => {
    const cut = join(home, 'cut');
    await cp(directory, cut, { recursive: true });
    await writeFile(join(statePaths(cut).level, '999999.ldb'), table.subarray(0, 1000));
    const store = await openStore(cut, { seam: openSeam });
    expect((await store.all('remote', 'INBOX')).size).toBe(300);
    await store.close();
  });
});

describe('the parts of a table', () => {
  it('have the checksums of RFC 3720', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
    expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, at) => at)))).toBe(0x46dd794e);
    expect(crc32c(Buffer.alloc(0))).toBe(0);
  });

  it('are numbers of seven bits an octet', () => {
    expect(readVarint(Buffer.from([0x05]), 0)).toEqual({ value: 5, next: 1 });
    expect(readVarint(Buffer.from([0, 0xac, 0x02]), 1)).toEqual({ value: 300, next: 3 });
    expect(readVarint(Buffer.from([0x80]), 0)).toBeUndefined();
    expect(readVarint(Buffer.alloc(12, 0xff), 0)).toBeUndefined();
  });

  it('are unpacked, overlapping copies included', () => {
    // 'ab', then nine octets from two back.
    expect(unsnap(Buffer.from([11, 0x04, 0x61, 0x62, 0x15, 0x02]))?.toString()).toBe('abababababa');
    const long = Buffer.alloc(70, 'x');
    expect(unsnap(Buffer.concat([Buffer.from([70, 60 << 2, 69]), long]))).toEqual(long);
  });

  it.each([
    ['a literal that is cut short', [5, 0x10, 0x61]],
    ['a copy from before the beginning', [6, 0x04, 0x61, 0x62, 0x01, 0x09]],
    ['a copy from nowhere', [6, 0x04, 0x61, 0x62, 0x01, 0x00]],
    ['more than was announced', [1, 0x04, 0x61, 0x62]],
    ['less than was announced', [9, 0x04, 0x61, 0x62]],
    ['an announcement beyond all bounds', [0xff, 0xff, 0xff, 0xff, 0x0f]],
  ])('are nothing when they hold %s', (_what, octets) => {
    expect(unsnap(Buffer.from(octets))).toBeUndefined();
  });
});
