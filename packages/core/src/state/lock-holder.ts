import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { errnoOf } from '../model/error.js';

/** Who holds a lock, as `lock.json` says. */
export interface LockHolder {
  /** Random, one for each lock ever taken: two locks are never mistaken for one another. */
  readonly token: string;
  readonly host: string;
  /** /proc/sys/kernel/random/boot_id; absent where the system has none. */
  readonly boot?: string;
  /** The pid namespace: pids of two containers cannot be compared. */
  readonly pids?: string;
  readonly pid: number;
  /** Start time of the process in clock ticks since boot: tells it from a later one with the same pid. */
  readonly start?: string;
  readonly command: string;
  /** ISO 8601. */
  readonly since: string;
}

/** `alive` and `elsewhere` (this machine cannot tell) are respected; only `dead` may be broken. */
export type HolderState = 'alive' | 'dead' | 'elsewhere';

/** This process, as the holder of a lock. */
export async function thisHolder(lock: Pick<LockHolder, 'token' | 'command' | 'since'>): Promise<LockHolder> {
  const boot = await bootId();
  const pids = await pidNamespace();
  const started = await startOf(process.pid);
  return {
    token: lock.token,
    host: hostname(),
    ...(boot === undefined ? {} : { boot }),
    ...(pids === undefined ? {} : { pids }),
    pid: process.pid,
    ...(started === undefined ? {} : { start: started.start }),
    command: lock.command,
    since: lock.since,
  };
}

/** Whether the holder still runs. Doubt counts as alive. */
export async function holderState(holder: LockHolder): Promise<HolderState> {
  if (holder.host !== hostname()) return 'elsewhere';
  const boot = await bootId();
  if (boot !== undefined && holder.boot !== undefined && boot !== holder.boot) return 'dead';
  if (holder.pids !== (await pidNamespace())) return 'elsewhere';
  const process = await startOf(holder.pid);
  if (process === undefined) return signalReaches(holder.pid) ? 'alive' : 'dead';
  if (process.ended) return 'dead';
  return holder.start === undefined || holder.start === process.start ? 'alive' : 'dead';
}

/** The holder a lock file names, or undefined when it is no such file. */
export function parseHolder(content: Buffer): LockHolder | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(content.toString());
  } catch {
    return undefined;
  }
  if (typeof raw !== 'object' || raw === null) return undefined;
  const { token, host, boot, pids, pid, start, command, since } = raw as Record<string, unknown>;
  const texts = [token, host, command, since].every(value => typeof value === 'string');
  const optionalTexts = [boot, pids, start].every(value => value === undefined || typeof value === 'string');
  const whole = Number.isSafeInteger(pid) && (pid as number) > 0;
  const named = typeof token === 'string' && /^[0-9a-f]{32}$/.test(token);
  return texts && optionalTexts && whole && named ? (raw as LockHolder) : undefined;
}

async function bootId(): Promise<string | undefined> {
  return (await readSystem('/proc/sys/kernel/random/boot_id'))?.trim();
}

async function pidNamespace(): Promise<string | undefined> {
  try {
    return await readlink('/proc/self/ns/pid');
  } catch {
    return undefined;
  }
}

/** proc(5): field 2 is the name in parentheses and may hold blanks; field 3 is the state, field 22 the start time. */
async function startOf(
  pid: number,
): Promise<{ readonly start: string; readonly ended: boolean } | undefined> {
  const line = await readSystem(`/proc/${pid}/stat`);
  if (line === undefined) return undefined;
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const start = fields[19];
  return start === undefined ? undefined : { start, ended: fields[0] === 'Z' || fields[0] === 'X' };
}

async function readSystem(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'latin1');
  } catch {
    return undefined;
  }
}

/** Only a certain "no such process" counts: with hidepid, processes of others have no /proc entry. */
function signalReaches(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}
