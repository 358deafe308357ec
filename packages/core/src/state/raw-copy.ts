import { constants } from 'node:fs';
import { copyFile, mkdtemp, readdir, rm, truncate, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Seam } from '../model/effect.js';
import { PosternError } from '../model/error.js';

export interface RawCopy {
  /** A directory that LevelDB may open and write to. */
  readonly directory: string;
  /** Files that could not be copied, with the reason. */
  readonly faults: readonly string[];
  /** Removes a file of the copy. */
  drop(name: string): Promise<void>;
  /** Leaves only the beginning of a file of the copy. */
  cut(name: string, size: number): Promise<void>;
  remove(): Promise<void>;
}

/**
 * A private copy of a LevelDB directory: opening a database writes to it, and what is examined must stay as it is. LOCK
 * is neither read nor copied, since closing it would drop the lock of an open database (SAFETY §3.9).
 */
export async function copyLevel(from: string, seam: Seam): Promise<RawCopy> {
  const scratch = join(tmpdir(), 'postern-');
  const directory = await seam.run({ surface: 'fs', name: 'mkdir', target: scratch }, () => mkdtemp(scratch));
  const faults: string[] = [];
  for (const name of await filesOf(from, faults)) {
    const target = join(directory, name);
    try {
      await seam.run({ surface: 'fs', name: 'copy', target }, () =>
        copyFile(join(from, name), target, constants.COPYFILE_FICLONE),
      );
    } catch (error) {
      if (error instanceof PosternError) throw error;
      faults.push(`${name} cannot be read: ${(error as Error).message}`);
    }
  }
  const drop = (name: string) => {
    const target = join(directory, name);
    return seam.run({ surface: 'fs', name: 'unlink', target }, () => unlink(target));
  };
  const cut = (name: string, size: number) => {
    const target = join(directory, name);
    return seam.run({ surface: 'fs', name: 'truncate', target }, () => truncate(target, size));
  };
  const remove = () =>
    seam.run({ surface: 'fs', name: 'rm', target: directory }, () =>
      rm(directory, { recursive: true, force: true }),
    );
  return { directory, faults, drop, cut, remove };
}

async function filesOf(directory: string, faults: string[]): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.filter(entry => entry.isFile() && entry.name !== 'LOCK').map(entry => entry.name);
  } catch (error) {
    faults.push(`the database directory cannot be read: ${(error as Error).message}`);
    return [];
  }
}
