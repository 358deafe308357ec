import type { Clock } from '../../model/clock.js';
import type { Seam } from '../../model/effect.js';
import { errnoOf } from '../../model/error.js';
import { applyDelta, canStore, type FlagDelta, flagsBoth, flagsFrom, sameFlags } from '../../model/flags.js';
import type { FlagChange, FlagOutcome } from '../side.js';
import { Census } from './census.js';
import { reasonOf } from './file-errors.js';
import { baseOf, isExperimental, LONGEST_NAME, parseFileName, withFlags } from './file-name.js';
import type { KeywordLetters } from './keyword-letters.js';
import type { Lately } from './lately.js';
import type { Found } from './mail-file.js';
import { KEYWORDS_BUSY } from './mailbox-keywords.js';
import { join, type Octets } from './octets.js';
import { exists, renameFile } from './place-file.js';
import type { MailDirectories, Spot } from './scan-pass.js';
import { syncDirectory } from './write-file.js';

export interface Flagging {
  readonly directories: MailDirectories;
  readonly seam: Seam;
  readonly clock: Clock;
  readonly lately: Lately;
}

/**
 * Changes flags by renaming files. A rename happens only when the base name is unique in the mailbox and the new name is
 * free, for rename replaces silently; each directory is synced once for all changes.
 */
export async function flagFiles(
  { directories, seam, clock, lately }: Flagging,
  changes: readonly FlagChange[],
): Promise<readonly FlagOutcome[]> {
  const bases = changes.map(({ key }) => baseOf(key));
  const { letters, busy } = await directories.keywords.assign(flagsFrom(changes.flatMap(({ add }) => add)));
  const wanted = bases.filter(base => base !== undefined);
  const first = lately.passOver(directories, wanted);
  const census = await Census.take({ directories, clock, wanted, first, stableNeeded: 1 });
  const touched = new Set<Spot['directory']>();
  const outcomes: FlagOutcome[] = [];
  for (const [index, change] of changes.entries()) {
    const base = bases[index];
    let outcome: FlagOutcome | undefined;
    if (base !== undefined) {
      await census.settle([base], async (_base, found) => {
        outcome =
          fault(change, letters, busy) ?? rename({ directories, seam, letters, found, change, touched });
        return outcome === undefined ? 'vanished' : 'settled';
      });
    }
    outcomes.push(outcome ?? missing(census, base));
  }
  for (const directory of touched) await syncDirectory(seam, directories[directory]);
  return outcomes;
}

function missing(census: Census, base: Octets | undefined): FlagOutcome {
  if (base === undefined || census.isGone(base)) return { kind: 'gone' };
  return { kind: 'refused', reason: 'it is renamed by someone else all the time' };
}

/** A keyword the mailbox cannot store is left out, unless nothing of the change is left then. */
function fault({ add, remove }: FlagDelta, letters: KeywordLetters, busy: boolean): FlagOutcome | undefined {
  const isStorable = (flag: string) => canStore(letters.flags, flag);
  if (busy && !add.every(isStorable)) return { kind: 'refused', reason: KEYWORDS_BUSY };
  if (add.length === 0 || [...add, ...remove].some(isStorable)) return undefined;
  return { kind: 'refused', reason: `the mailbox cannot store ${add.join(' ')}` };
}

interface Renaming {
  readonly directories: MailDirectories;
  readonly seam: Seam;
  readonly letters: KeywordLetters;
  readonly found: Exclude<Found, { kind: 'vanished' }>;
  readonly change: FlagDelta;
  readonly touched: Set<Spot['directory']>;
}

/** Undefined when the file is not there any more under the name it was seen with. */
function rename({ directories, seam, letters, found, change, touched }: Renaming): FlagOutcome | undefined {
  if (found.kind === 'unreadable') return { kind: 'refused', reason: found.reason };
  if (found.spots.length > 1) return { kind: 'refused', reason: 'the file has two names here' };
  const spot = found.spots[0]!;
  const name = parseFileName(spot.name);
  const before = letters.flagsOf(name);
  const flags = flagsBoth(applyDelta(before, change), letters.flags);
  if (sameFlags(before, flags)) return { kind: 'done', flags };
  if (isExperimental(name)) return { kind: 'refused', reason: 'its name carries experimental info (:1,)' };
  const renamed = withFlags(name, flags, letters);
  if (renamed.length > LONGEST_NAME) return { kind: 'refused', reason: 'its name would be too long' };
  const directory = flags.length === 0 ? spot.directory : 'cur';
  const to = join(directories[directory], renamed);
  try {
    if (exists(to)) return { kind: 'refused', reason: 'the new name is taken' };
    renameFile({ seam, from: found.path, to });
  } catch (error) {
    const reason = reasonOf(error);
    return errnoOf(error) === 'ENOENT' ? undefined : { kind: 'refused', reason };
  }
  touched.add(spot.directory).add(directory);
  return { kind: 'done', flags };
}
