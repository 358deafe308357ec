import { closeSync, linkSync, lstatSync, renameSync, unlinkSync } from 'node:fs';
import type { Seam } from '../../model/effect.js';
import { meansNoLinks } from './file-errors.js';
import { type Octets, pathBytes, printable } from './octets.js';
import { createFile } from './write-file.js';

export interface Placing {
  readonly seam: Seam;
  readonly from: Octets;
  readonly to: Octets;
}

/**
 * Gives a file a second name, never an existing one (EEXIST). Where the file system has no hard links the file is moved
 * instead, over an empty file of our own that holds the name.
 */
export function placeFile({ seam, from, to }: Placing): 'linked' | 'moved' {
  try {
    linkFile({ seam, from, to });
    return 'linked';
  } catch (error) {
    if (!meansNoLinks(error)) throw error;
  }
  closeSync(createFile(seam, to));
  renameFile({ seam, from, to });
  return 'moved';
}

/** Gives a file a second name, never an existing one (EEXIST). Throws the system's error. */
export function linkFile({ seam, from, to }: Placing): void {
  seam.runSync({ surface: 'fs', name: 'link', target: printable(to) }, () =>
    linkSync(pathBytes(from), pathBytes(to)),
  );
}

/** Replaces what has the name `to`: only for names that are known to be free or ours. */
export function renameFile({ seam, from, to }: Placing): void {
  seam.runSync({ surface: 'fs', name: 'rename', target: printable(to) }, () =>
    renameSync(pathBytes(from), pathBytes(to)),
  );
}

export function unlinkFile(seam: Seam, path: Octets): void {
  seam.runSync({ surface: 'fs', name: 'unlink', target: printable(path) }, () => unlinkSync(pathBytes(path)));
}

/** Whether a name is taken, by anything. */
export function exists(path: Octets): boolean {
  return lstatSync(pathBytes(path), { throwIfNoEntry: false }) !== undefined;
}
