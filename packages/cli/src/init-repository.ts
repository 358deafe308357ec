import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { relative, resolve, sep } from 'node:path';
import { systemClock } from '@postern/core/model/clock.js';
import { openSeam } from '@postern/core/model/effect.js';
import { errnoOf, PosternError } from '@postern/core/model/error.js';
import type { TlsMode } from '@postern/core/side/imap/imap-options.js';
import { detectLayout, type MaildirLayout } from '@postern/core/side/maildir/layout.js';
import { createMaildir } from '@postern/core/side/maildir/make-mailbox.js';
import { createStore } from '@postern/core/state/disk-store.js';
import { initState } from '@postern/core/state/repository.js';
import { readConfig } from './config/config.js';
import { POSTERN_DIRECTORY, repositoryPaths } from './config/paths.js';
import { parseRemoteUrl, type RemoteAddress } from './config/remote-url.js';
import type { ConfigFile } from './config/schema.js';
import { writeConfig } from './config/write-config.js';
import { eightDigits, makeSides } from './open-repository.js';

export interface InitOptions {
  readonly directory: string;
  readonly remote: string;
  readonly tls?: TlsMode;
  readonly ca?: string;
  readonly passwordCommand?: string;
  readonly layout?: MaildirLayout;
  readonly separateStateDir?: string;
}

export interface NewRepository {
  readonly root: string;
  readonly remote: string;
  readonly layout: MaildirLayout;
}

/**
 * Makes a directory a repository, and a Maildir where there is none yet. Refuses (`usage`) before it writes anything; what
 * fails later leaves no `.postern` behind.
 */
export async function initRepository(options: InitOptions): Promise<NewRepository> {
  const root = resolve(options.directory);
  const remote = checkedRemote(options, root);
  const found = checkedRoot(root);
  if (found !== undefined && options.layout !== undefined && found !== options.layout) {
    throw refused(`the Maildir in ${root} has the layout ${found}`, `leave --layout away`);
  }
  const layout = found ?? options.layout ?? 'maildir++';
  const stateDirectory =
    options.separateStateDir === undefined ? undefined : resolve(options.separateStateDir);
  if (stateDirectory !== undefined) checkStateDirectory(stateDirectory, root);

  if (found === undefined) {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    await createMaildir(root, layout);
  }
  const paths = repositoryPaths(root);
  mkdirSync(paths.postern, { mode: 0o700 });
  try {
    if (stateDirectory !== undefined) mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
    await writeConfig(paths.config, configFile(options, remote, layout, stateDirectory));
    return { root, layout, remote: await createState(root) };
  } catch (error) {
    rmSync(paths.postern, { recursive: true, force: true });
    if (stateDirectory !== undefined)
      rmSync(resolve(stateDirectory, 'state'), { recursive: true, force: true });
    throw error;
  }
}

/** Creates the state of a repository whose configuration was just written. Returns the remote's address. */
async function createState(root: string): Promise<string> {
  const config = readConfig(root);
  const sides = makeSides({ config, command: 'postern init', env: {}, warn: () => undefined });
  const store = await createStore(config.stateDirectory, { seam: openSeam });
  try {
    await initState({ id: config.id, sides, store, clock: systemClock, random: eightDigits });
  } finally {
    await store.close();
  }
  return sides.remote.address;
}

function configFile(
  options: InitOptions,
  remote: RemoteAddress,
  layout: MaildirLayout,
  stateDirectory: string | undefined,
): ConfigFile {
  const { tls, ca, passwordCommand } = options;
  const remoteLayout = remote.kind === 'maildir' ? (detectLayout(remote.path) ?? 'maildir++') : undefined;
  return {
    version: 1,
    id: randomUUID(),
    remote: {
      url: remote.kind === 'maildir' ? `maildir:${remote.path}` : options.remote,
      ...(tls === undefined ? {} : { tls }),
      ...(ca === undefined ? {} : { ca: resolve(ca) }),
      ...(passwordCommand === undefined ? {} : { 'password-command': passwordCommand }),
      ...(remoteLayout === undefined ? {} : { layout: remoteLayout }),
    },
    local: { layout },
    ...(stateDirectory === undefined ? {} : { state: { dir: stateDirectory } }),
  };
}

function checkedRemote(options: InitOptions, root: string): RemoteAddress {
  const remote = parseRemoteUrl(options.remote, options.tls, process.cwd());
  if (remote.kind === 'imap') {
    if (remote.user === undefined) throw refused('the remote URL names no user', 'write imaps://user@host');
    if (options.ca !== undefined) {
      if (remote.tls === 'none') throw refused('--ca is of no use without TLS');
      if (!existsSync(options.ca))
        throw refused(`there is no file ${options.ca}`, '--ca names certificates in PEM form');
    }
    return remote;
  }
  if (options.ca !== undefined || options.passwordCommand !== undefined) {
    throw refused('a maildir: remote has no use for --ca and --password-command');
  }
  if (isInside(remote.path, root) || isInside(root, remote.path)) {
    throw refused(
      'the remote Maildir and the local one lie in one another',
      'they must be two separate directories',
    );
  }
  if (!isDirectory(remote.path)) {
    throw refused(`there is no directory ${remote.path}`, 'make it first, or correct the path');
  }
  return remote;
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
  if (layout === undefined && names.length > 0) {
    throw refused(
      `${root} is neither empty nor a Maildir`,
      'name a Maildir, an empty directory, or one to be made',
    );
  }
  return layout;
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
