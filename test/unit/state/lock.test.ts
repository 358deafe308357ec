import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '@postern/core/model/clock.js';
import { openSeam, type Seam } from '@postern/core/model/effect.js';
import { acquireLock } from '@postern/core/state/lock.js';
import { holderState, type LockHolder, thisHolder } from '@postern/core/state/lock-holder.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Crash, CrashSeam, FaultSeam } from '../../support/seam.js';

const clock: Clock = { now: () => Date.UTC(2026, 10, 22, 5), sleep: async () => {} };
const TOKEN = 'ab'.repeat(16);
let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postern-lock-'));
  path = join(directory, 'lock.json');
});

afterEach(() => rm(directory, { recursive: true }));

const acquire = (seam: Seam = openSeam) => acquireLock({ path, command: 'postern sync', seam, clock });
const here = () => thisHolder({ token: TOKEN, command: 'postern apply', since: '2026-11-22T04:00:00.000Z' });
const leave = (holder: LockHolder, at = path) => writeFile(at, JSON.stringify(holder));
const names = async () => (await readdir(directory)).sort();
const onDisk = async () => JSON.parse(await readFile(path, 'utf8')) as LockHolder;

async function deadPid(): Promise<number> {
  const child = spawn('true');
  await once(child, 'exit');
  return child.pid!;
}

const dead = async (): Promise<LockHolder> => ({ ...(await here()), pid: await deadPid() });

describe('the lock of a repository', () => {
  it('says who holds it, and is gone after its release', async () => {
    const lock = await acquire();
    expect(lock.followsDeath).toBe(false);
    expect(await onDisk()).toEqual(lock.holder);
    expect(lock.holder).toMatchObject({
      host: hostname(),
      pid: process.pid,
      command: 'postern sync',
      since: '2026-11-22T05:00:00.000Z',
    });
    expect(await names()).toEqual(['lock.json']);
    await lock.release();
    await lock.release();
    expect(await names()).toEqual([]);
  });

  it('is refused while it is held, with the holder in the message', async () => {
    const lock = await acquire();
    const message = `another postern holds this repository: pid ${process.pid} ("postern sync") on ${hostname()} since 2026-11-22T05:00:00.000Z`;
    await expect(acquire()).rejects.toMatchObject({ code: 'busy', message, hint: /wait/ });
    expect(await names()).toEqual(['lock.json']);
    await lock.release();
    await (await acquire()).release();
  });

  it('is refused while another live process holds it', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    try {
      await once(child, 'spawn');
      const { start, ...holder } = await here();
      expect(start).toMatch(/^[0-9]+$/);
      await leave({ ...holder, pid: child.pid! });
      await expect(acquire()).rejects.toMatchObject({
        code: 'busy',
        message: new RegExp(`pid ${child.pid} `),
      });
    } finally {
      await end(child);
    }
  });

  it('tells that the one before died with it: what it left is looked at more closely', async () => {
    await leave(await dead());
    const lock = await acquire();
    expect(lock.followsDeath).toBe(true);
    await lock.release();
    const next = await acquire();
    expect(next.followsDeath).toBe(false);
    await next.release();
  });

  it('goes to exactly one of many that want it at once, also when a dead one has to go first', async () => {
    for (const stale of [false, true]) {
      if (stale) await leave(await dead());
      const attempts = await Promise.allSettled(Array.from({ length: 24 }, () => acquire()));
      const won = attempts.filter(attempt => attempt.status === 'fulfilled');
      const lost = attempts.filter(attempt => attempt.status === 'rejected');
      expect(won).toHaveLength(1);
      expect(lost.every(attempt => attempt.reason.code === 'busy')).toBe(true);
      expect((await onDisk()).token).toBe(won[0]!.value.holder.token);
      await won[0]!.value.release();
      expect(await names()).toEqual([]);
    }
  });

  it('is not removed by the release of one that lost it', async () => {
    const lock = await acquire();
    await leave(await here());
    await lock.release();
    expect((await onDisk()).token).toBe(TOKEN);
  });

  it('of another host, or of another pid namespace, is never broken', async () => {
    for (const foreign of [{ host: 'elsewhere.example' }, { pids: 'pid:[1]' }]) {
      await leave({ ...(await dead()), ...foreign });
      await expect(acquire()).rejects.toMatchObject({ code: 'busy', hint: /remove .*lock\.json/ });
      expect((await onDisk()).token).toBe(TOKEN);
    }
  });

  it('that cannot be read is respected, with a hint', async () => {
    for (const content of ['', 'x', '{}', JSON.stringify({ ...(await here()), token: '../../x' })]) {
      await writeFile(path, content);
      await expect(acquire()).rejects.toMatchObject({ code: 'busy', hint: /remove .*lock\.json/ });
      expect(await readFile(path, 'utf8')).toBe(content);
    }
  });

  it('fails with the reason where it cannot be written, and leaves nothing', async () => {
    const missing = acquireLock({
      path: join(directory, 'no', 'lock.json'),
      command: 'x',
      seam: openSeam,
      clock,
    });
    await expect(missing).rejects.toMatchObject({ code: 'failed', message: /ENOENT/ });
    for (const [errno, code] of [
      ['EROFS', 'read-only'],
      ['ENOSPC', 'disk-full'],
    ] as const) {
      for (const at of [1, 2]) {
        await expect(acquire(new FaultSeam(at, errno))).rejects.toMatchObject({ code });
        expect(await names()).toEqual([]);
      }
    }
  });
});

describe('a file system without hard links', () => {
  it.each(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])(
    'RF-23: (%s) is said to be one, with what to do, and nothing of the lock stays',
    async errno => {
      const seam = new FaultSeam(1, errno, { sticky: true, only: ({ name }) => name === 'link' });
      await expect(acquire(seam)).rejects.toMatchObject({
        code: 'failed',
        message: /lock\.json cannot be made: its file system has no hard links$/,
        hint: /--separate-state-dir/,
      });
      expect(await names()).toEqual([]);
    },
  );
});

describe('the clock', () => {
  it.each([-3_600_000, 8 * 3_600_000, 10 * 365 * 24 * 3_600_000])(
    'RF-19: that jumps by %i ms while a lock is held takes it from nobody',
    async jump => {
      const lock = await acquire();
      const later: Clock = { ...clock, now: () => clock.now() + jump };
      await expect(
        acquireLock({ path, command: 'postern fetch', seam: openSeam, clock: later }),
      ).rejects.toMatchObject({ code: 'busy' });
      expect((await onDisk()).token).toBe(lock.holder.token);
      await lock.release();
      expect(await names()).toEqual([]);
    },
  );
});

describe('the holder of a lock', () => {
  it('is this process, and alive', async () => {
    expect(await holderState(await here())).toBe('alive');
  });

  it('is dead when its process is gone, its pid has another process, or the machine was started again', async () => {
    expect(await holderState(await dead())).toBe('dead');
    expect(await holderState({ ...(await here()), start: '1' })).toBe('dead');
    expect(await holderState({ ...(await here()), boot: 'another' })).toBe('dead');
  });

  it('is dead when only its entry in the process table is left', async () => {
    const shell = spawn('/bin/sh', ['-c', '(exit 0) & echo $!; exec sleep 1000']);
    try {
      const [line] = (await once(shell.stdout, 'data')) as [Buffer];
      const { start, ...holder } = await here();
      expect(start).toBeDefined();
      const zombie = { ...holder, pid: Number(line.toString()) };
      await expect.poll(() => holderState(zombie)).toBe('dead');
    } finally {
      await end(shell);
    }
  });
});

describe('a process that is killed while it takes or gives back the lock', () => {
  it('never keeps the next one out, and nothing of it stays, wherever it dies', async () => {
    let points = 0;
    for (const stale of [false, true]) {
      for (const when of ['before', 'after'] as const) {
        for (let at = 1; ; at++) {
          if (stale) await leave(await dead());
          const seam = new CrashSeam(at, when);
          const error = await acquire(seam)
            .then(lock => lock.release())
            .catch((caught: unknown) => caught);
          if (!seam.crashed) {
            expect(error).toBeUndefined();
            break;
          }
          expect(error).toBeInstanceOf(Crash);
          points++;
          await bury();
          const lock = await acquire();
          expect((await onDisk()).token).toBe(lock.holder.token);
          await lock.release();
          await rm(directory, { recursive: true });
          directory = await mkdtemp(join(tmpdir(), 'postern-lock-'));
          path = join(directory, 'lock.json');
        }
      }
    }
    expect(points).toBeGreaterThanOrEqual(20);
  });

  it('has its leftovers removed by whoever breaks its lock', async () => {
    const holder = await dead();
    await leave(holder);
    await leave({ ...holder, token: 'cd'.repeat(16) }, `${path}.break-${TOKEN}`);
    await leave({ ...holder, token: 'ef'.repeat(16) }, `${path}.${'ef'.repeat(16)}.tmp`);
    await leave({ ...holder, token: '01'.repeat(16) }, `${path}.break-${'99'.repeat(16)}`);
    await writeFile(join(directory, 'config.toml'), 'mine');
    const lock = await acquire();
    expect(await names()).toEqual(['config.toml', 'lock.json']);
    await lock.release();
  });
});

/** Makes this process the late owner of what it left behind. */
async function bury(): Promise<void> {
  const pid = await deadPid();
  for (const name of await readdir(directory)) {
    const file = join(directory, name);
    await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), pid }));
  }
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}
