import { closeSync, fstatSync, readSync } from 'node:fs';
import type { Clock } from '../../model/clock.js';
import { errnoOf, PosternError } from '../../model/error.js';
import { WireEncoder } from '../../model/line-ends.js';
import type { Row } from '../../model/row.js';
import type { Letter } from '../side.js';
import { Census } from './census.js';
import { reasonOf } from './file-errors.js';
import { baseOf, parseFileName } from './file-name.js';
import type { KeywordLetters } from './keyword-letters.js';
import { fileDate, fileFault, openMailFile } from './mail-file.js';
import { join, type Octets, printable } from './octets.js';
import type { MailDirectories, Spot } from './scan-pass.js';

const CHUNK = 256 * 1024;

/** Hands the messages of these rows to `take`, one after the other; passes over what is gone or cannot be read. */
export async function readFiles(
  { directories, clock }: { readonly directories: MailDirectories; readonly clock: Clock },
  rows: readonly Row[],
  take: (letter: Letter) => Promise<void>,
): Promise<void> {
  let census: Census | undefined;
  const letters = directories.keywords.letters();
  const place = { directories, letters };
  const wanted = rows.map(({ key }) => baseOf(key)).filter(base => base !== undefined);
  for (const row of rows) {
    const base = baseOf(row.key);
    if (base === undefined) continue;
    if ((await readAt({ ...place, spot: likelySpot(base, row, letters) }, row, take)) === 'settled') continue;
    census ??= await Census.take({ directories, clock, wanted, stableNeeded: 1 });
    await census.settle([base], async (_base, found) =>
      found.kind === 'file' ? readAt({ ...place, spot: found.spots[0]! }, row, take) : 'settled',
    );
  }
}

/** Where the file is unless it was renamed since the row was made. */
export function likelySpot(base: Octets, { flags }: Row, letters: KeywordLetters): Spot {
  const info = letters.lettersOf(flags);
  if (info === '') return { directory: 'new', name: base };
  return { directory: 'cur', name: `${base}:2,${info}` as Octets };
}

interface ReadingPlace {
  readonly directories: MailDirectories;
  readonly letters: KeywordLetters;
  readonly spot: Spot;
}

async function readAt(
  { directories, letters, spot }: ReadingPlace,
  { key }: Row,
  take: (letter: Letter) => Promise<void>,
): Promise<'settled' | 'vanished'> {
  const path = join(directories[spot.directory], spot.name);
  let fd: number;
  try {
    fd = openMailFile(path);
  } catch (error) {
    reasonOf(error);
    return errnoOf(error) === 'ENOENT' ? 'vanished' : 'settled';
  }
  try {
    const stats = fstatSync(fd, { bigint: true });
    if (fileFault(stats) !== undefined) return 'settled';
    const size = Number(stats.size);
    const chunks = size <= CHUNK ? wholeFile(fd, size) : wireChunks(fd, path);
    if (chunks === undefined) return 'settled';
    await take({ key, flags: letters.flagsOf(parseFileName(spot.name)), date: fileDate(stats), chunks });
    return 'settled';
  } finally {
    closeSync(fd);
  }
}

/** A small file in one chunk; undefined where it cannot be read, or not all of it. */
function wholeFile(fd: number, size: number): Iterable<Uint8Array> | undefined {
  const bytes = Buffer.allocUnsafe(size);
  try {
    if (readSync(fd, bytes) !== size) return undefined;
  } catch (error) {
    reasonOf(error);
    return undefined;
  }
  return [new WireEncoder().encode(bytes)];
}

/** What is left of an open file, in wire form. */
export function* wireChunks(fd: number, path: Octets): Iterable<Uint8Array> {
  const encoder = new WireEncoder();
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK);
    let read: number;
    try {
      read = readSync(fd, chunk);
    } catch (error) {
      throw new PosternError('mailbox-unreadable', `${printable(path)} cannot be read: ${reasonOf(error)}`);
    }
    if (read === 0) return;
    yield encoder.encode(chunk.subarray(0, read));
  }
}
