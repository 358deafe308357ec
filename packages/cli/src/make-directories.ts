import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf } from '@postern/core/model/error.js';

/**
 * Makes a directory and those above it, for the owner alone; one that is there is left as it is. Node's own recursive way
 * never ends where a parent exists but answers ENOENT to every mkdir, as /proc does.
 */
export function makeDirectories(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return;
    const parent = dirname(path);
    if (errnoOf(error) !== 'ENOENT' || parent === path) throw error;
    makeDirectories(parent);
    mkdirSync(path, { mode: 0o700 });
  }
}
