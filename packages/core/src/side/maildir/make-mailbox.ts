import { closeSync } from 'node:fs';
import type { Seam } from '../../model/effect.js';
import { openSeam } from '../../model/effect.js';
import { PosternError } from '../../model/error.js';
import { INBOX, type MailboxName } from '../../model/mailbox.js';
import { writeError } from './file-errors.js';
import type { MaildirLayout } from './layout.js';
import { directoryNames } from './mailbox-path.js';
import { UNFINISHED } from './mailbox-tree.js';
import { makeDirectories, makeDirectory, removeDirectory } from './make-directory.js';
import { isListed } from './name-on-disk.js';
import { join, type Octets, octetsOfText } from './octets.js';
import { exists, unlinkFile } from './place-file.js';
import { createFile, syncDirectory } from './write-file.js';

export interface MailboxMaking {
  readonly seam: Seam;
  readonly mailbox: MailboxName;
  readonly path: Octets;
  /** Leave the mark that says to other programs that this directory is a maildir++ mailbox, not a Maildir. */
  readonly marked: boolean;
}

/**
 * Makes a mailbox directory, or completes one. A mark of our own stands in it until it is complete, so that a crash leaves
 * a mailbox that is not there yet instead of a broken one. Throws where the file system would list it under another name.
 */
export async function makeMailbox({ seam, mailbox, path, marked }: MailboxMaking): Promise<void> {
  const changed = makeDirectories(seam, path);
  const unfinished = join(path, UNFINISHED);
  if (!exists(unfinished)) closeSync(createFile(seam, unfinished));
  const made = changed.length === 0 ? [] : [...changed.slice(1), path];
  if (!made.every(isListed)) {
    unlinkFile(seam, unfinished);
    for (const directory of made.reverse()) removeDirectory(seam, directory);
    throw new PosternError(
      'failed',
      `the mailbox ${mailbox} cannot be made: this file system lists its directory under another name`,
      { hint: 'keep mail on a file system that keeps names as they are', mailbox },
    );
  }
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
    await makeMailbox({ seam, mailbox: INBOX, path, marked: false });
  } catch (error) {
    throw writeError(error, `the Maildir ${root} cannot be made`);
  }
}
