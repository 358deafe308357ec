import { closeSync, fstatSync, readSync } from 'node:fs';
import type { SideName } from '../../model/by-side.js';
import type { Seam } from '../../model/effect.js';
import { errnoOf } from '../../model/error.js';
import { toMailboxName } from '../../model/mailbox.js';
import type { Witness } from '../side.js';
import { writeError } from './file-errors.js';
import { openMailFile } from './mail-file.js';
import { UNFINISHED, WITNESS } from './mailbox-tree.js';
import { join, type Octets, octetsOfText, printable } from './octets.js';
import { exists, unlinkFile } from './place-file.js';
import { replaceFile } from './replace-file.js';
import { syncDirectory } from './write-file.js';

const VERSION = 1;
const LONGEST = 8192;

/** The file a repository keeps its witness in. A remote Maildir may serve several repositories, a local one has one. */
export function witnessName(position: SideName, repository: string): Octets {
  if (position === 'local') return octetsOfText(WITNESS);
  return octetsOfText(`${WITNESS}-${repository.replace(/[^A-Za-z0-9]/g, '').slice(0, 12)}`);
}

/** Undefined for a witness that is missing, garbage or of another version. */
export function readWitnessFile(path: Octets): Witness | undefined {
  const text = readSmallFile(path);
  return text === undefined ? undefined : parse(text);
}

/** The witness is the old or the new one at any moment, power cut or not; the new one for good when this returns, unless that does not matter. */
export async function writeWitnessFile(
  seam: Seam,
  { directory, name }: { readonly directory: Octets; readonly name: Octets },
  { witness, durable }: { readonly witness: Witness; readonly durable: boolean },
): Promise<void> {
  try {
    const bytes = Buffer.from(`${JSON.stringify({ version: VERSION, ...witness })}\n`);
    await replaceFile(seam, join(directory, name), bytes);
    const unfinished = join(directory, UNFINISHED);
    if (exists(unfinished)) unlinkFile(seam, unfinished);
    if (durable) await syncDirectory(seam, directory);
  } catch (error) {
    const { mailbox } = witness;
    const what = `the witness of ${mailbox} (${printable(directory)}) cannot be written`;
    throw writeError(error, what, { mailbox });
  }
}

function readSmallFile(path: Octets): string | undefined {
  try {
    const fd = openMailFile(path);
    try {
      if (!fstatSync(fd).isFile()) return undefined;
      const bytes = Buffer.alloc(LONGEST);
      return bytes.toString('utf8', 0, readSync(fd, bytes));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

function parse(text: string): Witness | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { version, repository, mailbox, generation, pending } = value as Record<string, unknown>;
  if (version !== VERSION || typeof repository !== 'string' || typeof mailbox !== 'string') return undefined;
  if (!isGeneration(generation) || !(pending === undefined || isGeneration(pending))) return undefined;
  const name = toMailboxName(mailbox);
  if (name === undefined) return undefined;
  return { repository, mailbox: name, generation, ...(pending === undefined ? {} : { pending }) };
}

function isGeneration(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
