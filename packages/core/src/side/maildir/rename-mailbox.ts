import { readFileSync } from 'node:fs';
import type { Seam } from '../../model/effect.js';
import { errnoOf, PosternError } from '../../model/error.js';
import { type MailboxName, toMailboxName } from '../../model/mailbox.js';
import { entriesOf, isDirectory, MAIL_PARTS } from './layout.js';
import { isOfMailbox } from './mailbox-files.js';
import { LEVEL, RENAMING, WITNESS } from './mailbox-tree.js';
import { above, makeDirectories, removeDirectory } from './make-directory.js';
import { join, type Octets, pathBytes, printable } from './octets.js';
import { exists, placeFile, renameFile, unlinkFile } from './place-file.js';
import { replaceFile } from './replace-file.js';
import { syncDirectory } from './write-file.js';

export interface MailboxRenaming {
  readonly seam: Seam;
  readonly from: { readonly mailbox: MailboxName; readonly path: Octets };
  readonly to: { readonly mailbox: MailboxName; readonly path: Octets };
}

/**
 * Gives a mailbox directory its new place. Where other mailboxes lie inside it, or the new place is a level that is there
 * already, its parts go one by one: a mark stands in both directories until all are there, and while it does, neither is a
 * mailbox that can be read. Called again, it goes on where a crash stopped it.
 */
export async function renameDirectory(renaming: MailboxRenaming): Promise<void> {
  const { seam, from, to } = renaming;
  if (!isBegun(renaming) && canMoveWhole(renaming)) {
    const made = makeDirectories(seam, above(to.path));
    for (const directory of made) await syncDirectory(seam, directory);
    renameFile({ seam, from: from.path, to: to.path });
    for (const directory of new Set([above(to.path), above(from.path)])) await syncDirectory(seam, directory);
    return;
  }
  await moveParts(renaming);
}

/** The names a mark in a mailbox directory tells, where it is one of ours and whole. */
export function markedNames(directory: Octets): { from: MailboxName; to: MailboxName } | undefined {
  const mark = readMark(directory);
  if (mark === undefined) return undefined;
  try {
    const { from, to } = JSON.parse(mark) as { from?: unknown; to?: unknown };
    const names = { from: toMailboxName(String(from)), to: toMailboxName(String(to)) };
    if (names.from === undefined || names.to === undefined) return undefined;
    return markOf(names.from, names.to) === mark ? { from: names.from, to: names.to } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether an earlier call for these two began to move the parts. */
export function isBegun({ from, to }: Pick<MailboxRenaming, 'from' | 'to'>): boolean {
  return [from, to].some(({ path }) => readMark(path) === markOf(from.mailbox, to.mailbox));
}

function canMoveWhole({ from, to }: MailboxRenaming): boolean {
  if (exists(to.path) || to.path.startsWith(`${from.path}/`)) return false;
  return !entriesOf(from.path).some(name => !isPart(name) && isDirectory(join(from.path, name)));
}

async function moveParts(renaming: MailboxRenaming): Promise<void> {
  const { seam, from, to } = renaming;
  const mark = markOf(from.mailbox, to.mailbox);
  // The mark goes from the source first: what lies there afterwards is another mailbox.
  const isFinishing = readMark(from.path) !== mark && readMark(to.path) === mark;
  if (!isFinishing) {
    await writeMark(seam, from.path, mark);
    for (const directory of makeDirectories(seam, to.path)) await syncDirectory(seam, directory);
    await writeMark(seam, to.path, mark);
    const stays = (name: Octets) => isPart(name) || name.startsWith(RENAMING) || name === LEVEL;
    const files = entriesOf(from.path).filter(name => !stays(name));
    const isWitness = (name: Octets) => name.startsWith(WITNESS);
    moveFiles(renaming, files.filter(isWitness));
    movePart(renaming, 'new');
    moveFiles(
      renaming,
      files.filter(name => !isWitness(name)),
    );
    for (const part of ['cur', 'tmp'] as const) movePart(renaming, part);
    for (const { path } of [to, from]) await syncDirectory(seam, path);
    unlinkFile(seam, join(from.path, RENAMING));
    await syncDirectory(seam, from.path);
    const left = entriesOf(from.path);
    if (left.length === 1 && left[0] === LEVEL) unlinkFile(seam, join(from.path, LEVEL));
    if (removeDirectory(seam, from.path)) await syncDirectory(seam, above(from.path));
  }
  unlinkFile(seam, join(to.path, RENAMING));
  await syncDirectory(seam, to.path);
}

/** What lies beside the mail belongs to the mailbox; a stranger's file never replaces another. */
function moveFiles({ seam, from, to }: MailboxRenaming, names: readonly Octets[]): void {
  for (const name of names) {
    const path = join(from.path, name);
    const target = join(to.path, name);
    if (isDirectory(path) || (exists(target) && !isOfMailbox(name))) continue;
    renameFile({ seam, from: path, to: target });
  }
}

/** Where another program made the directory anew in between, the files in it go one by one. */
function movePart({ seam, from, to }: MailboxRenaming, part: 'new' | 'cur' | 'tmp'): void {
  const source = join(from.path, part);
  const target = join(to.path, part);
  if (!exists(source)) return;
  if (!exists(target)) {
    renameFile({ seam, from: source, to: target });
    return;
  }
  for (const name of entriesOf(source)) {
    if (exists(join(target, name))) {
      throw new PosternError(
        'server-refused',
        `the mailbox ${from.mailbox} cannot be renamed: both ${printable(source)} and ${printable(target)} have ${printable(name)}`,
        { hint: 'move one of the two files away, then go on' },
      );
    }
    if (placeFile({ seam, from: join(source, name), to: join(target, name) }) === 'linked') {
      unlinkFile(seam, join(source, name));
    }
  }
  removeDirectory(seam, source);
}

function isPart(name: Octets): boolean {
  return (MAIL_PARTS as readonly string[]).includes(name);
}

function markOf(from: MailboxName, to: MailboxName): string {
  return `${JSON.stringify({ version: 1, from, to })}\n`;
}

function readMark(directory: Octets): string | undefined {
  try {
    return readFileSync(pathBytes(join(directory, RENAMING)), 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

async function writeMark(seam: Seam, directory: Octets, mark: string): Promise<void> {
  if (readMark(directory) === mark) return;
  await replaceFile(seam, join(directory, RENAMING), Buffer.from(mark));
  await syncDirectory(seam, directory);
}
