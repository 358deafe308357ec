import { lstat } from 'node:fs/promises';
import { errnoOf } from '../model/error.js';

/** Whether there is anything of this name, a dangling link included. Throws what makes it impossible to say. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
