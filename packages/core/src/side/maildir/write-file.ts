import { closeSync, constants, fsync, openSync } from 'node:fs';
import type { Seam } from '../../model/effect.js';
import { errnoOf } from '../../model/error.js';
import { type Octets, pathBytes, printable } from './octets.js';

/** Opens a file that must not exist yet, for this user alone. */
export function createFile(seam: Seam, path: Octets): number {
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
  return seam.runSync({ surface: 'fs', name: 'open', target: printable(path) }, () =>
    openSync(pathBytes(path), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600),
  );
}

/** Makes a file's bytes durable. */
export function syncFile(seam: Seam, fd: number, path: Octets): Promise<void> {
  return seam.run({ surface: 'fs', name: 'fsync', target: printable(path) }, () => fsyncOf(fd));
}

/** Makes the names in a directory durable. File systems that cannot sync a directory do so by themselves. */
export async function syncDirectory(seam: Seam, path: Octets): Promise<void> {
  await seam.run({ surface: 'fs', name: 'fsync-dir', target: printable(path) }, async () => {
    const fd = openSync(pathBytes(path), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await fsyncOf(fd);
    } catch (error) {
      if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes(errnoOf(error) ?? '')) throw error;
    } finally {
      closeSync(fd);
    }
  });
}

function fsyncOf(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fsync(fd, error => (error === null ? resolve() : reject(error)));
  });
}
