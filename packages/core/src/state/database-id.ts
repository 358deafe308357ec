import { randomBytes } from 'node:crypto';
import { link, open, readFile, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Seam } from '../model/effect.js';
import { errnoOf } from '../model/error.js';
import { damaged, versionUnknown } from './damage.js';

/** The version of everything in a state directory; a record has its own besides. */
export const STATE_FORMAT = 1;

const LONGEST = 1024;

/**
 * `db.id`: stands beside LevelDB's directory and says that there was a database and which one, so that a lost database
 * is never taken for one that was never made.
 */
export async function readDatabaseId(path: string): Promise<string | undefined> {
  let content: Buffer;
  try {
    content = await readFile(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  const { format, id } = parsed(content);
  if (typeof format === 'number' && format !== STATE_FORMAT) throw versionUnknown(`its format is ${format}`);
  if (format !== STATE_FORMAT || typeof id !== 'string' || !/^[0-9a-f]{32}$/.test(id)) {
    throw damaged('db.id is not what was written');
  }
  return id;
}

function parsed(content: Buffer): { readonly format?: unknown; readonly id?: unknown } {
  try {
    const value: unknown = content.length > LONGEST ? undefined : JSON.parse(content.toString());
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

export function newDatabaseId(): string {
  return randomBytes(16).toString('hex');
}

/** Writes `db.id`, durably and as a whole. Throws EEXIST where there is one. */
export async function writeDatabaseId(path: string, id: string, seam: Seam): Promise<void> {
  const draft = `${path}.${id}.tmp`;
  await seam.run({ surface: 'fs', name: 'write', target: draft }, async () => {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify({ format: STATE_FORMAT, id })}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  });
  try {
    await seam.run({ surface: 'fs', name: 'link', target: path }, () => link(draft, path));
  } finally {
    await seam.run({ surface: 'fs', name: 'unlink', target: draft }, () => unlink(draft));
  }
  await seam.run({ surface: 'fs', name: 'fsync', target: dirname(path) }, () => syncDirectory(dirname(path)));
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
