import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFile,
  chmod,
  cp,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { systemClock } from '@postern/core/model/clock.js';
import { openSeam } from '@postern/core/model/effect.js';
import type { Row } from '@postern/core/model/row.js';
import { createStore, openLevel, openStore, statePaths } from '@postern/core/state/disk-store.js';
import { hashRecord } from '@postern/core/state/hash.js';
import { recordKey, sealKey } from '@postern/core/state/keys.js';
import { ENCODING } from '@postern/core/state/level.js';
import { acquireLock } from '@postern/core/state/lock.js';
import type { Change } from '@postern/core/state/store.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { putRow, rowOf } from '../../contract/store.js';

const options = { seam: openSeam };
const MAILBOXES = ['Archive/2026', 'INBOX', 'Lists'];
const PER_BATCH = 40;

type World = Map<string, Map<string, Row>>;

/** What a state held after each batch: index = generation. */
const history: World[] = [new Map()];
let home: string;
let sound: string;
let directory: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'postern-faults-'));
  await chmod(home, 0o755);
  sound = join(home, 'sound');
  let store = await createStore(sound, options);
  for (let round = 0; round < 40; round++) {
    // Half of it goes into tables, half stays in the log.
    if (round === 20) {
      await store.close();
      store = await openStore(sound, options);
    }
    const mailbox = MAILBOXES[round % MAILBOXES.length]!;
    const world: World = new Map([...history.at(-1)!].map(([name, rows]) => [name, new Map(rows)]));
    const rows = world.get(mailbox) ?? new Map<string, Row>();
    world.set(mailbox, rows);
    const changes: Change[] = [];
    for (let n = 0; n < PER_BATCH; n++) {
      const row = rowOf(String(round * PER_BATCH + n));
      rows.set(row.key, row);
      changes.push(putRow(mailbox, row));
    }
    const [first] = rows.keys();
    if (round % 4 === 3) {
      rows.delete(first!);
      changes.push({ del: 'remote', mailbox, key: first! });
    }
    await store.write(changes, { durable: true });
    history.push(world);
  }
  expect(store.generation).toBe(history.length - 1);
  await store.close();
});

afterAll(() => rm(home, { recursive: true }));

let count = 0;

beforeEach(async () => {
  // A name of its own: LevelDB remembers by name what this process has open.
  directory = join(home, `state-${++count}`);
  await cp(sound, directory, { recursive: true });
});

afterEach(() => rm(directory, { recursive: true }));

const levelDirectory = () => statePaths(directory).level;

async function levelFile(pattern: RegExp): Promise<string> {
  const names = (await readdir(levelDirectory())).filter(name => pattern.test(name)).sort();
  expect(names).not.toEqual([]);
  return join(levelDirectory(), names.at(-1)!);
}

async function read(): Promise<{ readonly generation: number; readonly world: World }> {
  const store = await openStore(directory, options);
  try {
    const world: World = new Map();
    for (const mailbox of await store.partitions('remote')) {
      world.set(mailbox, new Map(await store.all('remote', mailbox)));
    }
    return { generation: store.generation, world };
  } finally {
    await store.close();
  }
}

/** How far back a reading is, or the code of its error. A world that never was fails the test. */
async function verdict(): Promise<number | string> {
  try {
    const { generation, world } = await read();
    expect(world).toEqual(history[generation]);
    return history.length - 1 - generation;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === undefined || !code.startsWith('state-')) throw error;
    return code;
  }
}

const damaged = { code: 'state-damaged', hint: /postern fsck/ };

describe('a state directory in which nothing is wrong', () => {
  it('reads as it was written', async () => {
    expect(await verdict()).toBe(0);
  });

  it('opens after its process was killed, LOCK and all (DB-17)', async () => {
    const holder = await openElsewhere();
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    expect(await verdict()).toBe(0);
  });
});

describe('damage to the files of LevelDB', () => {
  it.each([
    ['empty', ''],
    ['garbage', 'MANIFEST-999999\n'],
    ['without its line end', 'MANIFEST-000002'],
  ])('CURRENT %s is damage (DB-01)', async (_what, content) => {
    await writeFile(await levelFile(/^CURRENT$/), content);
    await expect(read()).rejects.toMatchObject(damaged);
  });

  it('CURRENT missing is damage, and nothing is created in its place (DB-01)', async () => {
    await unlink(await levelFile(/^CURRENT$/));
    const before = await readdir(levelDirectory());
    await expect(read()).rejects.toMatchObject(damaged);
    expect(await readdir(levelDirectory())).toEqual(before);
  });

  it('MANIFEST missing, emptied or cut is damage (DB-02)', async () => {
    const manifest = await levelFile(/^MANIFEST-/);
    const { size } = await stat(manifest);
    for (const keep of [size - 1, 20, 0]) {
      await truncate(manifest, keep);
      await expect(read()).rejects.toMatchObject(damaged);
    }
    await unlink(manifest);
    await expect(read()).rejects.toMatchObject(damaged);
  });

  it('a table missing is damage (DB-03)', async () => {
    await unlink(await levelFile(/\.ldb$/));
    await expect(read()).rejects.toMatchObject(damaged);
  });

  it('a table cut short is damage, and not a shorter mailbox (DB-04)', async () => {
    const table = await levelFile(/\.ldb$/);
    await truncate(table, Math.floor((await stat(table)).size * 0.6));
    await expect(read()).rejects.toMatchObject(damaged);
  });

  it('a log cut anywhere is an earlier state as a whole, or damage: only a witness can tell the former (DB-05)', async () => {
    const log = await levelFile(/\.log$/);
    const { size } = await stat(log);
    expect(size).toBeGreaterThan(2 * 32 * 1024);
    const verdicts: (number | string)[] = [];
    for (let part = 9; part >= 0; part--) {
      await rm(directory, { recursive: true });
      await cp(sound, directory, { recursive: true });
      await truncate(log, Math.floor((size * part) / 10));
      verdicts.push(await verdict());
    }
    expect(verdicts.every(back => typeof back === 'number' && back > 0)).toBe(true);
    expect(verdicts.at(-1)).toBe(20);
  });

  it('a log deleted, or its tail zeroed, is an earlier state as a whole (DB-05)', async () => {
    const log = await levelFile(/\.log$/);
    const bytes = await readFile(log);
    await writeFile(log, bytes.fill(0, bytes.length >> 1));
    expect(await verdict()).toBeGreaterThan(0);
    await rm(directory, { recursive: true });
    await cp(sound, directory, { recursive: true });
    await unlink(log);
    expect(await verdict()).toBe(20);
  });

  it('all logs and tables gone is damage even where LevelDB opens it', async () => {
    await rm(directory, { recursive: true });
    const store = await createStore(directory, options);
    await store.write([putRow('INBOX', rowOf('1'))], { durable: true });
    await store.close();
    await truncate(await levelFile(/\.log$/), 0);
    await expect(read()).rejects.toMatchObject(damaged);
  });

  it.each([
    [/\.log$/, 60],
    [/\.ldb$/, 90],
    [/^MANIFEST-/, 40],
  ] as const)(
    'one flipped bit anywhere in %s never yields records that never were so',
    async (pattern, trials) => {
      const name = basename(await levelFile(pattern));
      const bytes = await readFile(join(statePaths(sound).level, name));
      const verdicts = new Map<number | string, number>();
      for (let trial = 0; trial < trials; trial++) {
        await rm(directory, { recursive: true });
        await cp(sound, directory, { recursive: true });
        const at = Math.floor((bytes.length * (trial + 0.5)) / trials);
        const flipped = Buffer.from(bytes);
        flipped[at]! ^= 1 << (trial % 8);
        await writeFile(join(levelDirectory(), name), flipped);
        const outcome = await verdict();
        verdicts.set(outcome, (verdicts.get(outcome) ?? 0) + 1);
      }
      expect(verdicts.get('state-damaged') ?? 0).toBeGreaterThan(trials / 4);
      if (!name.endsWith('.log')) {
        expect([...verdicts.keys()].filter(key => typeof key === 'number' && key > 0)).toEqual([]);
      }
    },
  );

  it('a batch of which only a part survived is damage (DB-22)', async () => {
    const last = recordKey('remote', MAILBOXES[39 % 3]!, String(40 * PER_BATCH - 1));
    const seal = sealKey('remote', MAILBOXES[39 % 3]!);
    for (const lost of [last, seal, 'root']) {
      const level = await openLevel(levelDirectory(), { createIfMissing: false, errorIfExists: false });
      const value = await level.get<string, Buffer>(lost, ENCODING);
      await level.del(lost);
      await level.close();
      await expect(read()).rejects.toMatchObject(damaged);
      const again = await openLevel(levelDirectory(), { createIfMissing: false, errorIfExists: false });
      await again.put(lost, value!, ENCODING);
      await again.close();
    }
    expect(await verdict()).toBe(0);
  });
});

describe('which state it is', () => {
  it('tells a state that was never made from one that is lost', async () => {
    const nowhere = join(home, 'nowhere');
    await expect(openStore(nowhere, options)).rejects.toMatchObject({ code: 'state-missing' });
    await expect(stat(nowhere)).rejects.toThrow('ENOENT');
    await rm(levelDirectory(), { recursive: true });
    await expect(read()).rejects.toMatchObject(damaged);
    await unlink(statePaths(directory).id);
    await expect(read()).rejects.toMatchObject({ code: 'state-missing' });
  });

  it('does not trust a database without db.id, or with a broken one', async () => {
    const { id } = statePaths(directory);
    for (const content of ['', '{}', '{"format":1,"id":"short"}', 'null', '{"format":"1"}']) {
      await writeFile(id, content);
      await expect(read()).rejects.toMatchObject(damaged);
    }
    await unlink(id);
    await expect(read()).rejects.toMatchObject(damaged);
  });

  it('refuses a database beside the db.id of another', async () => {
    const other = join(home, 'other');
    await (await createStore(other, options)).close();
    await cp(statePaths(other).id, statePaths(directory).id);
    await expect(read()).rejects.toMatchObject({ code: 'state-foreign' });
    await rm(other, { recursive: true });
  });

  it('refuses what a newer postern wrote, the whole or one record, and writes nothing (DB-16)', async () => {
    const level = await openLevel(levelDirectory(), { createIfMissing: false, errorIfExists: false });
    const key = recordKey('remote', 'INBOX', String(PER_BATCH + 5));
    const bytes = Buffer.from((await level.get<string, Buffer>(key, ENCODING))!);
    bytes[8] = 2;
    const hash = hashRecord(key, bytes, 8);
    bytes.writeUInt32BE(hash.high, 0);
    bytes.writeUInt32BE(hash.low, 4);
    await level.put(key, bytes, ENCODING);
    await level.close();
    await expect(read()).rejects.toMatchObject({ code: 'state-version', hint: /newer/ });
    const newer = '{"format":2,"id":"other"}\n';
    await writeFile(statePaths(directory).id, newer);
    await expect(read()).rejects.toMatchObject({ code: 'state-version' });
    expect(await readFile(statePaths(directory).id, 'utf8')).toBe(newer);
  });

  it('creates no state over another one, whole or in parts', async () => {
    await expect(createStore(directory, options)).rejects.toMatchObject({ code: 'failed' });
    await unlink(statePaths(directory).id);
    await expect(createStore(directory, options)).rejects.toMatchObject({ code: 'failed' });
    expect((await readdir(levelDirectory())).length).toBeGreaterThan(3);
  });
});

describe('a state that cannot be used now', () => {
  it('is busy while another process has it open, and so is a second opening in this one (DB-18)', async () => {
    const holder = await openElsewhere();
    await expect(read()).rejects.toMatchObject({ code: 'busy' });
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    const store = await openStore(directory, options);
    await expect(read()).rejects.toMatchObject({ code: 'busy' });
    await store.close();
    expect(await verdict()).toBe(0);
  });

  it('is kept by the lock of the repository also when the LOCK of LevelDB is gone (I15)', async () => {
    const path = join(home, 'lock.json');
    const lock = await acquireLock({ path, command: 'postern apply', seam: openSeam, clock: systemClock });
    const store = await openStore(directory, options);
    // Any close of that file in this process drops the kernel's lock on it.
    await readFile(join(levelDirectory(), 'LOCK'));
    const intruder = await openElsewhere();
    const second = acquireLock({ path, command: 'postern sync', seam: openSeam, clock: systemClock });
    await expect(second).rejects.toMatchObject({ code: 'busy' });
    intruder.kill('SIGKILL');
    await once(intruder, 'exit');
    await store.close();
    await lock.release();
  });

  it('is read-only where the directory is, and stays as it was (DB-14)', async () => {
    const names = await readdir(levelDirectory());
    for (const name of names) await chmod(join(levelDirectory(), name), 0o444);
    await chmod(levelDirectory(), 0o555);
    await chmod(directory, 0o555);
    const rights = process.getuid?.() === 0 ? process.seteuid! : () => {};
    rights(65534);
    try {
      await expect(read()).rejects.toMatchObject({ code: 'read-only' });
      await expect(createStore(join(directory, 'new'), options)).rejects.toMatchObject({ code: 'read-only' });
    } finally {
      rights(0);
      await chmod(directory, 0o755);
      await chmod(levelDirectory(), 0o755);
    }
    for (const name of names) await chmod(join(levelDirectory(), name), 0o644);
    expect(await verdict()).toBe(0);
  });

  it('does not mistake strange files beside it for damage', async () => {
    await appendFile(join(directory, 'notes.txt'), 'mine');
    expect(await verdict()).toBe(0);
  });
});

async function openElsewhere() {
  const level = createRequire(import.meta.url).resolve('level');
  const script = `const { Level } = require(${JSON.stringify(level)});
    const level = new Level(${JSON.stringify(levelDirectory())});
    level.open().then(() => { console.log('open'); setInterval(() => {}, 1000); });`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}
