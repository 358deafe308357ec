import { type BigIntStats, lstatSync } from 'node:fs';
import { firstFrom } from '../../model/bisect.js';
import type { Clock } from '../../model/clock.js';
import { bug } from '../../model/error.js';
import type { MailboxName } from '../../model/mailbox.js';
import { COARSE_MS, clockBlur } from './clock-blur.js';
import { mailboxUnreadable } from './file-errors.js';
import { baseOfName } from './file-name.js';
import { entriesOf } from './layout.js';
import type { MailboxKeywords } from './mailbox-keywords.js';
import { join, type Octets, pathBytes } from './octets.js';

/** A mailbox of the tree with the directories its messages lie in. */
export class MailDirectories {
  readonly mailbox: MailboxName;
  readonly path: Octets;
  readonly new: Octets;
  readonly cur: Octets;
  readonly tmp: Octets;
  readonly keywords: MailboxKeywords;

  constructor(mailbox: MailboxName, path: Octets, keywords: MailboxKeywords) {
    this.mailbox = mailbox;
    this.path = path;
    this.keywords = keywords;
    this.new = join(path, 'new');
    this.cur = join(path, 'cur');
    this.tmp = join(path, 'tmp');
  }
}

/** Where a message's file was seen. */
export interface Spot {
  readonly directory: 'new' | 'cur';
  readonly name: Octets;
}

/** A spot as it is remembered. */
export function spotText({ directory, name }: Spot): string {
  return `${spotLetter(directory)}${name}`;
}

export function spotLetter(directory: Spot['directory']): string {
  return directory === 'new' ? 'n' : 'c';
}

function spotOfText(text: string): Spot {
  return { directory: text.startsWith('n') ? 'new' : 'cur', name: text.slice(1) as Octets };
}

/** One reading of `new`, then `cur` (mail moves from new to cur, so that it is met at least once). */
export interface Pass {
  readonly spots: ReadonlyMap<Octets, readonly Spot[]>;
  readonly stamps: DirectoryStamps;
  /** The directories were the same before and after: what is not in `spots` was not there. */
  readonly stable: boolean;
}

/**
 * Notes the files of these base names only, where some are named. Throws `mailbox-unreadable` whatever goes wrong: a
 * directory that fails is never an empty one.
 */
export function takePass(directories: MailDirectories, only?: ReadonlySet<Octets>): Pass {
  const before = directoryStamps(directories);
  const spots = new Map<Octets, Spot[]>();
  try {
    for (const directory of ['new', 'cur'] as const) {
      const files = filesIn(directories, directory);
      if (only !== undefined) noteSpotsOf(only, files, spots);
      else for (const name of files.names) noteSpot(spots, baseOfName(name), { directory, name });
    }
  } catch (error) {
    throw mailboxUnreadable(directories.mailbox, error);
  }
  const stamps = directoryStamps(directories);
  return { spots, stamps, stable: stamps.text === before.text };
}

/** The names of message files, sorted. */
export interface FilesIn {
  readonly directory: Spot['directory'];
  readonly names: readonly Octets[];
}

/** Throws what the file system does. */
export function filesIn(directories: MailDirectories, directory: Spot['directory']): FilesIn {
  const names = entriesOf(directories[directory]).filter(name => !name.startsWith('.'));
  // A listing comes sorted, as a rule.
  const isSorted = names.every((name, at) => at === 0 || names[at - 1]! < name);
  return { directory, names: isSorted ? names : names.sort() };
}

/** The files of these base names, which are called like them, or go on with flags. */
export function noteSpotsOf(
  bases: ReadonlySet<Octets>,
  { directory, names }: FilesIn,
  spots: Map<Octets, Spot[]>,
): void {
  for (const base of bases) {
    const alone = names[firstFrom(names, base)];
    if (alone === base) noteSpot(spots, base, { directory, name: alone });
    const flagged = `${base}:2,`;
    for (let at = firstFrom(names, flagged); names[at]?.startsWith(flagged); at++) {
      noteSpot(spots, base, { directory, name: names[at]! });
    }
  }
}

export function noteSpot(spots: Map<Octets, Spot[]>, base: Octets, spot: Spot): void {
  const known = spots.get(base);
  if (known === undefined) spots.set(base, [spot]);
  else known.push(spot);
}

export interface DirectoryStamps {
  /** Equal when neither directory was written to, replaced or mounted over in between, and keywords mean the same. */
  readonly text: string;
  /** Equal when they are the same directories, and keywords mean the same. */
  readonly place: string;
  /** The later of all change times, nanoseconds since the epoch. */
  readonly changed: bigint;
}

export function directoryStamps(directories: MailDirectories): DirectoryStamps {
  const parts = [directories.new, directories.cur].map(path => statDirectory(directories.mailbox, path));
  const keywords = directories.keywords.stamp();
  const times = parts.flatMap(({ mtimeNs, ctimeNs }) => [mtimeNs, ctimeNs]);
  const texts = parts.map(({ dev, ino, mtimeNs, ctimeNs }) => `${dev}.${ino}.${mtimeNs}.${ctimeNs}`);
  return {
    text: [...texts, keywords.text].join(' '),
    place: [...parts.map(({ dev, ino }) => `${dev}.${ino}`), keywords.text].join(' '),
    changed: [...times, ...keywords.times].sort(compareTimes).at(-1)!,
  };
}

function compareTimes(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The cursor's note on a stable pass over all names begun at `at`, with when the files themselves were looked at (milliseconds since
 * the epoch). `inUse`: those that were written to a moment before; they are named where they are few.
 */
export function cursorStamp(
  stamps: DirectoryStamps,
  { at, looked, inUse }: { readonly at: number; readonly looked: number; readonly inUse: readonly Spot[] },
): string {
  const kind = inUse.length === 0 ? AT_REST : IN_USE;
  const named = inUse.length > MOST_NAMED ? [] : inUse.map(spotText);
  return [`${kind} ${Math.floor(at)} ${Math.floor(looked)} ${stamps.text}`, ...named].join('/');
}

const AT_REST = '2';
const IN_USE = '3';
const MOST_NAMED = 100;

/** An edit in place leaves no trace in a directory: the files themselves are looked at once a day. */
const TRUSTED_MS = 86_400_000;

/**
 * Whether the directories are provably as they were at the scan a cursor tells of: equal stamps, at that time older
 * than the file system's clock could blur (git's racy rule), and the files looked at not more than a day ago.
 */
export function unchangedSince(
  stamp: string | undefined,
  directories: MailDirectories,
  clock: Clock,
): boolean {
  const noted = notedIn(stamp);
  return noted?.atRest === true && isTrusted(noted, clock) && asNoted(noted, directories) !== undefined;
}

/** The files that are to be looked at where all else is provably as it was; undefined where that is not known. */
export function usedSince(
  stamp: string | undefined,
  directories: MailDirectories,
  clock: Clock,
):
  | { readonly stamps: DirectoryStamps; readonly looked: number; readonly inUse: readonly Spot[] }
  | undefined {
  const noted = notedIn(stamp);
  if (noted === undefined || noted.inUse.length === 0 || !isTrusted(noted, clock)) return undefined;
  const stamps = asNoted(noted, directories);
  return stamps && { stamps, looked: noted.looked, inUse: noted.inUse };
}

function isTrusted({ looked }: Noted, clock: Clock): boolean {
  return clock.now() - looked <= TRUSTED_MS;
}

/** Their stamps, where the same is so of their names alone: what is under these may be written to, or may have been looked at long ago. */
export function stampsAsNoted(
  stamp: string | undefined,
  directories: MailDirectories,
): DirectoryStamps | undefined {
  const noted = notedIn(stamp);
  return noted && asNoted(noted, directories);
}

interface Noted {
  readonly atRest: boolean;
  readonly inUse: readonly Spot[];
  readonly at: bigint;
  readonly looked: number;
  readonly text: string;
}

function notedIn(stamp: string | undefined): Noted | undefined {
  const [head = '', ...named] = (stamp ?? '').split('/');
  const [, kind, at, looked, text] = /^([23]) (\d{1,16}) (\d{1,16}) (.+)$/.exec(head) ?? [];
  if (at === undefined || text === undefined) return undefined;
  const inUse = named.map(spotOfText);
  return { atRest: kind === AT_REST, inUse, at: BigInt(at), looked: Number(looked), text };
}

function asNoted({ at, text }: Noted, directories: MailDirectories): DirectoryStamps | undefined {
  const now = directoryStamps(directories);
  if (text !== now.text) return undefined;
  const age = at - now.changed / 1_000_000n;
  // What is old by any clock needs no look at the file system.
  if (age > COARSE_MS) return now;
  const paths = [directories.path, directories.new, directories.cur].map(pathBytes);
  return age > clockBlur(paths, now.changed) ? now : undefined;
}

function statDirectory(mailbox: MailboxName, path: Octets): BigIntStats {
  let stats: BigIntStats | undefined;
  try {
    stats = lstatSync(pathBytes(path), { bigint: true });
  } catch (error) {
    throw mailboxUnreadable(mailbox, error);
  }
  if (stats === undefined) return bug('a stat without an answer');
  if (!stats.isDirectory()) throw mailboxUnreadable(mailbox, { code: 'ENOTDIR' });
  return stats;
}
