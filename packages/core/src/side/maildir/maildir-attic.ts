import { type BigIntStats, lstatSync } from 'node:fs';
import type { Seam } from '../../model/effect.js';
import { errnoOf } from '../../model/error.js';
import type { MailboxName } from '../../model/mailbox.js';
import type { Attic, AtticEntry, AtticMessage, RestoreOutcome } from '../attic.js';
import { readAtticDirectoryName } from './attic-directory.js';
import { Breather } from './breather.js';
import { fileChunks } from './file-chunks.js';
import { reasonOf, writeError } from './file-errors.js';
import { entriesOf, isDirectory, type MaildirLayout } from './layout.js';
import { digestFile, fileFault, fileStamp } from './mail-file.js';
import { removeDirectory } from './make-directory.js';
import { join, type Octets, octetsOfText, pathBytes, printable } from './octets.js';
import { exists, unlinkFile } from './place-file.js';
import { Restoring } from './restoring.js';
import { syncDirectory } from './write-file.js';

export interface MaildirAtticOptions {
  /** The Maildir; an absolute path. Its attic is `.postern/attic` below. */
  readonly root: string;
  readonly layout: MaildirLayout;
  readonly seam: Seam;
}

/** What removals from a Maildir have put aside: `<operation>[@<mailbox>]/<random>-<file name>`. */
export class MaildirAttic implements Attic {
  readonly #options: MaildirAtticOptions;
  readonly #seam: Seam;
  readonly #path: Octets;
  readonly #paths = new WeakMap<AtticEntry, { readonly directory: Octets; readonly name: Octets }>();

  constructor(options: MaildirAtticOptions) {
    this.#options = options;
    this.#seam = options.seam;
    this.#path = octetsOfText(`${options.root}/.postern/attic`);
  }

  async *list(): AsyncGenerator<AtticEntry> {
    for (const directory of this.#directories()) {
      const { operation, mailbox, began } = readAtticDirectoryName(directory)!;
      for (const name of this.#namesIn(directory)) {
        const stats = mailFile(join(join(this.#path, directory), name));
        if (stats === undefined || !/^[A-Za-z0-9]{1,32}-./s.test(name)) continue;
        const entry: AtticEntry = {
          name: printable(`${directory}/${name}` as Octets),
          directory,
          operation,
          ...(mailbox === undefined ? {} : { mailbox }),
          removed: Math.max(began, Number(stats.ctimeNs / 1_000_000n)),
          size: Number(stats.size),
          stamp: stampOf(stats),
        };
        this.#paths.set(entry, { directory, name });
        yield entry;
      }
    }
  }

  async describe(entry: AtticEntry): Promise<AtticMessage | undefined> {
    const breather = new Breather();
    const file = await digestFile(this.#pathOf(entry), async () => {
      if (breather.isDue) await breather.breath();
    });
    return file.kind === 'read' ? file.facts : undefined;
  }

  read(entry: AtticEntry): Iterable<Uint8Array> {
    return fileChunks(this.#pathOf(entry));
  }

  async drop(entries: readonly AtticEntry[]): Promise<readonly AtticEntry[]> {
    const dropped: AtticEntry[] = [];
    for (const entry of entries) {
      if (this.#unlink(entry)) dropped.push(entry);
    }
    return dropped;
  }

  async dropEmpty(): Promise<number> {
    let count = 0;
    for (const directory of this.#directories()) {
      if (this.#namesIn(directory).length > 0) continue;
      if (this.#inWords(() => removeDirectory(this.#seam, join(this.#path, directory)))) count++;
    }
    return count;
  }

  async restore(entry: AtticEntry, mailbox: MailboxName): Promise<RestoreOutcome> {
    const place = this.#paths.get(entry);
    const path = this.#pathOf(entry);
    const stats = mailFile(path);
    if (place === undefined || stats === undefined || stampOf(stats) !== entry.stamp) {
      return { kind: 'refused', reason: 'it is not in the attic any more, or changed there' };
    }
    const outcome = await new Restoring(this.#options).restore(
      { path, name: place.name, stats, isHome: entry.mailbox === mailbox },
      mailbox,
    );
    if (outcome.kind === 'refused') return outcome;
    try {
      // Where the file system has no hard links it was moved out.
      if (exists(path)) unlinkFile(this.#seam, path);
      await syncDirectory(this.#seam, join(this.#path, place.directory));
    } catch (error) {
      throw writeError(error, `${entry.name} is in ${mailbox} and cannot leave the attic`);
    }
    return outcome;
  }

  #unlink(entry: AtticEntry): boolean {
    const path = this.#pathOf(entry);
    const stats = mailFile(path);
    if (stats === undefined || stampOf(stats) !== entry.stamp) return false;
    return this.#inWords(() => {
      try {
        unlinkFile(this.#seam, path);
        return true;
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return false;
        throw error;
      }
    });
  }

  #pathOf(entry: AtticEntry): Octets {
    const { directory, name } = this.#paths.get(entry) ?? { directory: '' as Octets, name: '' as Octets };
    return join(join(this.#path, directory), name);
  }

  /** The names of the directories that operations made, oldest first. */
  #directories(): Octets[] {
    const names = this.#inWords(() => (exists(this.#path) ? entriesOf(this.#path) : []));
    return names
      .filter(name => readAtticDirectoryName(name) !== undefined && isDirectory(join(this.#path, name)))
      .sort();
  }

  #namesIn(directory: Octets): Octets[] {
    return this.#inWords(() => entriesOf(join(this.#path, directory)).sort());
  }

  #inWords<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw writeError(error, `the attic ${printable(this.#path)} cannot be used`);
    }
  }
}

function mailFile(path: Octets): BigIntStats | undefined {
  try {
    const stats = lstatSync(pathBytes(path), { bigint: true, throwIfNoEntry: false });
    return stats !== undefined && fileFault(stats) === undefined ? stats : undefined;
  } catch (error) {
    reasonOf(error);
    return undefined;
  }
}

function stampOf(stats: BigIntStats): string {
  return `${stats.dev}.${stats.ino}.${fileStamp(stats)}`;
}
