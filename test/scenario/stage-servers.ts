import { execFileSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Cyrus, cyrusMissing, startCyrus } from '../support/cyrus.js';
import {
  CAPABILITIES,
  type Dovecot,
  type DovecotOptions,
  dovecotMissing,
  startDovecot,
} from '../support/dovecot.js';
import { ImapUser } from '../support/imap-user.js';

/** A server that a table of rows runs on: one for the whole table, a user for each row. */
export interface StageServer {
  /** Plain text. */
  readonly port: number;
  readonly password: string;
  /** Gives a mailbox another UIDVALIDITY: this one, where the server can be told. */
  renew(user: string, mailbox: string, validity?: number): Promise<void>;
  /** Takes a mailbox out of sight, and brings it back; undefined where this server has no way to. */
  readonly curtain?: {
    hide(user: string, mailbox: string): void;
    show(user: string, mailbox: string): void;
  };
  stop(): Promise<void>;
}

export interface ServerKind {
  readonly title: string;
  /** It differs from others only in how it does this: rows whose plan has no such line need not run there. */
  readonly differsIn?: RegExp;
  /** Why it cannot run on this machine. */
  missing(): string | undefined;
  start(): Promise<StageServer>;
}

/** The servers that rows marked `real` run on. The masked ones answer as older or simpler servers do. */
export const SERVERS = {
  dovecot: dovecot('Dovecot', {}),
  rev1: dovecot('Dovecot as a server with nothing but IMAP4rev1', {
    without: CAPABILITIES.filter(name => name !== 'IMAP4rev1'),
  }),
  'no-move': {
    ...dovecot('Dovecot as a server without MOVE', { without: ['MOVE'] }),
    differsIn: /move-remote|delete-remote/,
  },
  'no-condstore': dovecot('Dovecot as a server without CONDSTORE and LIST-STATUS', {
    without: ['CONDSTORE', 'QRESYNC', 'LIST-STATUS', 'LIST-EXTENDED', 'ESEARCH'],
  }),
  cyrus: {
    title: 'Cyrus',
    missing: cyrusMissing,
    start: async () => cyrusServer(await startCyrus()),
  },
} satisfies Record<string, ServerKind>;

export type ServerName = keyof typeof SERVERS;
export const SERVER_NAMES = Object.keys(SERVERS) as ServerName[];

function dovecot(title: string, options: DovecotOptions): ServerKind {
  return {
    title,
    missing: dovecotMissing,
    start: async () => dovecotServer(await startDovecot(options)),
  };
}

function dovecotServer(server: Dovecot): StageServer {
  const place = (user: string, mailbox: string) =>
    join(server.mailDir(user), `.${mailbox.replaceAll('/', '.')}`);
  const hidden = (user: string, mailbox: string) => join(dirname(server.mailDir(user)), `${user}-${mailbox}`);
  return {
    port: server.port,
    password: server.password,
    renew: async (user, mailbox, validity = nextValidity()) => {
      const configuration = join(dirname(dirname(server.mailDir(user))), 'dovecot.conf');
      const update = ['mailbox', 'update', '--uid-validity', String(validity), '-u', user, mailbox];
      execFileSync('doveadm', ['-c', configuration, ...update], { stdio: 'ignore' });
    },
    curtain: {
      hide: (user, mailbox) => renameSync(place(user, mailbox), hidden(user, mailbox)),
      show: (user, mailbox) => renameSync(hidden(user, mailbox), place(user, mailbox)),
    },
    stop: () => server.stop(),
  };
}

let lastValidity = 1_999_999_999;
const nextValidity = () => ++lastValidity;

function cyrusServer(server: Cyrus): StageServer {
  return {
    port: server.port,
    password: server.password,
    renew: (user, mailbox) => remake(server, user, mailbox),
    stop: () => server.stop(),
  };
}

/** The mailbox is made anew and its messages put back. INBOX goes with the whole account only, which is made anew then. */
async function remake(server: Cyrus, user: string, mailbox: string): Promise<void> {
  const before = await ImapUser.login(server.port, user, server.password);
  const { untagged } = await before.command('LIST "" *');
  const names = mailbox === 'INBOX' ? untagged.map(line => / "?([^"]*)"?$/.exec(line)![1]!) : [mailbox];
  const messages = new Map<string, Awaited<ReturnType<ImapUser['contents']>>>();
  for (const name of names) messages.set(name, await before.contents(name));
  if (mailbox !== 'INBOX') await before.command(`DELETE "${mailbox}"`);
  await before.logout();
  if (mailbox === 'INBOX') {
    const admin = await ImapUser.login(server.port, server.admin, server.password);
    await admin.command(`SETACL "user/${user}" ${server.admin} lrswipkxtecda`);
    await admin.command(`DELETE "user/${user}"`);
    await admin.logout();
  }
  const after = await ImapUser.login(server.port, user, server.password);
  for (const [name, contents] of messages) {
    if (name !== 'INBOX') await after.command(`CREATE "${name}"`);
    for (const { bytes, flags } of contents) await after.append(name, bytes, flags);
  }
  await after.logout();
}
