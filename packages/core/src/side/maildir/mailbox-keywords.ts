import { type BigIntStats, closeSync, fstatSync, lstatSync, readSync } from 'node:fs';
import type { Clock } from '../../model/clock.js';
import type { Seam } from '../../model/effect.js';
import { errnoOf, PosternError } from '../../model/error.js';
import type { Flags } from '../../model/flags.js';
import type { MailboxName } from '../../model/mailbox.js';
import { withDotLock } from './dot-lock.js';
import { reasonOf } from './file-errors.js';
import { parseFileName } from './file-name.js';
import { isKeyword, KeywordLetters } from './keyword-letters.js';
import { entriesOf } from './layout.js';
import { openMailFile } from './mail-file.js';
import { join, type Octets, pathBytes, printable } from './octets.js';
import { replaceFile } from './replace-file.js';
import { syncDirectory } from './write-file.js';

const LARGEST = 64 * 1024;
/** After a lock that stayed taken, nobody waits for it again this long. */
const GIVE_UP_MS = 10_000;

/** Why a keyword has no letter yet, for people. */
export const KEYWORDS_BUSY = 'another program holds the lock of the keywords';

export interface KeywordPlace {
  readonly mailbox: MailboxName;
  /** The mailbox directory. */
  readonly path: Octets;
  readonly seam: Seam;
  readonly clock: Clock;
}

/** The letters of one mailbox's keywords: those of its `dovecot-keywords` file, or none where that is switched off. */
export class MailboxKeywords {
  readonly #place: KeywordPlace | undefined;
  readonly #file: Octets;
  #known: { readonly stamp: string; readonly letters: KeywordLetters } | undefined;
  #gaveUpAt = Number.NEGATIVE_INFINITY;

  /** Without a place keywords are switched off. */
  constructor(place?: KeywordPlace) {
    this.#place = place;
    this.#file = join(place?.path ?? ('' as Octets), 'dovecot-keywords');
  }

  get areOn(): boolean {
    return this.#place !== undefined;
  }

  /** What must be equal for `letters` to be what they were. `times`: when it changed, nanoseconds since the epoch. */
  stamp(): { readonly text: string; readonly times: readonly bigint[] } {
    if (this.#place === undefined) return { text: 'off', times: [] };
    try {
      const stats = lstatSync(pathBytes(this.#file), { bigint: true, throwIfNoEntry: false });
      if (stats === undefined) return { text: 'none', times: [] };
      return { text: stampOf(stats), times: [stats.mtimeNs, stats.ctimeNs] };
    } catch (error) {
      throw this.#unreadable(this.#place, error);
    }
  }

  /** The letters now. Throws `mailbox-unreadable` where the file cannot be read: keywords are never taken for removed. */
  letters(): KeywordLetters {
    if (this.#place === undefined) return KeywordLetters.none;
    try {
      this.#read();
    } catch (error) {
      throw this.#unreadable(this.#place, error);
    }
    return this.#known?.letters ?? KeywordLetters.none;
  }

  /**
   * The letters, with one for each of these flags that is a keyword and fits. `busy` when the file's lock is taken and some
   * have none therefore.
   */
  async assign(flags: Flags): Promise<{ readonly letters: KeywordLetters; readonly busy: boolean }> {
    const letters = this.letters();
    const place = this.#place;
    const missing = flags.filter(flag => isKeyword(flag) && letters.lettersOf([flag]) === '');
    if (place === undefined || missing.length === 0) return { letters, busy: false };
    if (this.#isHopeless(letters, missing)) return { letters, busy: false };
    const { seam, clock, path } = place;
    if (clock.now() - this.#gaveUpAt < GIVE_UP_MS) return { letters, busy: true };
    const lock = { seam, clock, path: join(path, 'dovecot-uidlist.lock') };
    const written = await withDotLock(lock, async () => {
      const now = this.letters();
      const next = now.with(missing, this.#usedLetters());
      if (next === now) return;
      await replaceFile(seam, this.#file, Buffer.from(next.text, 'latin1'));
      await syncDirectory(seam, path);
    });
    if (written === undefined) this.#gaveUpAt = clock.now();
    return { letters: this.letters(), busy: written === undefined };
  }

  /** Spares the lock where nothing can be added anyway. */
  #isHopeless(letters: KeywordLetters, missing: Flags): boolean {
    return letters.with(missing, this.#usedLetters()) === letters;
  }

  #usedLetters(): Set<string> {
    const used = new Set<string>();
    const place = this.#place;
    if (place === undefined) return used;
    try {
      for (const part of ['new', 'cur']) {
        for (const name of entriesOf(join(place.path, part))) used.add(parseFileName(name).letters ?? '');
      }
    } catch (error) {
      throw this.#unreadable(place, error);
    }
    return used;
  }

  #read(): void {
    let fd: number;
    try {
      fd = openMailFile(this.#file);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      this.#known = undefined;
      return;
    }
    try {
      const stats = fstatSync(fd, { bigint: true });
      const stamp = stampOf(stats);
      if (this.#known?.stamp === stamp) return;
      if (!stats.isFile() || stats.size > BigInt(LARGEST)) {
        throw new PosternError('mailbox-unreadable', `${printable(this.#file)} is no list of keywords`);
      }
      const bytes = Buffer.alloc(Number(stats.size));
      const text = bytes.toString('latin1', 0, readSync(fd, bytes));
      this.#known = { stamp, letters: new KeywordLetters(text) };
    } finally {
      closeSync(fd);
    }
  }

  #unreadable({ mailbox }: KeywordPlace, error: unknown): PosternError {
    if (error instanceof PosternError) return error;
    return new PosternError(
      'mailbox-unreadable',
      `the keywords of ${mailbox} cannot be read: ${reasonOf(error)}`,
      { cause: error },
    );
  }
}

function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}.${ino}.${size}.${mtimeNs}.${ctimeNs}`;
}
