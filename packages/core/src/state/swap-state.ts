import { open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../model/clock.js';
import type { Seam } from '../model/effect.js';
import { PosternError } from '../model/error.js';
import { exists } from './exists.js';
import { stateError } from './level-errors.js';

/*
 * How a new state takes the place of a damaged one: it is built in `state.rebuilding`, made durable, renamed to
 * `state.rebuilt` (from here on it is complete), then the damaged one is renamed to `state.damaged-<time>` and the new one
 * to `state`. So there is a state, or a complete new one, at every moment; `resumeSwap` ends what a kill interrupted.
 */

export interface SwapPlace {
  readonly stateDirectory: string;
  readonly seam: Seam;
  readonly clock: Clock;
  /** What the old state is from then on, in its name; `damaged` when absent. */
  readonly aside?: 'damaged' | 'replaced';
}

export function buildingPlace(stateDirectory: string): string {
  return `${stateDirectory}.rebuilding`;
}

export function rebuiltPlace(stateDirectory: string): string {
  return `${stateDirectory}.rebuilt`;
}

/** Puts a complete new state in place where a repair died in between; true when it did. Removes half-built ones. */
export async function resumeSwap({ stateDirectory, seam }: SwapPlace): Promise<boolean> {
  return translated(async () => {
    const rebuilt = rebuiltPlace(stateDirectory);
    await removeTree(buildingPlace(stateDirectory), seam);
    if ((await exists(stateDirectory)) || !(await exists(rebuilt))) {
      await removeTree(rebuilt, seam);
      return false;
    }
    await move(rebuilt, stateDirectory, seam);
    return true;
  });
}

/** Removes what a repair that failed has built. */
export async function discardBuilding({ stateDirectory, seam }: SwapPlace): Promise<void> {
  await removeTree(buildingPlace(stateDirectory), seam);
}

/** Puts what was built in place, and returns where the old state is kept, if there was one. */
export async function putInPlace(place: SwapPlace): Promise<string | undefined> {
  return translated(async () => {
    const { stateDirectory, seam } = place;
    const building = buildingPlace(stateDirectory);
    const rebuilt = rebuiltPlace(stateDirectory);
    await syncTree(building, seam);
    await move(building, rebuilt, seam);
    const aside = (await exists(stateDirectory)) ? await freeName(place) : undefined;
    if (aside !== undefined) await move(stateDirectory, aside, seam);
    await move(rebuilt, stateDirectory, seam);
    return aside;
  });
}

/** A name nothing has: rename would replace an empty directory silently. */
async function freeName({ stateDirectory, clock, aside = 'damaged' }: SwapPlace): Promise<string> {
  const stamp = new Date(clock.now()).toISOString().replace(/[-:]|\.\d+/g, '');
  const name = `${stateDirectory}.${aside}-${stamp}`;
  for (let count = 1; ; count++) {
    const candidate = count === 1 ? name : `${name}-${count}`;
    if (!(await exists(candidate))) return candidate;
  }
}

async function move(from: string, to: string, seam: Seam): Promise<void> {
  await seam.run({ surface: 'fs', name: 'rename', target: to }, () => rename(from, to));
  await sync(dirname(to), seam);
}

async function removeTree(path: string, seam: Seam): Promise<void> {
  if (!(await exists(path))) return;
  await seam.run({ surface: 'fs', name: 'rm', target: path }, () => rm(path, { recursive: true }));
}

/** Files first, each directory after what is in it. */
async function syncTree(directory: string, seam: Seam): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await syncTree(path, seam);
    else if (entry.isFile()) await sync(path, seam);
  }
  await sync(directory, seam);
}

async function sync(path: string, seam: Seam): Promise<void> {
  await seam.run({ surface: 'fs', name: 'fsync', target: path }, async () => {
    const file = await open(path, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  });
}

async function translated<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const known = stateError(error, 'the rebuilt state cannot be put in place');
    if (!(known instanceof PosternError) || known.code !== 'state-damaged') throw known;
    throw new PosternError('failed', known.message, {
      cause: error,
      hint: 'run postern fsck --repair again',
    });
  }
}
