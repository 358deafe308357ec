import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** Makes a directory in one of ours. Throws where it is somebody else's: what root leaves in a user's home is in the way there. */
export function makeOwnDirectory(path: string): void {
  if (!existsSync(path)) {
    demandOurs(statSync(dirname(path)));
    mkdirSync(path, { mode: 0o700 });
  }
  demandOurs(statSync(path));
}

/** Throws where anybody else may have written the file. */
export function readOwnFile(path: string): Buffer {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    demandOurs(stats);
    if (!stats.isFile() || (stats.mode & 0o022) !== 0) throw new Error('no file of ours alone');
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The old file or all of the new one; nothing is left of one that could not be written. Synchronous, for the end of a process. */
export function replaceOwnFile(path: string, octets: Buffer): void {
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    writeFileSync(aside, octets, { mode: 0o600, flag: 'wx' });
    renameSync(aside, path);
  } catch (error) {
    if (existsSync(aside)) unlinkSync(aside);
    throw error;
  }
}

function demandOurs({ uid }: Stats): void {
  if (uid !== process.getuid?.()) throw new Error('not ours');
}
