import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import type { Seam } from '../../model/effect.js';
import { errnoOf } from '../../model/error.js';
import { isDirectory } from './layout.js';
import { type Octets, pathBytes, printable } from './octets.js';

/** Makes a directory for this user alone; false when it is there already. Anything else of that name is
 * `EEXIST`, a symbolic link too. */
export function makeDirectory(seam: Seam, path: Octets): boolean {
  if (isDirectory(path)) return false;
  seam.runSync({ surface: 'fs', name: 'mkdir', target: printable(path) }, () =>
    mkdirSync(pathBytes(path), { mode: 0o700 }),
  );
  return true;
}

/** Makes a directory and the missing levels above it. Returns the directories whose names are to be made durable. */
export function makeDirectories(seam: Seam, path: Octets): Octets[] {
  const missing: Octets[] = [];
  for (let level = path; !isThere(level); level = above(level)) missing.unshift(level);
  for (const level of missing) makeDirectory(seam, level);
  return missing.map(above);
}

/** Removes a directory, if it is there; false where it is not empty. */
export function removeDirectory(seam: Seam, path: Octets): boolean {
  try {
    if (isDirectory(path)) {
      seam.runSync({ surface: 'fs', name: 'rmdir', target: printable(path) }, () =>
        rmdirSync(pathBytes(path)),
      );
    }
    return true;
  } catch (error) {
    if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST') throw error;
    return false;
  }
}

/** Levels above may be reached by symbolic links, as the root may. */
function isThere(path: Octets): boolean {
  return path === '/' || statSync(pathBytes(path), { throwIfNoEntry: false })?.isDirectory() === true;
}

/** The directory a path lies in. */
export function above(path: Octets): Octets {
  const slash = path.lastIndexOf('/');
  return (slash <= 0 ? '/' : path.slice(0, slash)) as Octets;
}
