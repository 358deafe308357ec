import { lstatSync, readdirSync } from 'node:fs';
import { errnoOf } from '../../model/error.js';
import { join, type Octets, octetsOfText, pathBytes } from './octets.js';

/**
 * How mailboxes lie in a Maildir. `maildir++`: INBOX is the root itself, others are `.Name.Sub`. `fs`: `INBOX/`,
 * `Name/Sub/`.
 */
export type MaildirLayout = 'maildir++' | 'fs';

/** The directories of a mailbox that hold its messages, and those on their way. */
export const MAIL_PARTS = ['new', 'cur', 'tmp'] as const;

/** The entries of a directory, dot files included. Throws the system's error. */
export function entriesOf(directory: Octets): Octets[] {
  return readdirSync(pathBytes(directory), { encoding: 'latin1' }) as Octets[];
}

/** Whether a name is a directory itself: a symbolic link to one is not. */
export function isDirectory(path: Octets): boolean {
  return lstatSync(pathBytes(path), { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Whether directory entries are those of a mailbox, a broken one included. */
export function isMailbox(entries: ReadonlySet<string>): boolean {
  return entries.has('cur') || entries.has('new') || entries.has('tmp');
}

/**
 * The layout of an existing Maildir; undefined where there is none yet. A root that is a mailbox itself, or holds
 * mailboxes in dot directories, is maildir++; one with mailboxes in other directories, at any depth, is fs.
 */
export function detectLayout(root: string): MaildirLayout | undefined {
  const top = octetsOfText(root);
  const entries = entriesIfThere(top);
  if (isMailbox(new Set(entries))) return 'maildir++';
  const ours = (name: Octets) => name.startsWith('.postern');
  if (entries.some(name => name.startsWith('.') && !ours(name) && holdsMailbox(join(top, name), 0))) {
    return 'maildir++';
  }
  return entries.some(name => !name.startsWith('.') && holdsMailbox(join(top, name), DEEPEST))
    ? 'fs'
    : undefined;
}

/** Levels a search for mailboxes goes down; a name of 1000 octets has no more. */
export const DEEPEST = 500;

function holdsMailbox(directory: Octets, depth: number): boolean {
  if (!isDirectory(directory)) return false;
  const entries = entriesIfThere(directory);
  if (entries.includes('cur' as Octets) && entries.includes('new' as Octets)) return true;
  return (
    depth > 0 && entries.some(name => !name.startsWith('.') && holdsMailbox(join(directory, name), depth - 1))
  );
}

function entriesIfThere(directory: Octets): Octets[] {
  try {
    return entriesOf(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
