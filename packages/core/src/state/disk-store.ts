import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PosternError } from '../model/error.js';
import { refuseDamagedFiles } from './check-files.js';
import { damaged, FSCK_HINT } from './damage.js';
import { newDatabaseId, readDatabaseId, writeDatabaseId } from './database-id.js';
import { exists } from './exists.js';
import type { AnyLevel } from './level.js';
import { stateError } from './level-errors.js';
import { LevelStore, type StoreOptions } from './level-store.js';

/** What a state directory holds: the identity, and LevelDB's own directory. */
export interface StatePaths {
  readonly id: string;
  readonly level: string;
}

export function statePaths(directory: string): StatePaths {
  return { id: join(directory, 'db.id'), level: join(directory, 'level') };
}

/** Whether there is a state, or anything left of one. */
export async function hasState(directory: string): Promise<boolean> {
  const paths = statePaths(directory);
  return (await exists(paths.id)) || (await exists(paths.level));
}

/**
 * Makes the state of a new repository in `directory`, which is created too. Refuses (`failed`) where there is a state, or
 * what is left of one. Only this ever creates a database.
 */
export async function createStore(directory: string, { seam }: StoreOptions): Promise<LevelStore> {
  return translated(directory, async () => {
    const paths = statePaths(directory);
    if (await hasState(directory)) {
      throw new PosternError('failed', `there is a state in ${directory} already`, {
        hint: 'if it is damaged, run: postern fsck',
      });
    }
    await seam.run({ surface: 'fs', name: 'mkdir', target: directory }, () =>
      mkdir(directory, { recursive: true, mode: 0o700 }),
    );
    const level = await openLevel(paths.level, { createIfMissing: true, errorIfExists: true });
    return closedOnFailure(level, async () => {
      const id = newDatabaseId();
      const store = await LevelStore.create(level, { seam, id });
      await writeDatabaseId(paths.id, id, seam);
      return store;
    });
  });
}

/**
 * Opens the state in `directory`. Throws `state-missing` where none was ever made, `state-damaged` where one was and is
 * lost or broken, `state-version`, `state-foreign`, `busy`, `read-only` or `disk-full`. Never creates anything. `thorough`: a
 * process died with it, so that all files are checked, however large.
 */
export async function openStore(
  directory: string,
  { seam, thorough = false }: StoreOptions & { readonly thorough?: boolean },
): Promise<LevelStore> {
  return translated(directory, async () => {
    const paths = statePaths(directory);
    const id = await readDatabaseId(paths.id);
    const there = await exists(paths.level);
    if (id === undefined && !there) {
      throw new PosternError('state-missing', `there is no state in ${directory}`, {
        hint: 'if this repository was used before, its state is lost: run postern fsck --repair',
      });
    }
    if (id === undefined) throw damaged('db.id is missing beside the database');
    // LevelDB makes files even where it finds no database and may not create one.
    if (!(await exists(join(paths.level, 'CURRENT'))))
      throw damaged('the database is gone, only db.id is left');
    await refuseDamagedFiles(paths.level, { thorough });
    const level = await openLevel(paths.level, { createIfMissing: false, errorIfExists: false });
    return closedOnFailure(level, async () => {
      const store = await LevelStore.open(level, { seam });
      if (store.id !== id) {
        throw new PosternError('state-foreign', `the database in ${directory} is not the one db.id names`, {
          hint: `one of the two was restored or copied without the other; ${FSCK_HINT}`,
        });
      }
      return store;
    });
  });
}

interface OpenOptions {
  readonly createIfMissing: boolean;
  readonly errorIfExists: boolean;
}

/**
 * Imported late: commands that need no state do not load the native addon. No effect of its own in the seam: opening
 * tidies LevelDB's files, and changes no entry.
 */
export async function openLevel(directory: string, options: OpenOptions): Promise<AnyLevel> {
  const { Level } = await import('level');
  const level = new Level<string, string>(directory, options) as unknown as AnyLevel;
  await level.open();
  return level;
}

async function closedOnFailure<T>(level: AnyLevel, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    await level.close();
    throw error;
  }
}

async function translated<T>(directory: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw stateError(error, `${directory} cannot be opened`);
  }
}
