import { closeSync, lstatSync, readFileSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Clock } from '../../model/clock.js';
import type { Seam } from '../../model/effect.js';
import { errnoOf } from '../../model/error.js';
import { sameFile } from './mail-file.js';
import { type Octets, pathBytes, printable } from './octets.js';
import { unlinkFile } from './place-file.js';
import { createFile } from './write-file.js';

/** A lock file this old is no one's any more, as Dovecot sees it. */
const STALE_MS = 120_000;
const TRIES = 40;
const PAUSE_MS = 50;

/**
 * Acts while holding a lock file as Dovecot does (`O_EXCL`, `pid:host` inside, stale after two minutes or when its process
 * is gone). Undefined, and nothing done, when another program holds it for two seconds.
 */
export async function withDotLock<T>(
  { seam, clock, path }: { readonly seam: Seam; readonly clock: Clock; readonly path: Octets },
  act: () => Promise<T>,
): Promise<{ readonly result: T } | undefined> {
  for (let tries = 1; !take(seam, path); tries++) {
    if (breakStale({ seam, clock, path })) continue;
    if (tries >= TRIES) return undefined;
    await clock.sleep(PAUSE_MS);
  }
  try {
    return { result: await act() };
  } finally {
    unlinkFile(seam, path);
  }
}

function take(seam: Seam, path: Octets): boolean {
  let fd: number;
  try {
    fd = createFile(seam, path);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
  try {
    seam.runSync({ surface: 'fs', name: 'write', target: printable(path) }, () =>
      writeSync(fd, `${process.pid}:${hostname()}`),
    );
  } finally {
    closeSync(fd);
  }
  return true;
}

/** Whether the lock is free now. */
function breakStale({ seam, clock, path }: Parameters<typeof withDotLock>[0]): boolean {
  const stats = lstatSync(pathBytes(path), { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return true;
  if (!stats.isFile()) return false;
  const isOld = clock.now() - Number(stats.mtimeMs) > STALE_MS;
  if (!isOld && !isOfDeadProcess(path)) return false;
  const now = lstatSync(pathBytes(path), { bigint: true, throwIfNoEntry: false });
  if (now === undefined) return true;
  if (!sameFile(now, stats) || now.mtimeNs !== stats.mtimeNs) return false;
  unlinkFile(seam, path);
  return true;
}

function isOfDeadProcess(path: Octets): boolean {
  try {
    const [, pid, host] = /^(\d{1,9}):(.+)$/.exec(readFileSync(pathBytes(path), 'latin1')) ?? [];
    if (pid === undefined || host !== hostname()) return false;
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return errnoOf(error) === 'ESRCH';
  }
}
