import type { Clock } from '../../model/clock.js';
import type { MessageKey, Row } from '../../model/row.js';
import type { Earlier, Familiar, FamiliarChange } from '../earlier.js';
import type { TimedPass } from './census.js';
import { mailboxUnreadable } from './file-errors.js';
import { baseOf, baseOfName, keyOf, lettersIn } from './file-name.js';
import type { Octets } from './octets.js';
import {
  directoryStamps,
  type FilesIn,
  filesIn,
  type MailDirectories,
  noteSpot,
  noteSpotsOf,
  type Spot,
  spotLetter,
  spotText,
  usedSince,
} from './scan-pass.js';

/** An edit in place changes no name: where anything else changed, the files themselves are looked at once an hour. */
const TRUSTED_MS = 3_600_000;

/** Where more than these and more than one in so many are to be looked at, a look at all of them is as good. */
const MOST_BASES = 1_000;
const MOST_SHARE = 4;

/** Which files of a mailbox are to be looked at, where the others were looked at before. */
export interface Glance {
  /** Base names under which something came, went or is called otherwise now, and those in doubt: all others are as they were. */
  readonly bases: ReadonlySet<Octets>;
  /** What the earlier snapshot had of these. */
  readonly known: ReadonlyMap<MessageKey, Row>;
  /** Undefined where no names were listed: they are those there were. */
  readonly names: ListedNames | undefined;
  /** What was seen under these base names. */
  readonly first: TimedPass;
  readonly looked: number;
}

interface ListedNames {
  /** Familiar names that are no more. */
  readonly gone: ReadonlySet<string>;
  /** The letters of all names, each combination once; none where nobody asks for keywords. */
  readonly letters: ReadonlySet<string>;
}

/** Undefined where every file is to be looked at. */
export async function glanceAt(
  directories: MailDirectories,
  earlier: Earlier,
  clock: Clock,
): Promise<Glance | undefined> {
  if (earlier.unreadable.size > 0) return undefined;
  return (await glanceAtUsed(directories, earlier, clock)) ?? glanceAtNames(directories, earlier, clock);
}

/** Where the directories are as they were, only what somebody may still be writing to can be another message. */
async function glanceAtUsed(
  directories: MailDirectories,
  earlier: Earlier,
  clock: Clock,
): Promise<Glance | undefined> {
  const at = clock.now();
  const used = usedSince(earlier.cursor.stamp, directories, clock);
  if (used === undefined) return undefined;
  const { stamps, looked, inUse } = used;
  const spots = new Map<Octets, Spot[]>();
  for (const spot of inUse) noteSpot(spots, baseOfName(spot.name), spot);
  const bases = new Set(spots.keys());
  const known = await earlier.rows([...bases].map(keyOf));
  // Each had one: a row that went missing would let its message look new.
  if (known.size < bases.size) return undefined;
  const first = { pass: { spots, stamps, stable: true }, at };
  return { bases, known, names: undefined, first, looked };
}

/**
 * What the names say. Undefined where they do not: none are familiar, or those of other directories; all files were looked at
 * last too long ago; or the directories change under the eyes.
 */
async function glanceAtNames(
  directories: MailDirectories,
  earlier: Earlier,
  clock: Clock,
): Promise<Glance | undefined> {
  const familiar = await earlier.familiar();
  if (familiar === undefined) return undefined;
  const at = clock.now();
  if (at < familiar.looked || at - familiar.looked > TRUSTED_MS) return undefined;
  const before = directoryStamps(directories);
  if (before.place !== familiar.place) return undefined;
  const files = allFiles(directories);
  const stamps = directoryStamps(directories);
  if (stamps.text !== before.text) return undefined;
  const { strangers, gone, met } = familiar.names.compare(
    files.map(({ directory, names }) => ({ letter: spotLetter(directory), names })),
  );
  const bases = new Set([...strangers].map(baseOfSpot));
  for (const name of gone) bases.add(baseOfSpot(name));
  for (const key of familiar.doubted) {
    const base = baseOf(key);
    if (base !== undefined) bases.add(base);
  }
  if (bases.size > MOST_BASES && bases.size > earlier.size / MOST_SHARE) return undefined;
  const known = bases.size === 0 ? new Map() : await earlier.rows([...bases].map(keyOf));
  const spots = spotsOf(files, bases);
  // Every row is behind a name that is there still, or among those that are looked at: else names and rows do not fit.
  const doubtful = [...spots.values()].flat().filter(spot => !strangers.has(spotText(spot)));
  if (met - doubtful.length + known.size !== earlier.size) return undefined;
  const pass = { spots, stamps, stable: true };
  const names = {
    gone,
    letters: directories.keywords.areOn ? lettersIn(files.flatMap(({ names }) => names)) : new Set<string>(),
  };
  return { bases, known, names, first: { pass, at }, looked: familiar.looked };
}

function allFiles(directories: MailDirectories): readonly FilesIn[] {
  try {
    return (['new', 'cur'] as const).map(directory => filesIn(directories, directory));
  } catch (error) {
    throw mailboxUnreadable(directories.mailbox, error);
  }
}

function spotsOf(files: readonly FilesIn[], bases: ReadonlySet<Octets>): Map<Octets, Spot[]> {
  const spots = new Map<Octets, Spot[]>();
  for (const listing of files) noteSpotsOf(bases, listing, spots);
  return spots;
}

function baseOfSpot(remembered: string): Octets {
  return baseOfName(remembered.slice(1) as Octets);
}

/**
 * What is to be remembered of a look at the files of a mailbox, all of them or those a glance asked for: under which names they were
 * met. `seen`: where they were seen last.
 */
export function familiarChange(
  look: Pick<Familiar, 'place' | 'looked'>,
  met: Iterable<Spot>,
  seen: ReadonlyMap<Octets, readonly Spot[]>,
  glance: Glance | undefined,
): FamiliarChange {
  const names = [...met].map(spotText);
  if (glance === undefined) return { ...look, all: names };
  const { gone = [] } = glance.names ?? {};
  const stale = [glance.first.pass.spots, seen].flatMap(spots => [...spots.values()].flat());
  return { ...look, gone: [...gone, ...stale.map(spotText)], added: names };
}
