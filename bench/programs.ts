import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Dovecot } from '../test/support/dovecot.js';
import { asMbsyncHasIt } from '../test/support/mail-holdings.js';
import type { Invocation } from './measured-process.js';

/** A program that brings an account into a Maildir. */
export interface Program {
  readonly name: string;
  /** One line, or why it cannot run here. */
  version(): string | { readonly missing: string };
  /** Undoes what the program does to messages. */
  readonly cleaned?: (file: Buffer) => Buffer;
  /** Prepares an empty directory; what is returned does a sync each time it is run. The mail is below `mail`. */
  prepare(directory: string, account: Account): { readonly sync: Invocation; readonly mail: string };
}

export interface Account {
  readonly server: Dovecot;
  readonly user: string;
}

// From bench/dist/bench, where this file runs.
const MAIN = fileURLToPath(new URL('../../../packages/cli/bundle/postern.js', import.meta.url));

const mbsync: Program = {
  name: 'mbsync',
  version: () => firstLine('mbsync', ['--version']),
  cleaned: asMbsyncHasIt,
  prepare(directory, { server, user }) {
    const mail = join(directory, 'mail');
    mkdirSync(mail, { recursive: true });
    const config = join(directory, 'mbsyncrc');
    writeFileSync(
      config,
      `IMAPStore remote
Host ${server.host}
Port ${server.port}
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
Create Near
Sync All
SyncState ${directory}/state/
`,
    );
    mkdirSync(join(directory, 'state'));
    return { mail, sync: { command: 'mbsync', args: ['-c', config, '-a', '-q'] } };
  },
};

const postern: Program = {
  name: 'postern',
  version: () => firstLine(process.execPath, [MAIN, '--version']),
  prepare(directory, { server, user }) {
    const mail = join(directory, 'mail');
    const url = `imap://${user}@${server.host}:${server.port}`;
    const made = spawnSync(process.execPath, [MAIN, 'init', mail, '--remote', url, '--tls', 'none'], {
      encoding: 'utf8',
    });
    if (made.status !== 0) throw new Error(`postern init: ${made.stderr}`);
    return {
      mail,
      sync: {
        command: process.execPath,
        args: [MAIN, '-C', mail, 'sync'],
        env: { POSTERN_PASSWORD: server.password },
      },
    };
  },
};

export const PROGRAMS: readonly Program[] = [mbsync, postern];

function firstLine(command: string, args: readonly string[]): string | { missing: string } {
  const { stdout, status } = spawnSync(command, [...args], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0]! : { missing: `${command} is not installed` };
}
