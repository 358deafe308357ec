import { lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Seam } from '../../model/effect.js';
import type { MailboxName } from '../../model/mailbox.js';
import { atticDirectoryName } from './attic-directory.js';
import { reasonOf } from './file-errors.js';
import { LONGEST_NAME } from './file-name.js';
import { makeDirectories } from './make-directory.js';
import { join, type Octets, pathBytes, printable } from './octets.js';
import { placeFile, unlinkFile } from './place-file.js';
import { syncDirectory } from './write-file.js';

export interface AtticOptions {
  /** On the file system of the mail. */
  readonly path: Octets;
  readonly seam: Seam;
  /** Letters and digits, another text each time. */
  readonly random: () => string;
}

export interface InAttic {
  readonly path: Octets;
  /** False where the file was moved here, for want of hard links. */
  readonly isLink: boolean;
}

/** What goes to the attic, and under which name. */
export interface Taking {
  readonly file: Octets;
  /** Its name in the mailbox. */
  readonly name: Octets;
  readonly operation: string;
  readonly mailbox: MailboxName;
}

/** Where removed files go: `<operation>[@<mailbox>]/<random>-<file name>`, until `gc` empties it. */
export class Attic {
  readonly #path: Octets;
  readonly #seam: Seam;
  readonly #random: () => string;
  #isUsed = false;
  /** Directories with names that are not durable yet. */
  readonly #unsynced = new Set<Octets>();

  constructor({ path, seam, random }: AtticOptions) {
    this.#path = path;
    this.#seam = seam;
    this.#random = random;
  }

  /** Gives a mail file a place here, by a second name where the file system has those. Throws the system's error. */
  take({ file, name, operation, mailbox }: Taking): InAttic {
    const directory = this.#directoryOf(operation, mailbox);
    const prefix = `${this.#random()}-`;
    const path = join(
      directory,
      prefix + name.slice(Math.max(0, prefix.length + name.length - LONGEST_NAME)),
    );
    const isLink = placeFile({ seam: this.#seam, from: file, to: path }) === 'linked';
    this.#unsynced.add(directory);
    return { path, isLink };
  }

  /**
   * Undoes `take`; false when the attic must keep the file: its last name is here (its owner removed all others), or its
   * name at home was taken meanwhile.
   */
  giveBack({ path, isLink }: InAttic, home: Octets): boolean {
    const stats = lstatSync(pathBytes(path), { bigint: true });
    if (isLink && stats.nlink === 1n) return false;
    if (!isLink) {
      try {
        if (placeFile({ seam: this.#seam, from: path, to: home }) === 'moved') return true;
      } catch (error) {
        reasonOf(error);
        return false;
      }
    }
    unlinkFile(this.#seam, path);
    return true;
  }

  /** Makes all that was taken durable. */
  async sync(): Promise<void> {
    for (const directory of this.#unsynced) await syncDirectory(this.#seam, directory);
    this.#unsynced.clear();
  }

  /** A place as people see it, below the attic. */
  shown(path: Octets): string {
    return printable(path.slice(this.#path.length + 1) as Octets);
  }

  #directoryOf(operation: string, mailbox: MailboxName): Octets {
    const directory = join(this.#path, atticDirectoryName(operation, mailbox));
    if (!this.#isUsed) {
      // Another lane may have made it just now, and not synced it yet.
      this.#isUsed = true;
      this.#unsynced.add(dirname(this.#path) as Octets);
    }
    for (const changed of makeDirectories(this.#seam, directory)) this.#unsynced.add(changed);
    return directory;
  }
}
