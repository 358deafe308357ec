import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type BySide, bySide, type SideName } from '@postern/core/model/by-side.js';
import { systemClock } from '@postern/core/model/clock.js';
import { openSeam } from '@postern/core/model/effect.js';
import { PosternError } from '@postern/core/model/error.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import { applyScope } from '@postern/core/observe/apply-scope.js';
import { ImapSide } from '@postern/core/side/imap/imap-side.js';
import { Lanes } from '@postern/core/side/lanes.js';
import { MaildirSide } from '@postern/core/side/maildir/maildir-side.js';
import { Scope } from '@postern/core/side/scope.js';
import { scopedSides } from '@postern/core/side/scoped-side.js';
import type { Side } from '@postern/core/side/side.js';
import { openStore } from '@postern/core/state/disk-store.js';
import { acquireLock, type RepositoryLock } from '@postern/core/state/lock.js';
import { checkOwner, type Repository } from '@postern/core/state/repository.js';
import type { FsckTarget } from '@postern/fsck/target.js';
import type { Config } from './config/config.js';
import { layoutOf } from './config/end-config.js';
import { passwordFrom } from './config/password.js';
import { interruptible, onInterrupt } from './interrupts.js';

const NAMES_SHOWN = 10;

export interface Opening {
  readonly config: Config;
  /** For those who find the lock: `postern sync`. */
  readonly command: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What a server wants people to see. */
  readonly warn: (text: string) => void;
}

/** Opens a repository under its lock for as long as `act` runs, and closes everything in order. */
export async function withRepository<T>(
  opening: Opening,
  act: (repository: Repository) => Promise<T>,
): Promise<T> {
  return withLock(opening, async ({ followsDeath }) => {
    const store = await openStore(opening.config.stateDirectory, { seam: openSeam, thorough: followsDeath });
    return closing(store, () =>
      withSides(opening, async (sides, scope) => {
        const { id, policy } = opening.config;
        const lanes = new Lanes(sides, opening.config.lanes);
        const repository = {
          id,
          sides,
          scope,
          policy,
          store,
          clock: systemClock,
          random: eightDigits,
          steps: interruptible,
          lanes,
          worker: { pid: process.pid, command: opening.command },
        };
        await checkOwner(repository);
        const forgotten = await applyScope(repository);
        if (forgotten.length > 0) opening.warn(forgottenWords(forgotten));
        // All connections take leave at the same time.
        const close = async () => void (await Promise.all([lanes.close(), sides.remote.close()]));
        return closing({ close }, () => act(repository));
      }),
    );
  });
}

/** Like `withRepository`, but leaves the state to `act`, for it may be damaged. */
export async function withTarget<T>(opening: Opening, act: (target: FsckTarget) => Promise<T>): Promise<T> {
  const { id, stateDirectory, policy } = opening.config;
  const { storeRooms } = await import('./store-rooms.js');
  const rooms = storeRooms(opening.config);
  return withLock(opening, () =>
    withSides(opening, (sides, scope) =>
      act({
        id,
        stateDirectory,
        sides,
        scope,
        policy,
        rooms,
        seam: openSeam,
        clock: systemClock,
        random: eightDigits,
      }),
    ),
  );
}

function withSides<T>(opening: Opening, act: (sides: BySide<Side>, scope: Scope) => Promise<T>): Promise<T> {
  const scope = new Scope(opening.config.scope);
  const sides = scopedSides(makeSides(opening), scope);
  return closing(sides.remote, () => closing(sides.local, () => act(sides, scope)));
}

function forgottenWords(mailboxes: readonly MailboxName[]): string {
  const names = mailboxes.slice(0, NAMES_SHOWN).join(', ');
  const more = mailboxes.length > NAMES_SHOWN ? `, and ${mailboxes.length - NAMES_SHOWN} more` : '';
  return `the scope changed: nothing is known of these any more, and nothing is deleted: ${names}${more}`;
}

/** Holds the lock of a repository for as long as `act` runs. A signal lets go of it too. */
export async function withLock<T>(
  { config, command }: Opening,
  act: (lock: RepositoryLock) => Promise<T>,
): Promise<T> {
  if (!existsSync(dirname(config.lockFile))) {
    throw new PosternError('state-missing', `the state directory ${dirname(config.lockFile)} is not there`, {
      hint: 'mount it or put it back; if it is lost, make the directory and run: postern fsck --repair',
    });
  }
  const lock = await acquireLock({ path: config.lockFile, command, seam: openSeam, clock: systemClock });
  const forget = onInterrupt(() => lock.releaseNow());
  return closing(
    {
      close: async () => {
        forget();
        await lock.release();
      },
    },
    () => act(lock),
  );
}

/** The two sides a configuration names. Nothing is connected to before it is asked something. */
export function makeSides(opening: Opening): BySide<Side> {
  return bySide(side => makeSide(side, opening));
}

/** The variable of the environment that may hold a side's password. */
const PASSWORDS: BySide<string> = { remote: 'POSTERN_PASSWORD', local: 'POSTERN_LOCAL_PASSWORD' };

function makeSide(position: SideName, { config, env, warn }: Opening): Side {
  const end = config[position];
  if (end.kind === 'maildir') {
    return new MaildirSide({
      root: end.path,
      layout: layoutOf(end),
      ...(end.copies === undefined ? {} : { copies: end.copies }),
      repository: config.id,
      position,
      seam: openSeam,
      clock: systemClock,
      random: sixteenDigits,
    });
  }
  const { host, port, user, tls, ca, passwordCommand, reader, disabled } = end;
  return new ImapSide({
    host,
    port,
    user,
    tls,
    ...(ca === undefined ? {} : { ca: certificatesIn(ca, position) }),
    ...(reader === undefined ? {} : { reader }),
    ...(disabled === undefined ? {} : { disabled }),
    password: passwordFrom({
      account: `${user} on ${host}`,
      ...(passwordCommand === undefined ? {} : { command: passwordCommand }),
      variable: PASSWORDS[position],
      directory: config.paths.root,
      env,
    }),
    seam: openSeam,
    clock: systemClock,
    ...(position === 'remote' ? { deletion: config.deletion, subscriptions: config.scope.subscribed } : {}),
    onAlert: text => warn(`the server says: ${text}`),
  });
}

function certificatesIn(file: string, position: SideName): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new PosternError('config-wrong', `the certificates in ${file} cannot be read`, {
      cause,
      hint: `correct "${position}.ca"; a relative path is taken from the .postern directory`,
    });
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw new PosternError('config-wrong', `${file} holds no certificate`, {
    hint: `"${position}.ca" wants certificates in PEM form`,
  });
}

/** Runs `act`, then closes. A failure to close is reported only when there is nothing worse to report. */
async function closing<T>(thing: { close(): Promise<void> }, act: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await act();
  } catch (error) {
    await thing.close().catch(() => undefined);
    throw error;
  }
  await thing.close();
  return result;
}

export function eightDigits(): string {
  return randomBytes(4).toString('hex');
}

function sixteenDigits(): string {
  return randomBytes(8).toString('hex');
}
