import type * as Fs from 'node:fs';

/** What the disk does with names, for paths below `root` only. Nothing while `root` is not set. */
export interface FoldingDisk {
  root: string | undefined;
  /** `fold`: upper and lower case, and two ways to write an accent, are one name, listed as it was made first. */
  names: 'fold' | 'lower';
  /** Directories that are mounted a second time: the path they have, and the one they are at. */
  readonly mounts: Map<string, string>;
}

export const foldingDisk: FoldingDisk = { root: undefined, names: 'fold', mounts: new Map() };

/**
 * `node:fs` on a disk that does not tell all names apart, as those of macOS and Windows, and that of a memory stick. `lower`:
 * it lists names in lower case. For `vi.mock('node:fs', …)`: only functions that the Maildir side uses.
 */
export function onFoldingDisk(fs: typeof Fs): typeof Fs {
  const at = (path: unknown) =>
    typeof path === 'string' || Buffer.isBuffer(path) ? nameOnDisk(fs, path) : path;
  const one = <F extends (...all: never[]) => unknown>(act: F) =>
    ((path: unknown, ...rest: never[]) => act(at(path) as never, ...rest)) as unknown as F;
  const two = <F extends (...all: never[]) => unknown>(act: F) =>
    ((from: unknown, to: unknown, ...rest: never[]) =>
      act(at(from) as never, at(to) as never, ...rest)) as unknown as F;
  const folding = {
    ...fs,
    chmodSync: one(fs.chmodSync),
    linkSync: two(fs.linkSync),
    lstatSync: one(fs.lstatSync as never) as unknown as typeof fs.lstatSync,
    mkdirSync: one(fs.mkdirSync as never) as unknown as typeof fs.mkdirSync,
    openSync: one(fs.openSync),
    readFileSync: one(fs.readFileSync as never) as unknown as typeof fs.readFileSync,
    readdirSync: one(fs.readdirSync as never) as unknown as typeof fs.readdirSync,
    renameSync: two(fs.renameSync),
    rmdirSync: one(fs.rmdirSync as never) as unknown as typeof fs.rmdirSync,
    statSync: one(fs.statSync as never) as unknown as typeof fs.statSync,
    unlinkSync: one(fs.unlinkSync),
    utimesSync: one(fs.utimesSync),
  };
  return { ...folding, default: folding } as unknown as typeof Fs;
}

function nameOnDisk(fs: typeof Fs, path: string | Buffer): string | Buffer {
  const { root, mounts } = foldingDisk;
  if (root === undefined) return path;
  const octets = Buffer.from(path as string).toString('latin1');
  const top = Buffer.from(root).toString('latin1');
  if (!octets.startsWith(`${top}/`)) return path;
  let real = top;
  for (const name of octets.slice(top.length + 1).split('/')) {
    real = `${real}/${entryFor(fs, Buffer.from(real, 'latin1'), name)}`;
    real = mounts.get(real) ?? real;
  }
  return Buffer.from(real, 'latin1');
}

/** What a name in a directory leads to. */
function entryFor(fs: typeof Fs, directory: Buffer, name: string): string {
  if (foldingDisk.names === 'lower') return name.toLowerCase();
  let entries: string[] = [];
  try {
    entries = fs.readdirSync(directory, { encoding: 'latin1' });
  } catch {
    return name;
  }
  if (entries.includes(name)) return name;
  return entries.find(entry => fold(entry) === fold(name)) ?? name;
}

function fold(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8').normalize('NFC').toLowerCase();
}
