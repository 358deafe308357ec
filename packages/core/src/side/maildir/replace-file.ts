import { closeSync, writeSync } from 'node:fs';
import type { Seam } from '../../model/effect.js';
import { type Octets, printable } from './octets.js';
import { exists, renameFile, unlinkFile } from './place-file.js';
import { createFile, syncFile } from './write-file.js';

/**
 * Writes a small file of ours aside (`.new`), syncs it and renames it over the older one: it is the old or the new one at any
 * moment. Durable once the directory is synced. Throws the system's error.
 */
export async function replaceFile(seam: Seam, path: Octets, bytes: Buffer): Promise<void> {
  const aside = `${path}.new` as Octets;
  if (exists(aside)) unlinkFile(seam, aside);
  const fd = createFile(seam, aside);
  try {
    seam.runSync({ surface: 'fs', name: 'write', target: printable(aside) }, () => {
      for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
    });
    await syncFile(seam, fd, aside);
  } finally {
    closeSync(fd);
  }
  renameFile({ seam, from: aside, to: path });
}
