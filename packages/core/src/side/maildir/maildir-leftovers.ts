import { lstatSync, type Stats } from 'node:fs';
import type { Seam } from '../../model/effect.js';
import { errnoOf } from '../../model/error.js';
import type { Leftover, Leftovers } from '../leftovers.js';
import { writeError } from './file-errors.js';
import { entriesOf, isDirectory, type MaildirLayout } from './layout.js';
import { holdsMail, type MailboxTree, readTree } from './mailbox-tree.js';
import { join, type Octets, octetsOfText, pathBytes, printable } from './octets.js';
import { unlinkFile } from './place-file.js';

export interface LeftoversOptions {
  /** An absolute path. */
  readonly root: string;
  readonly layout: MaildirLayout;
  readonly seam: Seam;
}

/** The files in the `tmp` of every mailbox of a Maildir. Only regular files count, and none that begins with a dot. */
export class MaildirLeftovers implements Leftovers {
  readonly #root: Octets;
  readonly #layout: MaildirLayout;
  readonly #seam: Seam;
  readonly #paths = new WeakMap<Leftover, Octets>();

  constructor({ root, layout, seam }: LeftoversOptions) {
    this.#root = octetsOfText(root);
    this.#layout = layout;
    this.#seam = seam;
  }

  async *list(before: number): AsyncGenerator<Leftover> {
    const tree: MailboxTree = readTree(this.#root, this.#layout);
    for (const [mailbox, place] of tree.places) {
      const directory = join(place.path, 'tmp');
      if (!holdsMail(place)) continue;
      for (const name of namesIn(directory)) {
        const path = join(directory, name);
        const stats = agedFile(path, before);
        if (stats === undefined || name.startsWith('.')) continue;
        const leftover = { mailbox, name: printable(name), size: stats.size };
        this.#paths.set(leftover, path);
        yield leftover;
      }
    }
  }

  async drop(leftover: Leftover, before: number): Promise<boolean> {
    const path = this.#paths.get(leftover);
    if (path === undefined || agedFile(path, before) === undefined) return false;
    try {
      unlinkFile(this.#seam, path);
      return true;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw writeError(error, `${printable(path)} cannot be removed`);
    }
  }
}

function namesIn(directory: Octets): Octets[] {
  try {
    return isDirectory(directory) ? entriesOf(directory) : [];
  } catch (error) {
    throw writeError(error, `${printable(directory)} cannot be read`);
  }
}

/**
 * A regular file whose bytes, name and rights nobody has read or changed since. The change time counts too: programs that
 * deliver give a file the date of its message before it leaves `tmp`.
 */
function agedFile(path: Octets, before: number): Stats | undefined {
  const stats = lstatSync(pathBytes(path), { throwIfNoEntry: false });
  if (!stats?.isFile()) return undefined;
  return Math.max(stats.atimeMs, stats.mtimeMs, stats.ctimeMs) < before ? stats : undefined;
}
