import type { Clock } from '../../model/clock.js';
import type { Seam } from '../../model/effect.js';
import type { Row } from '../../model/row.js';
import type { ExpectedFile } from './expected-files.js';
import { keyOf, LONGEST_NAME, parseFileName, withFlags } from './file-name.js';
import type { KeywordLetters } from './keyword-letters.js';
import { fileDate, fileStamp } from './mail-file.js';
import { KEYWORDS_BUSY } from './mailbox-keywords.js';
import type { Octets } from './octets.js';
import type { MailDirectories, Spot } from './scan-pass.js';
import type { UniqueNames } from './unique-names.js';
import { syncDirectory } from './write-file.js';

/** What moves and copies between two mailboxes of a Maildir work on. */
export interface Relocating {
  readonly from: MailDirectories;
  readonly to: MailDirectories;
  readonly seam: Seam;
  readonly clock: Clock;
  readonly names: UniqueNames;
}

/** A place in the target under a name of its own, and what the letters there mean. */
export interface TargetSpot extends Spot {
  readonly letters: KeywordLetters;
}

/**
 * Where a message goes in the target under a base name, with the flags it has: keywords get the letters they have there.
 * Refuses where the name would be too long, or a keyword that fits cannot be given a letter now.
 */
export async function spotFor(
  { from, to }: Relocating,
  { spots }: ExpectedFile,
  base: Octets,
): Promise<TargetSpot | { readonly kind: 'refused'; readonly reason: string }> {
  const { directory, name } = spots[0]!;
  const parsed = parseFileName(name);
  const flags = from.keywords.letters().flagsOf(parsed);
  const { letters, busy } = await to.keywords.assign(flags);
  if (busy) return { kind: 'refused', reason: KEYWORDS_BUSY };
  const renamed =
    parsed.letters === undefined
      ? (`${base}${parsed.rest}` as Octets)
      : withFlags({ ...parsed, base, letters: foreign(parsed.letters, to) }, flags, letters);
  if (renamed.length > LONGEST_NAME) return { kind: 'refused', reason: 'its name would be too long' };
  return { directory: parsed.letters ? 'cur' : directory, name: renamed, letters };
}

/** Letters without a meaning here may have one there: those of keywords stay behind, unless keywords are switched off. */
function foreign(letters: string, { keywords }: MailDirectories): string {
  return keywords.areOn ? letters.replace(/[a-z]/g, '') : letters;
}

/** The row of a message that lies in the target now. */
export function rowAt(
  { name, letters }: TargetSpot,
  { facts }: ExpectedFile,
  stats: ExpectedFile['stats'],
): Row {
  const parsed = parseFileName(name);
  const { identity, envelope } = facts;
  return {
    key: keyOf(parsed.base),
    flags: letters.flagsOf(parsed),
    date: fileDate(stats),
    identity,
    envelope,
    stamp: fileStamp(stats),
  };
}

/** Makes durable which names a mailbox has, in the directories that were written to. */
export async function syncTouched(
  seam: Seam,
  directories: MailDirectories,
  touched: ReadonlySet<Spot['directory']>,
): Promise<void> {
  for (const directory of touched) await syncDirectory(seam, directories[directory]);
}
