import { closeSync } from 'node:fs';
import type { Seam } from '../../model/effect.js';
import { openSeam } from '../../model/effect.js';
import { INBOX } from '../../model/mailbox.js';
import { writeError } from './file-errors.js';
import type { MaildirLayout } from './layout.js';
import { directoryNames } from './mailbox-path.js';
import { UNFINISHED } from './mailbox-tree.js';
import { makeDirectories, makeDirectory } from './make-directory.js';
import { join, type Octets, octetsOfText } from './octets.js';
import { exists, unlinkFile } from './place-file.js';
import { createFile, syncDirectory } from './write-file.js';

export interface MailboxMaking {
  readonly seam: Seam;
  readonly path: Octets;
  /** Leave the mark that says to other programs that this directory is a maildir++ mailbox, not a Maildir. */
  readonly marked: boolean;
}

/**
 * Makes a mailbox directory, or completes one. A mark of our own stands in it until it is complete, so that a crash leaves
 * a mailbox that is not there yet instead of a broken one.
 */
export async function makeMailbox({ seam, path, marked }: MailboxMaking): Promise<void> {
  const changed = makeDirectories(seam, path);
  const unfinished = join(path, UNFINISHED);
  if (!exists(unfinished)) closeSync(createFile(seam, unfinished));
  const marker = join(path, 'maildirfolder');
  if (marked && !exists(marker)) closeSync(createFile(seam, marker));
  for (const name of ['tmp', 'new', 'cur']) makeDirectory(seam, join(path, name));
  await syncDirectory(seam, path);
  for (const directory of changed) await syncDirectory(seam, directory);
  unlinkFile(seam, unfinished);
}

/** Makes an empty Maildir with its INBOX; completes one that was begun. */
export async function createMaildir(
  root: string,
  layout: MaildirLayout,
  seam: Seam = openSeam,
): Promise<void> {
  const names = directoryNames(INBOX, { layout, encoding: 'modified-utf-7' }) ?? [];
  const path = names.reduce((above: Octets, name) => join(above, name), octetsOfText(root));
  try {
    await makeMailbox({ seam, path, marked: false });
  } catch (error) {
    throw writeError(error, `the Maildir ${root} cannot be made`);
  }
}
