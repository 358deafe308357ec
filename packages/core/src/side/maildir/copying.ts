import { chmodSync, closeSync, constants, lstatSync, openSync, utimesSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { bug, errnoOf } from '../../model/error.js';
import type { Row } from '../../model/row.js';
import type { CopyOutcome } from '../side.js';
import { type ExpectedFile, eachExpected } from './expected-files.js';
import { meansNoLinks, reasonOf } from './file-errors.js';
import { baseOf } from './file-name.js';
import { fileDate, fileStamp, findFile, sameFile } from './mail-file.js';
import { makeDirectory } from './make-directory.js';
import { join, type Octets, pathBytes, printable } from './octets.js';
import { linkFile, placeFile, unlinkFile } from './place-file.js';
import { type Relocating, rowAt, spotFor, syncTouched, type TargetSpot } from './relocation.js';
import { directoryStamps, type Spot } from './scan-pass.js';
import { syncFile } from './write-file.js';

/** `files`: a copy has bytes of its own (shared by the disk where it can). `links`: a second name for the same file. */
export type CopyKind = 'files' | 'links';

/** Files that are being made durable at the same time. */
const MOST_SYNCING = 32;

interface Copy {
  readonly file: ExpectedFile;
  readonly spot: TargetSpot;
  /** The copy in tmp; undefined where the spot is a second name of the file already. */
  readonly temporary: Octets | undefined;
  failure?: unknown;
}

/** Copies messages under new names: written to tmp, synced, linked, then each directory is synced once. */
export class MaildirCopy {
  readonly #place: Relocating;
  readonly #kind: CopyKind;
  readonly #touched = new Set<Spot['directory']>();

  constructor(place: Relocating, kind: CopyKind) {
    this.#place = place;
    this.#kind = kind;
  }

  async copy(rows: readonly Row[]): Promise<readonly CopyOutcome[]> {
    const { from, to, seam, clock } = this.#place;
    directoryStamps(to);
    makeDirectory(seam, to.tmp);
    const steps: (Copy | CopyOutcome)[] = [];
    const elsewhere: number[] = [];
    for (const [index, row] of rows.entries()) {
      const file = this.#atItsPlace(row);
      const step = file === undefined ? undefined : await this.#begin(file);
      if (step === undefined) elsewhere.push(index);
      else steps[index] = step;
    }
    const sought = elsewhere.map(index => rows[index] ?? bug('a row that is not there'));
    const found =
      sought.length === 0
        ? []
        : await eachExpected<Copy | CopyOutcome>({ directories: from, clock }, sought, file =>
            this.#begin(file),
          );
    for (const [at, step] of found.entries()) steps[elsewhere[at]!] = step;
    const copies = steps.filter(step => 'file' in step);
    for (let start = 0; start < copies.length; start += MOST_SYNCING) {
      await Promise.all(copies.slice(start, start + MOST_SYNCING).map(copy => this.#sync(copy)));
    }
    const outcomes = steps.map(step => ('file' in step ? this.#publish(step) : step));
    await syncTouched(seam, to, this.#touched);
    for (const { temporary } of copies) this.#discard(temporary);
    return outcomes;
  }

  /** The file under the name its flags give it, if it is untouched: a large mailbox is not listed for a few copies. */
  #atItsPlace({ key, flags, stamp, identity, envelope }: Row): ExpectedFile | undefined {
    const { from } = this.#place;
    const base = baseOf(key);
    if (base === undefined || stamp === undefined) return undefined;
    const named = `${base}:2,${from.keywords.letters().lettersOf(flags)}` as Octets;
    const spots: Spot[] = [{ directory: 'cur', name: named }];
    if (flags.length === 0) spots.push({ directory: 'new', name: base });
    const found = findFile(from, spots);
    return found.kind === 'file' && fileStamp(found.stats) === stamp
      ? { ...found, facts: { identity, envelope } }
      : undefined;
  }

  /** Undefined when the file is not there any more under the name it was seen with. */
  async #begin(file: ExpectedFile): Promise<Copy | CopyOutcome | undefined> {
    const { to, seam, names } = this.#place;
    const base = names.next();
    const spot = await spotFor(this.#place, file, base);
    if ('kind' in spot) return spot;
    const temporary = join(to.tmp, base);
    try {
      if (this.#kind === 'links' && this.#link(file, spot)) return { file, spot, temporary: undefined };
      await seam.run({ surface: 'fs', name: 'copy', target: printable(temporary) }, () =>
        copyFile(
          pathBytes(file.path),
          pathBytes(temporary),
          constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE,
        ),
      );
      chmodSync(pathBytes(temporary), 0o600);
      const seconds = secondsOf(file.stats.mtimeNs);
      utimesSync(pathBytes(temporary), seconds, seconds);
      const now = lstatSync(pathBytes(file.path), { bigint: true });
      if (sameFile(now, file.stats) && fileStamp(now) === fileStamp(file.stats)) {
        return { file, spot, temporary };
      }
      this.#discard(temporary);
      return { kind: 'changed', reason: 'it was replaced meanwhile' };
    } catch (error) {
      const reason = reasonOf(error);
      this.#discard(temporary);
      return errnoOf(error) === 'ENOENT' ? undefined : { kind: 'refused', reason };
    }
  }

  /** False where the file system has no hard links. */
  #link(file: ExpectedFile, { directory, name }: Spot): boolean {
    const { to, seam } = this.#place;
    try {
      linkFile({ seam, from: file.path, to: join(to[directory], name) });
      this.#touched.add(directory);
      return true;
    } catch (error) {
      if (!meansNoLinks(error)) throw error;
      return false;
    }
  }

  async #sync(copy: Copy): Promise<void> {
    if (copy.temporary === undefined) return;
    let fd: number | undefined;
    try {
      fd = openSync(pathBytes(copy.temporary), constants.O_RDWR | constants.O_NOFOLLOW);
      await syncFile(this.#place.seam, fd, copy.temporary);
    } catch (error) {
      copy.failure = error;
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  #publish({ file, spot, temporary, failure }: Copy): CopyOutcome {
    const { to, seam } = this.#place;
    const path = join(to[spot.directory], spot.name);
    try {
      if (failure !== undefined) throw failure;
      if (temporary !== undefined) placeFile({ seam, from: temporary, to: path });
      this.#touched.add(spot.directory);
      return { kind: 'done', row: rowAt(spot, file, lstatSync(pathBytes(path), { bigint: true })) };
    } catch (error) {
      return { kind: 'refused', reason: `the copy could not be made: ${reasonOf(error)}` };
    }
  }

  #discard(temporary: Octets | undefined): void {
    if (temporary === undefined) return;
    try {
      unlinkFile(this.#place.seam, temporary);
    } catch (error) {
      // It was moved into place, or never made.
      reasonOf(error);
    }
  }
}

/** A time in seconds that comes back as the very same milliseconds; the file system takes a double. */
function secondsOf(mtimeNs: bigint): number {
  const milliseconds = fileDate({ mtimeNs });
  return milliseconds % 1000 === 0 && mtimeNs % 1_000_000n === 0n
    ? milliseconds / 1000
    : (milliseconds + 0.5) / 1000;
}
