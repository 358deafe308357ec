import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Dovecot } from '../test/support/dovecot.js';
import { asMbsyncHasIt } from '../test/support/mail-holdings.js';
import type { Invocation } from './measured-process.js';

/** `stateLost`: the program's memory is gone, and it is run as its manual says then. */
export interface SyncOptions {
  readonly maxDelete?: number;
  readonly stateLost?: boolean;
}

/** A program that brings an account into a Maildir. */
export interface Program {
  readonly name: string;
  /** One line, or why it cannot run here. */
  version(): string | { readonly missing: string };
  /** Undoes what the program does to messages. */
  readonly cleaned?: (file: Buffer) => Buffer;
  /** Prepares an empty directory. The mail is below `mail`. */
  prepare(
    directory: string,
    account: Account & { readonly port: number },
  ): { readonly sync: (options: SyncOptions) => Invocation; readonly mail: string };
  /** Takes from a local side what the program remembers. */
  loseState(mail: string): void;
  /** Makes a local mailbox as its users do. */
  makeMailbox(path: string): void;
}

export interface Account {
  readonly server: Dovecot;
  readonly user: string;
}

// From bench/dist/bench, where this file runs.
const MAIN = fileURLToPath(new URL('../../../packages/cli/bundle/postern.js', import.meta.url));

function makeMaildir(path: string): void {
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(path, part), { recursive: true });
}

const mbsyncWith = (name: string, more: string): Program => ({
  name,
  version: () => firstLine('mbsync', ['--version']),
  cleaned: asMbsyncHasIt,
  makeMailbox: makeMaildir,
  loseState: mail => rmSync(join(mail, '..', 'state'), { recursive: true }),
  prepare(directory, { server, user, port }) {
    const mail = join(directory, 'mail');
    mkdirSync(mail, { recursive: true });
    const config = join(directory, 'mbsyncrc');
    writeFileSync(
      config,
      `${more}IMAPStore remote
Host ${server.host}
Port ${port}
User ${user}
Pass ${server.password}
SSLType None
AuthMechs LOGIN

MaildirStore local
Inbox ${mail}
SubFolders Maildir++

Channel all
Far :remote:
Near :local:
Patterns *
Create Both
Expunge Both
Sync All
SyncState ${directory}/state/
`,
    );
    mkdirSync(join(directory, 'state'));
    return { mail, sync: () => ({ command: 'mbsync', args: ['-c', config, '-a', '-q'] }) };
  },
});

const postern: Program = {
  name: 'postern',
  version: () => firstLine(MAIN, ['--version']),
  makeMailbox: makeMaildir,
  loseState: mail => rmSync(join(mail, '.postern', 'state'), { recursive: true }),
  prepare(directory, { server, user, port }) {
    const mail = join(directory, 'mail');
    const url = `imap://${user}@${server.host}:${port}`;
    const made = spawnSync(MAIN, ['init', mail, '--remote', url, '--tls', 'none'], {
      encoding: 'utf8',
    });
    if (made.status !== 0) throw new Error(`postern init: ${made.stderr}`);
    return {
      mail,
      sync: ({ maxDelete, stateLost }) => ({
        command: MAIN,
        args: ['-C', mail, ...(stateLost ? ['fsck', '--repair'] : ['sync', ...limit(maxDelete)])],
        // The home of its users, where it keeps compiled code between runs.
        env: { POSTERN_PASSWORD: server.password, XDG_CACHE_HOME: directory },
      }),
    };
  },
};

export const PROGRAMS: readonly Program[] = [
  mbsyncWith('mbsync', ''),
  mbsyncWith('mbsync without fsync', 'FSync no\n'),
  postern,
];

function limit(maxDelete: number | undefined): string[] {
  return maxDelete === undefined ? [] : ['--max-delete', String(maxDelete)];
}

function firstLine(command: string, args: readonly string[]): string | { missing: string } {
  const { stdout, status } = spawnSync(command, [...args], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0]! : { missing: `${command} is not installed` };
}
