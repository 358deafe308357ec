import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { relative, resolve, sep } from 'node:path';
import type { BySide, SideName } from '@postern/core/model/by-side.js';
import { systemClock } from '@postern/core/model/clock.js';
import { openSeam } from '@postern/core/model/effect.js';
import { errnoOf, PosternError } from '@postern/core/model/error.js';
import type { TlsMode } from '@postern/core/side/imap/imap-options.js';
import { detectLayout, type MaildirLayout } from '@postern/core/side/maildir/layout.js';
import { UNFINISHED } from '@postern/core/side/maildir/mailbox-tree.js';
import { createMaildir } from '@postern/core/side/maildir/make-mailbox.js';
import { takesColons } from '@postern/core/side/maildir/takes-colons.js';
import type { Side } from '@postern/core/side/side.js';
import { createStore } from '@postern/core/state/disk-store.js';
import { initState } from '@postern/core/state/repository.js';
import { readConfig } from './config/config.js';
import { type EndAddress, parseEndUrl } from './config/end-url.js';
import { POSTERN_DIRECTORY, repositoryPaths } from './config/paths.js';
import type { ConfigFile } from './config/schema.js';
import { writeConfig } from './config/write-config.js';
import { makeDirectories } from './make-directories.js';
import { eightDigits, makeSides } from './open-repository.js';

export interface InitOptions {
  readonly directory: string;
  readonly remote: string;
  readonly tls?: TlsMode;
  readonly ca?: string;
  readonly passwordCommand?: string;
  readonly layout?: MaildirLayout;
  readonly separateStateDir?: string;
  /** The local side where it is not the Maildir in the directory. */
  readonly local?: string;
  readonly localTls?: TlsMode;
  readonly localCa?: string;
  readonly localPasswordCommand?: string;
}

export interface NewRepository {
  readonly root: string;
  readonly remote: string;
  readonly local: string;
  /** Of the Maildir in the directory; absent where the local side is elsewhere. */
  readonly layout?: MaildirLayout;
}

/**
 * Makes a directory a repository, and a Maildir where there is none yet, unless the local side is elsewhere. Refuses
 * (`usage`) before it writes anything; what fails later leaves no `.postern` behind.
 */
export async function initRepository(options: InitOptions): Promise<NewRepository> {
  const root = resolve(options.directory);
  const { tls, ca, passwordCommand, local } = options;
  const remote = checkedEnd('remote', {
    url: options.remote,
    ...(tls === undefined ? {} : { tls }),
    ...(ca === undefined ? {} : { ca }),
    ...(passwordCommand === undefined ? {} : { passwordCommand }),
  });
  const elsewhere = local === undefined ? undefined : checkedEnd('local', localEnd(options, local));
  const here: EndAddress = elsewhere?.address ?? { kind: 'maildir', path: root };
  checkApart(remote.address, here);
  const layout = elsewhere === undefined ? layoutHere(root, options.layout) : undefined;
  if (elsewhere !== undefined) checkBare(root, options.layout);
  const stateDirectory =
    options.separateStateDir === undefined ? undefined : resolve(options.separateStateDir);
  if (stateDirectory !== undefined) checkStateDirectory(stateDirectory, root);

  makeDirectories(root);
  if (layout !== undefined && (detectLayout(root) === undefined || isBegun(root)))
    await createMaildir(root, layout);
  for (const end of [remote.address, here]) if (end.kind === 'maildir') checkNames(end.path);
  const paths = repositoryPaths(root);
  mkdirSync(paths.postern, { mode: 0o700 });
  try {
    if (stateDirectory !== undefined) makeDirectories(stateDirectory);
    await writeConfig(paths.config, {
      version: 1,
      id: randomUUID(),
      remote: remote.table,
      local: elsewhere?.table ?? { layout: layout ?? 'maildir++' },
      ...(stateDirectory === undefined ? {} : { state: { dir: stateDirectory } }),
    });
    const sides = await createState(root);
    return {
      root,
      remote: sides.remote.address,
      local: sides.local.address,
      ...(layout === undefined ? {} : { layout }),
    };
  } catch (error) {
    rmSync(paths.postern, { recursive: true, force: true });
    if (stateDirectory !== undefined)
      rmSync(resolve(stateDirectory, 'state'), { recursive: true, force: true });
    throw error;
  }
}

/** Creates the state of a repository whose configuration was just written. */
async function createState(root: string): Promise<BySide<Side>> {
  const config = readConfig(root);
  const sides = makeSides({ config, command: 'postern init', env: {}, warn: () => undefined });
  const store = await createStore(config.stateDirectory, { seam: openSeam });
  try {
    await initState({ id: config.id, sides, store, clock: systemClock, random: eightDigits });
  } finally {
    await store.close();
  }
  return sides;
}

/** What was said of one side on the command line. */
interface EndOptions {
  readonly url: string;
  readonly tls?: TlsMode;
  readonly ca?: string;
  readonly passwordCommand?: string;
}

function localEnd(options: InitOptions, url: string): EndOptions {
  const { localTls, localCa, localPasswordCommand } = options;
  return {
    url,
    ...(localTls === undefined ? {} : { tls: localTls }),
    ...(localCa === undefined ? {} : { ca: localCa }),
    ...(localPasswordCommand === undefined ? {} : { passwordCommand: localPasswordCommand }),
  };
}

interface CheckedEnd {
  readonly address: EndAddress;
  readonly table: ConfigFile['remote'];
}

function checkedEnd(side: SideName, { url, tls, ca, passwordCommand }: EndOptions): CheckedEnd {
  const address = parseEndUrl(url, tls, process.cwd());
  const prefix = side === 'local' ? 'local-' : '';
  if (address.kind === 'imap') {
    if (address.user === undefined) throw refused(`the ${side} URL names no user`, 'write imaps://user@host');
    if (ca !== undefined) {
      if (address.tls === 'none') throw refused(`--${prefix}ca is of no use without TLS`);
      if (!existsSync(ca))
        throw refused(`there is no file ${ca}`, `--${prefix}ca names certificates in PEM form`);
    }
    const table = {
      url,
      ...(tls === undefined ? {} : { tls }),
      ...(ca === undefined ? {} : { ca: resolve(ca) }),
      ...(passwordCommand === undefined ? {} : { 'password-command': passwordCommand }),
    };
    return { address, table };
  }
  if (ca !== undefined || passwordCommand !== undefined) {
    throw refused(`a maildir: URL has no use for --${prefix}ca and --${prefix}password-command`);
  }
  if (!isDirectory(address.path)) {
    throw refused(`there is no directory ${address.path}`, 'make it first, or correct the path');
  }
  const layout = detectLayout(address.path) ?? 'maildir++';
  return { address, table: { url: `maildir:${address.path}`, layout } };
}

/** Two sides that are one would be a mailbox that is its own backup. */
function checkApart(remote: EndAddress, local: EndAddress): void {
  if (remote.kind === 'maildir' && local.kind === 'maildir') {
    if (!isInside(remote.path, local.path) && !isInside(local.path, remote.path)) return;
    throw refused(
      'the remote Maildir and the local one lie in one another',
      'they must be two separate directories',
    );
  }
  if (remote.kind === 'imap' && local.kind === 'imap') {
    const same = remote.host === local.host && remote.port === local.port && remote.user === local.user;
    if (same) throw refused('the remote and the local account are the same');
  }
}

/** A Maildir keeps the flags of a message behind a colon in its file's name. */
function checkNames(directory: string): void {
  if (takesColons(directory)) return;
  throw refused(
    `the file system of ${directory} takes no ":" in the names of files, which a Maildir needs`,
    'FAT and exFAT are such: keep mail on another file system, or in an image file on this one',
  );
}

/** The layout of the Maildir that is there, or of the one that is to be made. */
function layoutHere(root: string, wanted: MaildirLayout | undefined): MaildirLayout {
  const found = checkedRoot(root);
  if (found !== undefined && wanted !== undefined && found !== wanted) {
    throw refused(`the Maildir in ${root} has the layout ${found}`, `leave --layout away`);
  }
  return found ?? wanted ?? 'maildir++';
}

/** Where the local side is elsewhere, the directory holds the configuration and the state and nothing else of ours. */
function checkBare(root: string, layout: MaildirLayout | undefined): void {
  if (layout !== undefined) throw refused('--layout is about the Maildir in DIR; with --local there is none');
  if (existsSync(repositoryPaths(root).postern)) {
    throw refused(`${root} has a ${POSTERN_DIRECTORY} already`, 'postern status shows how it stands');
  }
  if (detectLayout(root) !== undefined) {
    throw refused(`${root} is a Maildir, and --local names another side`, 'name an empty directory');
  }
}

/** The layout of the Maildir that is there, or undefined where one is to be made. */
function checkedRoot(root: string): MaildirLayout | undefined {
  let names: string[];
  try {
    names = readdirSync(root);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw new PosternError('usage', `${root} cannot be used`, { cause: error });
  }
  if (names.includes(POSTERN_DIRECTORY)) {
    throw refused(`${root} has a ${POSTERN_DIRECTORY} already`, 'postern status shows how it stands');
  }
  const layout = detectLayout(root);
  if (layout === undefined && names.some(name => name !== UNFINISHED)) {
    throw refused(
      `${root} is neither empty nor a Maildir`,
      'name a Maildir, an empty directory, or one to be made',
    );
  }
  return layout;
}

/** An init that died was making a Maildir here. */
function isBegun(root: string): boolean {
  return existsSync(resolve(root, UNFINISHED));
}

function checkStateDirectory(directory: string, root: string): void {
  if (isInside(directory, root)) {
    throw refused(
      'the separate state directory lies in the Maildir',
      'leave --separate-state-dir away for that',
    );
  }
  try {
    if (readdirSync(directory).length > 0) throw refused(`the state directory ${directory} is not empty`);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    if (error instanceof PosternError) throw error;
    throw new PosternError('usage', `${directory} cannot be used`, { cause: error });
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isInside(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`));
}

function refused(message: string, hint?: string): PosternError {
  return new PosternError('usage', message, hint === undefined ? {} : { hint });
}
