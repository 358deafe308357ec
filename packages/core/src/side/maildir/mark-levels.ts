import { closeSync } from 'node:fs';
import type { Seam } from '../../model/effect.js';
import { LEVEL } from './mailbox-tree.js';
import { above } from './make-directory.js';
import { join, type Octets } from './octets.js';
import { exists } from './place-file.js';
import { createFile, syncDirectory } from './write-file.js';

/**
 * Leaves a mark in every directory between the root and a mailbox, durably: without it, a directory that is left of a
 * mailbox that is missing is not the one we knew.
 */
export async function markLevels(
  seam: Seam,
  { root, mailbox }: { readonly root: Octets; readonly mailbox: Octets },
): Promise<void> {
  for (let level = above(mailbox); level.startsWith(`${root}/`); level = above(level)) {
    const mark = join(level, LEVEL);
    if (exists(mark)) continue;
    closeSync(createFile(seam, mark));
    await syncDirectory(seam, level);
  }
}
