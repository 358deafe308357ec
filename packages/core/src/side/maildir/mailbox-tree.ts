import { type BigIntStats, lstatSync, statSync } from 'node:fs';
import { errnoOf, PosternError } from '../../model/error.js';
import type { Hidden } from '../../model/hidden.js';
import type { MailboxName } from '../../model/mailbox.js';
import type { MailboxEntry, Problem } from '../../model/row.js';
import { reasonOf } from './file-errors.js';
import { DEEPEST, entriesOf, isDirectory, isMailbox, type MaildirLayout } from './layout.js';
import { hasHighOctets, mailboxOf, type NameEncoding } from './mailbox-path.js';
import { join, type Octets, pathBytes, printable } from './octets.js';

/** A file in a mailbox directory that is being made: until it is gone, the mailbox is not there yet. */
export const UNFINISHED = '.postern-unfinished';
export const WITNESS = '.postern-witness';
/** A file in both directories of a mailbox that is being renamed in parts: until it is gone, neither can be read. */
export const RENAMING = '.postern-renaming';
/** An empty file in a directory above a mailbox that has our witness (layout fs): by it the level is known again. */
export const LEVEL = '.postern-level';

/** What was found in a directory, or anywhere below it, that tells whether its disk is there; the better the higher. */
const TRACE = { nothing: 0, mailbox: 1, ours: 2 } as const;

export interface MailboxPlace {
  readonly path: Octets;
  /** False for a directory level without mail of its own, and for a mailbox that is being made. */
  readonly selectable: boolean;
  /** A rename stopped half-way: listed, so that nobody takes it for removed, and not to be read. */
  readonly isHalf?: true;
}

/** Whether mail can be read from it and put into it. */
export function holdsMail(place: MailboxPlace): boolean {
  return place.selectable && !place.isHalf;
}

/** The mailboxes of a Maildir as they lie on disk, and how new names are to be written. */
export interface MailboxTree {
  readonly places: ReadonlyMap<MailboxName, MailboxPlace>;
  /**
   * Names that more than one directory, or a symbolic link, stands for: none is among the places. They are listed, and
   * cannot be read or made.
   */
  readonly contested: ReadonlySet<MailboxName>;
  readonly encoding: NameEncoding;
  /** Where a mailbox may be that cannot be seen. */
  readonly hidden: readonly Hidden[];
  readonly problems: readonly Problem[];
}

/**
 * Reads the tree anew. Throws `side-missing` when the root is not there, no directory or, in maildir++, no Maildir any
 * more. A directory that cannot be read is in the tree, for its snapshot to say why.
 */
export function readTree(root: Octets, layout: MaildirLayout): MailboxTree {
  const reader = new TreeReader(layout);
  const entries = rootEntries(root);
  if (layout === 'fs') reader.readLevel(root, [], entries);
  else reader.readFlat(root, entries);
  return reader.finish();
}

/** What a listing shows: every mailbox, and the levels above one. */
export function entriesOfTree(tree: MailboxTree): MailboxEntry[] {
  const entries = new Map<string, MailboxEntry>();
  const mailboxes = [...tree.places.keys()].filter(mailbox => tree.places.get(mailbox)!.selectable);
  for (const mailbox of [...mailboxes, ...tree.contested]) {
    for (let slash = mailbox.indexOf('/'); slash !== -1; slash = mailbox.indexOf('/', slash + 1)) {
      const above = mailbox.slice(0, slash) as MailboxName;
      if (!entries.has(above)) entries.set(above, { mailbox: above, selectable: false });
    }
    entries.set(mailbox, { mailbox, selectable: true });
  }
  return [...entries.values()];
}

/** A directory, and what it was when it was met. */
interface Directory {
  readonly path: Octets;
  readonly stats: BigIntStats | undefined;
}

function directoryAt(path: Octets): Directory {
  return { path, stats: lstatSync(pathBytes(path), { bigint: true, throwIfNoEntry: false }) };
}

function rootEntries(root: Octets): Octets[] {
  try {
    if (statSync(pathBytes(root)).isDirectory()) return entriesOf(root);
  } catch (error) {
    throw new PosternError(
      'side-missing',
      `the Maildir ${printable(root)} cannot be read: ${reasonOf(error)}`,
      {
        hint: 'is its disk mounted?',
        cause: error,
      },
    );
  }
  throw new PosternError('side-missing', `the Maildir ${printable(root)} is no directory`);
}

class TreeReader {
  readonly #layout: MaildirLayout;
  readonly #places = new Map<MailboxName, MailboxPlace>();
  readonly #contested = new Set<MailboxName>();
  readonly #hidden: Hidden[] = [];
  readonly #problems: Problem[] = [];
  readonly #directories = new Map<string, MailboxName>();
  #encoding: NameEncoding = 'modified-utf-7';

  constructor(layout: MaildirLayout) {
    this.#layout = layout;
  }

  finish(): MailboxTree {
    return {
      places: this.#places,
      contested: this.#contested,
      encoding: this.#encoding,
      hidden: this.#hidden,
      problems: this.#problems,
    };
  }

  readFlat(root: Octets, entries: readonly Octets[]): void {
    const here = new Set<string>(entries);
    for (const name of entries) {
      const path = join(root, name);
      if (/^\.postern/i.test(name)) continue;
      if (name.startsWith('.')) this.#readFlatMailbox(path, name);
      else this.#reportForeign(path, name);
    }
    if (isMailbox(here)) this.#add([], directoryAt(root), !isUnfinished(here));
    else if (this.#places.size > 0 || entries.some(name => !/^\.postern/i.test(name))) {
      throw new PosternError(
        'side-missing',
        `${printable(root)} is no Maildir any more: cur, new and tmp are gone`,
      );
    }
  }

  /**
   * A mailbox that is missing was deleted only where the directory that is left of its path is known again: by a file of
   * ours in it, or anywhere below. The place a disk is to be mounted at has none.
   */
  readLevel(level: Octets, above: readonly Octets[], entries: readonly Octets[]): number {
    let best: number = TRACE.nothing;
    for (const name of entries.toSorted()) {
      if (name.startsWith('.') || name === 'cur' || name === 'new' || name === 'tmp') continue;
      const path = join(level, name);
      const names = [...above, name];
      const directory = directoryAt(path);
      if (this.#isLink(directory, names) || !directory.stats?.isDirectory()) continue;
      const children = this.#childrenOf(directory, names);
      if (children === undefined) continue;
      const mailbox = isMailbox(children);
      const isHalf = children.has(RENAMING as Octets);
      if (!this.#add(names, directory, isHalf || (mailbox && !isUnfinished(children)))) continue;
      if (isHalf) this.#noteHalf(names, path);
      const below = names.length < DEEPEST ? this.readLevel(path, names, [...children]) : TRACE.nothing;
      const own = hasOurs(children) ? TRACE.ours : mailbox ? TRACE.mailbox : TRACE.nothing;
      const trace = Math.max(own, below);
      if (trace !== TRACE.ours) {
        this.#hide(names, whyUnknown(children), {
          andBelow: true,
          ...(trace === TRACE.mailbox ? { onlyWitnessed: true } : {}),
        });
      }
      best = Math.max(best, trace);
    }
    return best;
  }

  #readFlatMailbox(path: Octets, name: Octets): void {
    const directory = directoryAt(path);
    if (this.#isLink(directory, [name]) || !directory.stats?.isDirectory()) return;
    let children: ReadonlySet<Octets>;
    try {
      children = new Set(entriesOf(path));
    } catch (error) {
      // It may be a mailbox; its snapshot will say what is wrong.
      if (errnoOf(error) !== 'ENOENT') this.#add([name], directory, true);
      return;
    }
    const half = isUnfinished(children);
    if (half || isMailbox(children) || children.has('maildirfolder' as Octets))
      this.#add([name], directory, !half);
    else if (!hasOurs(children)) this.#hide([name], whyUnknown(children));
  }

  /** A mailbox beside maildir++ ones, in a directory without a leading dot. */
  #reportForeign(path: Octets, name: Octets): void {
    if (['cur', 'new', 'tmp'].includes(name) || !isDirectory(path)) return;
    if (!isDirectory(join(path, 'cur')) || !isDirectory(join(path, 'new'))) return;
    this.#problems.push({ reason: `the mailbox in "${printable(name)}" is none of layout maildir++` });
  }

  /** A directory that cannot be read is listed, so that nobody takes it for removed. */
  #childrenOf(directory: Directory, names: readonly Octets[]): ReadonlySet<Octets> | undefined {
    try {
      return new Set(entriesOf(directory.path));
    } catch (error) {
      const reason = reasonOf(error);
      if (errnoOf(error) === 'ENOENT') return undefined;
      this.#add(names, directory, true);
      this.#hide(names, reason, { andBelow: true });
      this.#problems.push({
        reason: `what lies below "${names.map(printable).join('/')}" is unknown: ${reason}`,
      });
      return undefined;
    }
  }

  /**
   * Notes a symbolic link to a directory: it may leave the root, or be a second name for the same mail. One that leads to
   * nothing may lead to a disk that is not mounted: nobody is to take its mailbox for removed.
   */
  #isLink({ path, stats }: Directory, names: readonly Octets[]): boolean {
    if (stats?.isSymbolicLink() !== true) return false;
    const target = entriesBehind(path);
    if (target === 'a file') return true;
    const mailbox = mailboxOf(names, this.#layout);
    const shown = names.map(printable).join('/');
    this.#hide(names, 'a symbolic link', { andBelow: true });
    const mayBeMailbox = target.size === 0 || isMailbox(target);
    if (typeof mailbox === 'string' && mayBeMailbox) {
      const reason = `the directory "${shown}" is a symbolic link`;
      this.#contest(mailbox, target.size === 0 ? `${reason}, and nothing is there` : reason);
    } else if (mayBeMailbox || this.#layout === 'fs')
      this.#problems.push({ reason: `the directory "${shown}" is a symbolic link` });
    return true;
  }

  /** Whether the directory has a place in the tree now. */
  #add(names: readonly Octets[], { path, stats }: Directory, selectable: boolean): boolean {
    const shown = names.map(printable).join('/');
    const mailbox = mailboxOf(names, this.#layout);
    if (typeof mailbox !== 'string') {
      this.#problems.push({ reason: `the directory "${shown}" is no mailbox: ${mailbox.fault}` });
      return false;
    }
    if (names.some(hasHighOctets)) this.#encoding = 'utf-8';
    if (this.#places.has(mailbox) || this.#contested.has(mailbox)) {
      this.#contest(mailbox, `the directory "${shown}" is not the only one of this name`);
      return false;
    }
    const twin = this.#sameDirectory(mailbox, stats);
    if (twin !== undefined) {
      for (const [name, other] of [
        [mailbox, twin],
        [twin, mailbox],
      ] as const)
        this.#contest(name, `its directory is that of ${other} too`);
      return false;
    }
    this.#places.set(mailbox, { path, selectable });
    return true;
  }

  /** The mailbox whose directory this is under another name, where a directory was mounted twice. */
  #sameDirectory(mailbox: MailboxName, stats: BigIntStats | undefined): MailboxName | undefined {
    if (stats === undefined || stats.ino === 0n) return undefined;
    const id = `${stats.dev}:${stats.ino}`;
    const twin = this.#directories.get(id);
    if (twin === undefined) this.#directories.set(id, mailbox);
    return twin;
  }

  #hide(
    names: readonly Octets[],
    reason: string,
    reach: Pick<Hidden, 'andBelow' | 'onlyWitnessed'> = {},
  ): void {
    const mailbox = mailboxOf(names, this.#layout);
    if (typeof mailbox === 'string') this.#hidden.push({ mailbox, reason, ...reach });
  }

  #noteHalf(names: readonly Octets[], path: Octets): void {
    const mailbox = mailboxOf(names, this.#layout) as MailboxName;
    this.#places.set(mailbox, { path, selectable: true, isHalf: true });
    this.#problems.push({ mailbox, reason: 'its rename was not finished' });
  }

  #contest(mailbox: MailboxName, reason: string): void {
    this.#contested.add(mailbox);
    this.#problems.push({ mailbox, reason });
    if (!this.#places.delete(mailbox) || this.#layout !== 'fs') return;
    for (const below of this.#places.keys()) {
      if (below.startsWith(`${mailbox}/`)) this.#contest(below, reason);
    }
  }
}

/** A file that postern left, of whatever repository, lies on the disk that the mail lay on. */
function hasOurs(entries: ReadonlySet<string>): boolean {
  return [...entries].some(name => name.startsWith('.postern'));
}

function whyUnknown(entries: ReadonlySet<string>): string {
  const what = entries.size === 0 ? 'is empty' : 'holds nothing that postern knows';
  return `its directory ${what}: is a disk not mounted? if the mail was deleted, remove the directory, or put an empty file ${LEVEL} into it`;
}

/** An unfinished mailbox never held mail; one with a witness did, whatever else is missing. */
function isUnfinished(entries: ReadonlySet<string>): boolean {
  if (!entries.has(UNFINISHED)) return false;
  if ([...entries].some(name => name.startsWith(WITNESS))) return false;
  return !(entries.has('cur') && entries.has('new') && entries.has('tmp'));
}

/** What is in the directory a symbolic link leads to; nothing where it leads to none, or to one that cannot be read. */
function entriesBehind(link: Octets): ReadonlySet<string> | 'a file' {
  try {
    return new Set(entriesOf(link));
  } catch (error) {
    return errnoOf(error) === 'ENOTDIR' ? 'a file' : new Set();
  }
}
