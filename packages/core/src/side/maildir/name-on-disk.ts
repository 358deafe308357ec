import { entriesOf } from './layout.js';
import { above } from './make-directory.js';
import type { Octets } from './octets.js';
import { exists } from './place-file.js';

/** Whether the directory a path lies in lists its name in these very octets. */
export function isListed(path: Octets): boolean {
  return entriesOf(above(path)).includes(path.slice(path.lastIndexOf('/') + 1) as Octets);
}

/**
 * Whether the file system answers to a name that it does not list: it takes upper and lower case, or two ways to write an
 * accent, for one, and what lies there belongs to another name.
 */
export function isTwinName(path: Octets): boolean {
  return exists(path) && !isListed(path);
}
