import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs';
import { errnoOf } from '../../model/error.js';
import { MessageDigester, type MessageFacts } from '../../model/message-digester.js';
import { reasonOf } from './file-errors.js';
import { join, type Octets, pathBytes } from './octets.js';
import type { MailDirectories, Spot } from './scan-pass.js';

/** Larger files are reported, not read. */
export const LARGEST_MESSAGE = 2n * 1024n ** 3n;
const CHUNK = 256 * 1024;

/** What lies under a base name at this moment. */
export type Found =
  /** One message. `spots` has several entries where it has several names (hard links); the first is its place. */
  | {
      readonly kind: 'file';
      readonly spots: readonly Spot[];
      readonly path: Octets;
      readonly stats: BigIntStats;
    }
  | { readonly kind: 'unreadable'; readonly reason: string }
  | { readonly kind: 'vanished' };

/** Looks at the places where a pass saw a base name. Two files of one name are ambiguous; two names of one file are not. */
export function findFile(directories: MailDirectories, spots: readonly Spot[]): Found {
  const here: { spot: Spot; path: Octets; stats: BigIntStats }[] = [];
  for (const spot of spots) {
    const path = join(directories[spot.directory], spot.name);
    try {
      const stats = lstatSync(pathBytes(path), { bigint: true, throwIfNoEntry: false });
      if (stats !== undefined) here.push({ spot, path, stats });
    } catch (error) {
      return { kind: 'unreadable', reason: reasonOf(error) };
    }
  }
  if (here.length > 1) here.sort((a, b) => compareSpots(a.spot, b.spot));
  const [first, ...others] = here;
  if (first === undefined) return { kind: 'vanished' };
  if (others.some(({ stats }) => !sameFile(stats, first.stats))) {
    return { kind: 'unreadable', reason: 'two files have this name' };
  }
  const fault = fileFault(first.stats);
  if (fault !== undefined) return { kind: 'unreadable', reason: fault };
  return { kind: 'file', spots: here.map(({ spot }) => spot), path: first.path, stats: first.stats };
}

/** A message in cur was seen by a mail program; of its names there, the one with more flags knows more. */
function compareSpots(a: Spot, b: Spot): number {
  if (a.directory !== b.directory) return a.directory === 'cur' ? -1 : 1;
  return b.name.length - a.name.length || (a.name < b.name ? -1 : 1);
}

export function sameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}

/** Why a file is no message that can be read, or undefined. */
export function fileFault(stats: BigIntStats): string | undefined {
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  if (!stats.isFile()) return 'a device';
  if (stats.size === 0n) return 'empty file';
  return stats.size > LARGEST_MESSAGE ? 'larger than 2 GiB' : undefined;
}

/** What must be equal for a file's bytes to be taken as unread since. */
export function fileStamp({ size, mtimeNs }: BigIntStats): string {
  return `${size}.${mtimeNs}`;
}

/** mtime in milliseconds since the epoch. */
export function fileDate({ mtimeNs }: Pick<BigIntStats, 'mtimeNs'>): number {
  return Number(mtimeNs / 1_000_000n);
}

export type ReadFile =
  | { readonly kind: 'read'; readonly facts: MessageFacts; readonly stats: BigIntStats }
  | { readonly kind: 'unreadable'; readonly reason: string }
  | { readonly kind: 'vanished' };

/** Opens a regular file and nothing else: no link is followed and no FIFO waited for. */
export function openMailFile(path: Octets): number {
  return openSync(pathBytes(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}

const shared = Buffer.allocUnsafeSlow(CHUNK);

/** Reads a whole file once, in chunks, and tells what message it is. Small files take no turn of the event loop. */
export async function digestFile(path: Octets, breathe: () => Promise<void>): Promise<ReadFile> {
  let fd: number;
  try {
    fd = openMailFile(path);
  } catch (error) {
    return errnoOf(error) === 'ENOENT'
      ? { kind: 'vanished' }
      : { kind: 'unreadable', reason: reasonOf(error) };
  }
  try {
    const before = fstatSync(fd, { bigint: true });
    const fault = fileFault(before);
    if (fault !== undefined) return { kind: 'unreadable', reason: fault };
    const digester = new MessageDigester();
    const isLarge = before.size > BigInt(shared.length);
    const chunk = isLarge ? Buffer.allocUnsafe(CHUNK) : shared;
    let total = 0;
    for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) {
      digester.update(chunk.subarray(0, read));
      total += read;
      if (isLarge) await breathe();
      if (BigInt(total) > before.size || read < chunk.length) break;
    }
    const stats = fstatSync(fd, { bigint: true });
    if (fileStamp(stats) !== fileStamp(before) || BigInt(total) !== stats.size) {
      return { kind: 'unreadable', reason: 'it changes while it is read' };
    }
    return { kind: 'read', facts: digester.finish(), stats };
  } catch (error) {
    return { kind: 'unreadable', reason: reasonOf(error) };
  } finally {
    closeSync(fd);
  }
}
