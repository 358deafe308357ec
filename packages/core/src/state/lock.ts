import { randomBytes } from 'node:crypto';
import { readFileSync, unlinkSync } from 'node:fs';
import { link, open, readdir, readFile, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../model/clock.js';
import type { Seam } from '../model/effect.js';
import { type ErrorCode, errnoOf, PosternError } from '../model/error.js';
import { holderState, type LockHolder, parseHolder, thisHolder } from './lock-holder.js';

export interface LockOptions {
  /** The lock file; the directory exists. */
  readonly path: string;
  /** For people who find the lock: `postern sync`. */
  readonly command: string;
  readonly seam: Seam;
  readonly clock: Clock;
}

export interface RepositoryLock {
  readonly holder: LockHolder;
  /** The one before was held by a process that died with it. */
  readonly followsDeath: boolean;
  /** Removes the lock file, if it is still this lock's. Releasing again does nothing. */
  release(): Promise<void>;
  /** The same at once, for a process that ends before anything else runs. What goes wrong leaves the lock to be broken. */
  releaseNow(): void;
}

/** Attempts to take a lock that others break or release meanwhile. */
const ATTEMPTS = 20;
/** Locks on locks: each level stands for one more process that died while breaking a lock. */
const DEEPEST = 3;

/**
 * Takes the lock of a repository, or throws `busy` with who holds it. It does not rest on LevelDB's LOCK, which any close
 * of that file drops (SAFETY §3.9, I15). The lock of a process that is certainly dead is broken; that of another host never.
 */
export async function acquireLock(options: LockOptions): Promise<RepositoryLock> {
  try {
    return await acquire(options, 0);
  } catch (error) {
    throw lockError(error, options.path);
  }
}

async function acquire(options: LockOptions, depth: number): Promise<RepositoryLock> {
  let followsDeath = false;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const holder = await claim(options);
    if (holder !== undefined) {
      if (attempt > 0 && depth === 0) await sweep(options);
      return {
        holder,
        followsDeath,
        release: () => removeIfHeldBy(holder, options),
        releaseNow: () => removeNow(holder, options),
      };
    }
    const found = await readLock(options.path);
    if (found === undefined) continue;
    if (found === 'unreadable') throw unreadable(options.path);
    const state = await holderState(found);
    if (state !== 'dead' || depth === DEEPEST) throw busy(found, state, options.path);
    followsDeath = true;
    await breakLock(found, options, depth);
  }
  throw new PosternError('busy', 'other posterns take and release this repository all the time', {
    hint: 'try again later',
  });
}

/** Creates the lock file together with its content, or returns undefined when there is one. */
async function claim({ path, command, seam, clock }: LockOptions): Promise<LockHolder | undefined> {
  const token = randomBytes(16).toString('hex');
  const holder = await thisHolder({ token, command, since: new Date(clock.now()).toISOString() });
  const draft = `${path}.${token}.tmp`;
  await seam.run({ surface: 'fs', name: 'write', target: draft }, async () => {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(holder)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  });
  try {
    await seam.run({ surface: 'fs', name: 'link', target: path }, () => link(draft, path));
    return holder;
  } catch (error) {
    if (NO_LINKS.has(errnoOf(error) ?? '')) throw noLinks(path, error);
    if (errnoOf(error) !== 'EEXIST') throw error;
    return undefined;
  } finally {
    await seam.run({ surface: 'fs', name: 'unlink', target: draft }, () => unlink(draft));
  }
}

/**
 * Removes the lock of a dead process. Whoever wants to must first hold the lock on doing so, named after the dead lock's
 * token; and looks again under it. So nobody ever removes a lock other than the one that was judged, and no live lock is
 * out of its place for a moment.
 */
async function breakLock(dead: LockHolder, options: LockOptions, depth: number): Promise<void> {
  const permit = await acquire({ ...options, path: `${options.path}.break-${dead.token}` }, depth + 1);
  try {
    await removeIfHeldBy(dead, options);
  } finally {
    await permit.release();
  }
}

async function removeIfHeldBy(holder: LockHolder, { path, seam }: LockOptions): Promise<void> {
  const found = await readLock(path);
  if (found === undefined || found === 'unreadable' || found.token !== holder.token) return;
  await seam.run({ surface: 'fs', name: 'unlink', target: path }, () => unlinkIfThere(path));
}

function removeNow(holder: LockHolder, { path, seam }: LockOptions): void {
  try {
    if (parseHolder(readFileSync(path))?.token !== holder.token) return;
    seam.runSync({ surface: 'fs', name: 'unlink', target: path }, () => unlinkSync(path));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

/**
 * Removes what processes that died while locking left beside the lock. Only for the holder of the lock itself: while it
 * lives, none of these files means anything.
 */
async function sweep({ path, seam }: LockOptions): Promise<void> {
  const directory = dirname(path);
  for (const name of await readdir(directory)) {
    if (!name.startsWith(`${basename(path)}.`)) continue;
    const leftover = join(directory, name);
    const holder = await readLock(leftover);
    if (holder === undefined || holder === 'unreadable' || (await holderState(holder)) !== 'dead') continue;
    await seam.run({ surface: 'fs', name: 'unlink', target: leftover }, () => unlinkIfThere(leftover));
  }
}

async function readLock(path: string): Promise<LockHolder | 'unreadable' | undefined> {
  try {
    return parseHolder(await readFile(path)) ?? 'unreadable';
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

function busy(holder: LockHolder, state: 'alive' | 'dead' | 'elsewhere', path: string): PosternError {
  const who = `pid ${holder.pid} (${JSON.stringify(holder.command)}) on ${holder.host} since ${holder.since}`;
  return new PosternError('busy', `another postern holds this repository: ${who}`, {
    hint:
      state === 'alive'
        ? 'wait until it has ended, then try again'
        : `if you are sure that it has ended, remove ${path}`,
  });
}

/** What `link` answers where there are no hard links. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Nothing else makes a file together with its content: a lock that a crash left empty could never be broken. */
function noLinks(path: string, cause: unknown): PosternError {
  return new PosternError('failed', `${path} cannot be made: its file system has no hard links`, {
    cause,
    hint: 'postern init --separate-state-dir keeps the state and the lock on another file system',
  });
}

function unreadable(path: string): PosternError {
  return new PosternError('busy', `${path} is there, but does not say who holds this repository`, {
    hint: `if no other postern runs here, remove ${path}`,
  });
}

const SYSTEM_CODES: Readonly<Record<string, ErrorCode>> = {
  EACCES: 'read-only',
  EPERM: 'read-only',
  EROFS: 'read-only',
  ENOSPC: 'disk-full',
  EDQUOT: 'disk-full',
};

function lockError(error: unknown, path: string): unknown {
  const errno = errnoOf(error);
  if (error instanceof PosternError || errno === undefined) return error;
  const code = SYSTEM_CODES[errno] ?? 'failed';
  return new PosternError(code, `the lock ${path} cannot be taken: ${(error as Error).message}`, {
    hint: 'every command that uses the state must be able to write in this directory',
    cause: error,
  });
}
