import { readdir, readFile, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { statePaths } from '@postern/core/state/disk-store.js';
import { hashRecord } from '@postern/core/state/hash.js';
import type { DiskRig } from '../../support/disk-rig.js';

export type FileDamage = 'missing' | 'truncated' | 'halved' | 'emptied' | 'garbage' | 'doubled';

/** Files of a state directory that hold something, with their paths inside it; LevelDB's own text log says nothing. */
export async function levelFiles(rig: DiskRig): Promise<string[]> {
  const names = await readdir(statePaths(rig.stateDirectory).level);
  const idle = /^(LOG|LOG\.old|LOCK)$/;
  return ['db.id', ...names.filter(name => !idle.test(name)).map(name => join('level', name))];
}

export async function damageFile(rig: DiskRig, file: string, damage: FileDamage): Promise<void> {
  const path = join(rig.stateDirectory, file);
  const { length } = await readFile(path);
  switch (damage) {
    case 'missing':
      return unlink(path);
    case 'emptied':
      return truncate(path, 0);
    case 'truncated':
      return truncate(path, Math.max(0, length - 20));
    case 'doubled':
      return writeFile(path, Buffer.concat([await readFile(path), await readFile(path)]));
    case 'halved':
      return truncate(path, length >> 1);
    case 'garbage':
      return writeFile(path, Buffer.alloc(length, 'x'));
  }
}

export async function flipBit(
  rig: DiskRig,
  file: string,
  { at, bit }: { at: number; bit: number },
): Promise<void> {
  const path = join(rig.stateDirectory, file);
  const bytes = await readFile(path);
  bytes[at] = bytes[at]! ^ (1 << bit);
  await writeFile(path, bytes);
}

/** Moves all entries from the log into a table. */
export async function intoTables(rig: DiskRig): Promise<void> {
  await rig.tamper(level =>
    (level as unknown as { compactRange(from: string, to: string): Promise<void> }).compactRange(
      '\0',
      '\xff',
    ),
  );
}

/** A value whose checksum is right and whose version is another one. */
export function frameOfVersion(version: number, key: string, bytes: Buffer): Buffer {
  const framed = Buffer.from(bytes);
  framed[8] = version;
  const hash = hashRecord(key, framed, 8);
  framed.writeUInt32BE(hash.high, 0);
  framed.writeUInt32BE(hash.low, 4);
  return framed;
}
