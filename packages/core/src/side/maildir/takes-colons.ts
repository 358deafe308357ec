import { closeSync } from 'node:fs';
import { openSeam, type Seam } from '../../model/effect.js';
import { errnoOf } from '../../model/error.js';
import { isListed } from './name-on-disk.js';
import { join, type Octets, octetsOfText } from './octets.js';
import { unlinkFile } from './place-file.js';
import { createFile } from './write-file.js';

const PROBE = '.postern-probe:2,S' as Octets;

/** What systems answer to a name that a file system does not take; SMB servers say that there is none. */
const NO_SUCH_NAME: ReadonlySet<string> = new Set(['EINVAL', 'EILSEQ', 'ENOENT']);

/**
 * Whether files in a directory may have a `:` in their names, as a Maildir's have to: FAT and its kin refuse it, and others
 * take what follows for something else. Makes such a file and removes it; where none may be made at all, the answer is yes.
 */
export function takesColons(directory: string, seam: Seam = openSeam): boolean {
  const path = join(octetsOfText(directory), PROBE);
  try {
    closeSync(createFile(seam, path));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    if (errno !== 'EEXIST') return !NO_SUCH_NAME.has(errno);
  }
  const listed = isListed(path);
  unlinkFile(seam, path);
  return listed;
}
