import type { Clock } from '../../model/clock.js';
import type { Seam } from '../../model/effect.js';
import type { Row } from '../../model/row.js';
import type { ExpectedFile } from './expected-files.js';
import { flagsOf, keyOf, LONGEST_NAME, parseFileName } from './file-name.js';
import { fileDate, fileStamp } from './mail-file.js';
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

/** Where a message goes in the target under a base name, with the flags it has; undefined where the name is too long. */
export function spotFor({ spots }: ExpectedFile, base: Octets): Spot | undefined {
  const { directory, name } = spots[0]!;
  const { letters, rest } = parseFileName(name);
  const info = letters === undefined ? '' : `:2,${letters}${rest}`;
  const renamed = `${base}${info}` as Octets;
  if (renamed.length > LONGEST_NAME) return undefined;
  return { directory: letters === undefined || letters === '' ? directory : 'cur', name: renamed };
}

/** The row of a message that lies in the target now. */
export function rowAt({ name }: Spot, { facts }: ExpectedFile, stats: ExpectedFile['stats']): Row {
  const parsed = parseFileName(name);
  const { identity, envelope } = facts;
  return {
    key: keyOf(parsed.base),
    flags: flagsOf(parsed),
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
