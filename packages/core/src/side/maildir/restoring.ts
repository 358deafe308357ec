import { type BigIntStats, lstatSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Seam } from '../../model/effect.js';
import type { MailboxName } from '../../model/mailbox.js';
import type { RestoreOutcome } from '../attic.js';
import { reasonOf } from './file-errors.js';
import { parseFileName } from './file-name.js';
import { entriesOf, type MaildirLayout } from './layout.js';
import { fileDate, sameFile } from './mail-file.js';
import { holdsMail, readTree } from './mailbox-tree.js';
import { join, type Octets, octetsOfText, pathBytes } from './octets.js';
import { placeFile } from './place-file.js';
import { syncDirectory } from './write-file.js';

export interface RestoringOptions {
  readonly root: string;
  readonly layout: MaildirLayout;
  readonly seam: Seam;
}

/** A file in the attic. */
export interface ToRestore {
  readonly path: Octets;
  /** Its name there, a random text and `-` before the one it had. */
  readonly name: Octets;
  readonly stats: BigIntStats;
  /** It goes where it came from: the letters of its keywords mean there what they meant. */
  readonly isHome: boolean;
}

/**
 * Gives a file of the attic a second, new name in a mailbox, durably. A name of its own keeps it apart from every pair and
 * row the state still has under the old one.
 */
export class Restoring {
  readonly #options: RestoringOptions;

  constructor(options: RestoringOptions) {
    this.#options = options;
  }

  async restore(file: ToRestore, mailbox: MailboxName): Promise<RestoreOutcome> {
    const { root, layout, seam } = this.#options;
    const tree = readTree(octetsOfText(root), layout);
    const place = tree.places.get(mailbox);
    if (place === undefined || !holdsMail(place)) {
      return { kind: 'refused', reason: `there is no mailbox ${mailbox} that can be written` };
    }
    try {
      const home = file.stats.nlink > 1n ? namedIn(place.path, file.stats) : undefined;
      if (home !== undefined) {
        await syncDirectory(seam, join(place.path, home));
        return { kind: 'already' };
      }
      const letters = lettersOf(file);
      const directory = letters === '' ? 'new' : 'cur';
      const base = newName(file);
      const name = letters === '' ? base : (`${base}:2,${letters}` as Octets);
      placeFile({ seam, from: file.path, to: join(join(place.path, directory), name) });
      await syncDirectory(seam, join(place.path, directory));
      return { kind: 'done' };
    } catch (error) {
      return { kind: 'refused', reason: reasonOf(error) };
    }
  }
}

/** The directory of a mailbox in which a file has a name already. */
function namedIn(path: Octets, file: BigIntStats): 'new' | 'cur' | undefined {
  for (const directory of ['new', 'cur'] as const) {
    for (const name of entriesOf(join(path, directory))) {
      const stats = lstatSync(pathBytes(join(join(path, directory), name)), {
        bigint: true,
        throwIfNoEntry: false,
      });
      if (stats !== undefined && sameFile(stats, file)) return directory;
    }
  }
  return undefined;
}

function lettersOf({ name, isHome }: ToRestore): string {
  const { letters = '' } = parseFileName(name);
  const kept = [...letters].filter(letter => letter !== 'T' && (isHome || !/[a-z]/.test(letter)));
  return [...new Set(kept)].sort().join('');
}

/** As `UniqueNames` makes them, of what does not change: the message's date and the random text of the attic. */
function newName({ name, stats }: ToRestore): Octets {
  const seconds = Math.max(0, Math.floor(fileDate(stats) / 1000));
  const random = name.slice(0, name.indexOf('-'));
  const host = hostname().slice(0, 64).replaceAll('/', '\\057').replaceAll(':', '\\072') || 'localhost';
  return octetsOfText(`${seconds}.M000000P${process.pid}Q0R${random}.${host}`);
}
