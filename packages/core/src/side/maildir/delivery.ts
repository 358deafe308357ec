import { closeSync } from 'node:fs';
import type { Clock } from '../../model/clock.js';
import type { Seam } from '../../model/effect.js';
import { bug, PosternError } from '../../model/error.js';
import type { Flags } from '../../model/flags.js';
import { type MessageKey, NO_EPOCH } from '../../model/row.js';
import {
  type DeliveryBatch,
  type DeliveryOutcome,
  type Letter,
  LetterNotKept,
  type Slot,
  type StagedLetter,
} from '../side.js';
import { isSystemError, mailboxUnwritable, reasonOf } from './file-errors.js';
import { baseOf, keyOf, parseFileName } from './file-name.js';
import { isKeyword, KeywordLetters } from './keyword-letters.js';
import { LetterFile, type Written } from './letter-file.js';
import { openMailFile } from './mail-file.js';
import { join, type Octets, printable } from './octets.js';
import { placeFile, unlinkFile } from './place-file.js';
import { wireChunks } from './reading.js';
import type { MailDirectories } from './scan-pass.js';
import { LARGEST_IN_PARCEL, Scribe } from './scribe.js';
import type { UniqueNames } from './unique-names.js';
import type { Volume } from './volume.js';
import { syncDirectory, syncFile } from './write-file.js';

/** Files that are being made durable at the same time. */
const MOST_SYNCING = 32;
/** From so many files on they are made durable together. */
const MANY = 64;
/** The latest date a file can have everywhere: the end of the year 9999. */
const LAST_DATE = 253_402_300_799_000;

export interface DeliveryPlace {
  readonly directories: MailDirectories;
  readonly seam: Seam;
  readonly clock: Clock;
  readonly names: UniqueNames;
  readonly volume: Volume;
}

interface Staged {
  readonly slot: Slot;
  readonly temporary: Octets;
  readonly target: { readonly directory: 'new' | 'cur'; readonly name: Octets };
  readonly key: MessageKey;
  readonly flags: Flags;
  /** Settles when the octets are in the file. */
  readonly written: Written | Promise<Written>;
  /** Settles when the bytes are durable, with the error where they are not; never rejects. Not there where all are synced together. */
  readonly synced?: Promise<unknown>;
}

/**
 * Written to tmp, synced, linked under a name chosen beforehand, then each directory is synced once (SAFETY §3.2). A large batch is
 * synced at once, where the volume can.
 */
export class MaildirDelivery implements DeliveryBatch {
  readonly epoch = NO_EPOCH;
  readonly #place: DeliveryPlace;
  readonly #staged = new Map<Slot, Staged>();
  #syncing: Promise<unknown>[] = [];
  #together = false;
  #scribe: Scribe | undefined;

  constructor(place: DeliveryPlace) {
    this.#place = place;
  }

  async prepare(count: number): Promise<readonly Slot[]> {
    const { volume, directories } = this.#place;
    this.#together = count >= MANY && (await volume.canSync(directories.tmp));
    if (this.#together) this.#scribe = await Scribe.begin(this.#place.seam, directories.mailbox);
    return Array.from({ length: count }, () => ({ key: keyOf(this.#place.names.next()) }));
  }

  async stage(slot: Slot, letter: Letter): Promise<void> {
    const base = (slot.key === undefined ? undefined : baseOf(slot.key)) ?? bug('a slot without a file name');
    const temporary = join(this.#place.directories.tmp, base);
    const letters = await this.#lettersFor(letter.flags);
    const info = letters.lettersOf(letter.flags);
    const name = info === '' ? base : (`${base}:2,${info}` as Octets);
    this.#staged.set(slot, {
      slot,
      temporary,
      target: { directory: info === '' ? 'new' : 'cur', name },
      key: keyOf(base),
      flags: letters.flagsOf(parseFileName(name)),
      ...((await this.#handOver(temporary, letter)) ?? (await this.#writeFile(temporary, letter))),
    });
  }

  async inspect(): Promise<ReadonlyMap<Slot, StagedLetter | LetterNotKept>> {
    this.#scribe?.flush();
    const found = new Map<Slot, StagedLetter | LetterNotKept>();
    for (const { slot, written } of [...this.#staged.values()]) {
      try {
        const { facts } = await written;
        found.set(slot, facts);
      } catch (error) {
        const said = this.#notKept(error);
        if (!(said instanceof LetterNotKept)) throw said;
        this.#staged.delete(slot);
        found.set(slot, said);
      }
    }
    return found;
  }

  /** Undefined for a letter that the scribe does not take. */
  async #handOver(path: Octets, { chunks, date }: Letter): Promise<Pick<Staged, 'written'> | undefined> {
    if (this.#scribe === undefined || !Array.isArray(chunks) || chunks.length !== 1) return undefined;
    const bytes: Uint8Array = chunks[0];
    if (bytes.length > LARGEST_IN_PARCEL) return undefined;
    await this.#scribe.makeRoom(bytes.length);
    return { written: this.#scribe.write({ path, time: timeOf(date, this.#place.clock) }, bytes) };
  }

  async #writeFile(
    path: Octets,
    letter: Pick<Letter, 'chunks' | 'date'>,
  ): Promise<Pick<Staged, 'written' | 'synced'>> {
    if (this.#syncing.length >= MOST_SYNCING) await this.#trust(this.#syncing.shift()!);
    let file: LetterFile;
    try {
      file = new LetterFile(this.#place.seam, path);
    } catch (error) {
      throw this.#notKept(error);
    }
    let handedOver = false;
    try {
      for await (const chunk of letter.chunks) file.take(chunk);
      const written = file.finish(timeOf(letter.date, this.#place.clock));
      if (this.#together) return { written };
      handedOver = true;
      return { written, synced: this.#sync(file.fd, path) };
    } catch (error) {
      this.#discardFile(path);
      throw this.#notKept(error);
    } finally {
      if (!handedOver) file.close();
    }
  }

  /** Most messages have no keyword: no file is looked at for them. */
  async #lettersFor(flags: Flags): Promise<KeywordLetters> {
    if (!flags.some(isKeyword)) return KeywordLetters.none;
    const { keywords } = this.#place.directories;
    return (await this.#inPortWords(() => keywords.assign(flags))).letters;
  }

  async discard(slot: Slot): Promise<void> {
    const staged = this.#staged.get(slot);
    if (staged === undefined) return;
    this.#staged.delete(slot);
    this.#scribe?.flush();
    const [written] = await Promise.allSettled([staged.written, staged.synced]);
    // What could not be written is gone already, and the name may be somebody else's.
    const isUnwritten = written.status === 'rejected' && isSystemError(written.reason);
    if (!isUnwritten) this.#discardFile(staged.temporary);
  }

  async publish(): Promise<readonly DeliveryOutcome[]> {
    await this.#demandDurable();
    const outcomes: DeliveryOutcome[] = [];
    for (const staged of this.#staged.values()) outcomes.push(this.#link(staged, await staged.written));
    const unsynced = await this.#syncDirectories();
    const staged = [...this.#staged.values()];
    this.#staged.clear();
    if (unsynced === undefined) {
      for (const { temporary } of staged) this.#discardFile(temporary);
      return outcomes;
    }
    // The names in tmp stay for `sweep`: they may be the ones that outlive a power cut.
    return outcomes.map(outcome =>
      outcome.kind === 'done' ? { slot: outcome.slot, kind: 'unknown', reason: unsynced } : outcome,
    );
  }

  async abandon(): Promise<void> {
    for (const slot of [...this.#staged.keys()]) await this.discard(slot);
  }

  #sync(fd: number, path: Octets): Promise<unknown> {
    const synced = syncFile(this.#place.seam, fd, path)
      .finally(() => closeSync(fd))
      .then(
        () => undefined,
        (error: unknown) => error,
      );
    this.#syncing.push(synced);
    return synced;
  }

  async #demandDurable(): Promise<void> {
    this.#scribe?.flush();
    for (const { written } of this.#staged.values()) await written;
    const { seam, volume, directories } = this.#place;
    if (this.#together && !(await volume.sync(seam, directories.tmp))) await this.#writeAgain();
    for (const { synced } of this.#staged.values()) if (synced !== undefined) await this.#trust(synced);
  }

  /**
   * Where it is not certain that all is durable, what memory still has is written once more, and each file synced: an fsync alone may not
   * hear of a write that failed before.
   */
  async #writeAgain(): Promise<void> {
    this.#together = false;
    for (const staged of [...this.#staged.values()]) {
      const { facts, date } = await staged.written;
      try {
        const again = await this.#copied(staged.temporary, date);
        this.#staged.set(staged.slot, { ...staged, ...again });
        const { identity } = (await again.written).facts;
        if (identity.content !== facts.identity.content) throw this.#lostInWriting();
      } catch (error) {
        await this.#trust(Promise.resolve(error));
      }
    }
  }

  /** Another file of the same name, with the same octets. */
  async #copied(path: Octets, date: number): Promise<Pick<Staged, 'written' | 'synced'>> {
    const fd = openMailFile(path);
    try {
      unlinkFile(this.#place.seam, path);
      return await this.#writeFile(path, { chunks: wireChunks(fd, path), date });
    } finally {
      closeSync(fd);
    }
  }

  #lostInWriting(): PosternError {
    const { mailbox, path } = this.#place.directories;
    const what = `what was written into the mailbox ${mailbox} (${printable(path)}) is not there`;
    return new PosternError('failed', `${what}: the disk may be failing`, { mailbox });
  }

  /** A file whose fsync failed is not trusted: nothing of the batch is published (a second fsync may lie). */
  async #trust(synced: Promise<unknown>): Promise<void> {
    const error = await synced;
    if (error === undefined) return;
    await this.abandon();
    throw this.#failed(error);
  }

  #link({ slot, temporary, target, key, flags }: Staged, written: Written): DeliveryOutcome {
    const { facts, date, stamp } = written;
    if (facts.identity.size === 0) {
      return { slot, kind: 'refused', reason: 'an empty message looks like a file that a crash left empty' };
    }
    const { directories, seam } = this.#place;
    try {
      placeFile({ seam, from: temporary, to: join(directories[target.directory], target.name) });
      return { slot, kind: 'done', row: { key, flags, date, ...facts, stamp } };
    } catch (error) {
      return { slot, kind: 'refused', reason: `the file could not be linked: ${reasonOf(error)}` };
    }
  }

  /** Why a directory could not be synced, or undefined. */
  async #syncDirectories(): Promise<string | undefined> {
    const { directories, seam } = this.#place;
    const used = new Set([...this.#staged.values()].map(({ target }) => target.directory));
    try {
      for (const directory of used) await syncDirectory(seam, directories[directory]);
      return undefined;
    } catch (error) {
      return `the directory could not be synced: ${reasonOf(error)}`;
    }
  }

  #discardFile(temporary: Octets): void {
    try {
      unlinkFile(this.#place.seam, temporary);
    } catch (error) {
      // It was moved into place, or stays for `sweep`.
      reasonOf(error);
    }
  }

  async #inPortWords<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** What is wrong with one letter; the others may be smaller, or meet another part of the disk. */
  #notKept(error: unknown): unknown {
    const said = this.#failed(error);
    if (said === error || !(said instanceof PosternError)) return said;
    const { mailbox } = this.#place.directories;
    return new LetterNotKept(said.code, said.message, { cause: error, mailbox });
  }

  #failed(error: unknown): unknown {
    const { mailbox, path } = this.#place.directories;
    return mailboxUnwritable(error, mailbox, path);
  }
}

/** Of a file, in seconds: a date no file can have becomes the nearest one, no date at all becomes now. */
function timeOf(date: number, clock: Clock): number {
  const wanted = Number.isFinite(date) ? date : clock.now();
  return Math.min(Math.max(wanted, 0), LAST_DATE) / 1000;
}
