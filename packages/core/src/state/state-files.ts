import { lstat, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errnoOf } from '../model/error.js';
import { statePaths } from './disk-store.js';

/** A state that a repair, or an import, has put aside and kept. */
export interface KeptState {
  readonly path: string;
  /** When it was put aside; milliseconds since the epoch. */
  readonly since: number;
}

/** Octets the files of the database take. */
export async function databaseSize(stateDirectory: string): Promise<number> {
  const { level } = statePaths(stateDirectory);
  let size = 0;
  for (const name of await readdir(level)) {
    try {
      size += (await lstat(join(level, name))).size;
    } catch (error) {
      // LevelDB removes files when it likes.
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
  return size;
}

/** The states that were put aside, beside a state directory, oldest first. */
export async function keptStates(stateDirectory: string): Promise<KeptState[]> {
  const above = dirname(stateDirectory);
  const starts = ['damaged', 'replaced'].map(word => `${basename(stateDirectory)}.${word}-`);
  const kept: KeptState[] = [];
  for (const entry of await readdir(above, { withFileTypes: true })) {
    const start = starts.find(one => entry.name.startsWith(one));
    if (!entry.isDirectory() || start === undefined) continue;
    const time = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(entry.name.slice(start.length));
    if (time === null) continue;
    const [, year, month, day, hour, minute, second] = time;
    const since = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
    if (!Number.isNaN(since)) kept.push({ path: join(above, entry.name), since });
  }
  return kept.sort((a, b) => a.since - b.since || (a.path < b.path ? -1 : 1));
}
