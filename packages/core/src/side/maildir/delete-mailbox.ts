import { closeSync, lstatSync } from 'node:fs';
import type { Seam } from '../../model/effect.js';
import { errnoOf, PosternError } from '../../model/error.js';
import type { MailboxName } from '../../model/mailbox.js';
import { reasonOf } from './file-errors.js';
import { entriesOf, isDirectory, MAIL_PARTS, type MaildirLayout } from './layout.js';
import { isOfMailbox } from './mailbox-files.js';
import { UNFINISHED, WITNESS } from './mailbox-tree.js';
import { above, makeDirectory, removeDirectory } from './make-directory.js';
import { join, type Octets, pathBytes, printable } from './octets.js';
import { exists, unlinkFile } from './place-file.js';
import { isUniqueName } from './unique-names.js';
import { createFile, syncDirectory } from './write-file.js';

export interface MailboxRemoval {
  readonly seam: Seam;
  readonly mailbox: MailboxName;
  readonly path: Octets;
  readonly layout: MaildirLayout;
}

/**
 * Removes an empty mailbox, or what an earlier call left of one. Anything in it that is not known to be worthless is a
 * reason to refuse (`server-refused`); the directory stays where other mailboxes lie inside it. The mark of a mailbox that
 * is being made stands in it meanwhile, so that a crash leaves a mailbox that is not there.
 */
export async function removeMailbox(removal: MailboxRemoval): Promise<void> {
  const { seam, path } = removal;
  const { leftovers, files } = survey(removal);
  const mark = join(path, UNFINISHED);
  if (!exists(mark)) closeSync(createFile(seam, mark));
  for (const name of files.filter(isWitness)) unlinkFile(seam, join(path, name));
  await syncDirectory(seam, path);
  for (const name of leftovers) unlinkFile(seam, join(join(path, 'tmp'), name));
  removeParts(removal);
  for (const name of files.filter(name => !isWitness(name) && name !== UNFINISHED)) {
    unlinkFile(seam, join(path, name));
  }
  await syncDirectory(seam, path);
  unlinkFile(seam, mark);
  const gone = removeDirectory(seam, path);
  await syncDirectory(seam, gone ? above(path) : path);
}

const isWitness = (name: Octets) => name.startsWith(WITNESS);

interface Survey {
  /** Of our own deliveries, in tmp. */
  readonly leftovers: readonly Octets[];
  /** Beside cur, new and tmp. */
  readonly files: readonly Octets[];
}

/** What there is to remove. Throws where that is more than an empty mailbox. */
function survey(removal: MailboxRemoval): Survey {
  const { path, layout } = removal;
  try {
    for (const part of ['new', 'cur']) {
      const [first] = partEntries(removal, part);
      if (first !== undefined) throw refused(removal, `${part} holds "${printable(first)}"`);
    }
    const leftovers = partEntries(removal, 'tmp');
    const strange = leftovers.find(name => !isUniqueName(name) || !isFile(join(join(path, 'tmp'), name)));
    if (strange !== undefined) throw refused(removal, `tmp holds "${printable(strange)}"`);
    const files: Octets[] = [];
    for (const name of entriesOf(path)) {
      if ((MAIL_PARTS as readonly string[]).includes(name)) continue;
      const entry = join(path, name);
      if (isFile(entry) && isOfMailbox(name)) files.push(name);
      else if (layout === 'maildir++' || !isDirectory(entry)) {
        throw refused(removal, `its directory holds "${printable(name)}"`);
      }
    }
    return { leftovers, files };
  } catch (error) {
    throw error instanceof PosternError ? error : refused(removal, reasonOf(error), error);
  }
}

/** A part that is missing holds nothing. */
function partEntries(removal: MailboxRemoval, part: string): Octets[] {
  const path = join(removal.path, part);
  if (!exists(path)) return [];
  if (!isDirectory(path)) throw refused(removal, `${part} is no directory`);
  return entriesOf(path);
}

/** A directory that is not empty any more cannot be removed: the others are made again, and nothing was lost. */
function removeParts(removal: MailboxRemoval): void {
  const { seam, path } = removal;
  const removed: Octets[] = [];
  for (const part of ['tmp', 'new', 'cur']) {
    const directory = join(path, part);
    if (removeDirectory(seam, directory)) {
      removed.push(directory);
      continue;
    }
    for (const other of removed) makeDirectory(seam, other);
    unlinkFile(seam, join(path, UNFINISHED));
    throw refused(removal, `something arrived in ${part} meanwhile`);
  }
}

function isFile(path: Octets): boolean {
  return lstatSync(pathBytes(path), { throwIfNoEntry: false })?.isFile() === true;
}

function refused({ mailbox }: MailboxRemoval, reason: string, cause?: unknown): PosternError {
  const details = errnoOf(cause) === undefined ? {} : { cause };
  return new PosternError('server-refused', `the mailbox ${mailbox} cannot be deleted: ${reason}`, details);
}
