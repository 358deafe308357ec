import { lstatSync } from 'node:fs';
import type { Seam } from '../../model/effect.js';
import type { MessageKey } from '../../model/row.js';
import { writeError } from './file-errors.js';
import { baseOf } from './file-name.js';
import { join, pathBytes } from './octets.js';
import { unlinkFile } from './place-file.js';
import { type MailDirectories, takePass } from './scan-pass.js';

/**
 * Removes the files that deliveries of these keys left in tmp, and, where such a file is still there, the empty file that
 * held its name on a file system without hard links. Nothing else.
 */
export function sweepTemporary(seam: Seam, directories: MailDirectories, keys: readonly MessageKey[]): void {
  const left = keys.map(baseOf).filter(base => {
    if (base === undefined) return false;
    return isFile(join(directories.tmp, base)) !== undefined;
  });
  if (left.length === 0) return;
  const { spots } = takePass(directories);
  try {
    for (const base of left) {
      for (const { directory, name } of spots.get(base!) ?? []) {
        const path = join(directories[directory], name);
        if (isFile(path)?.size === 0) unlinkFile(seam, path);
      }
      unlinkFile(seam, join(directories.tmp, base!));
    }
  } catch (error) {
    const { mailbox } = directories;
    throw writeError(error, `the mailbox ${mailbox} cannot be swept`, { mailbox });
  }
}

function isFile(path: ReturnType<typeof join>): { readonly size: number } | undefined {
  const stats = lstatSync(pathBytes(path), { throwIfNoEntry: false });
  return stats?.isFile() ? stats : undefined;
}
