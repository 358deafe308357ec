import { randomUUID } from 'node:crypto';
import { systemClock } from '@postern/core/model/clock.js';
import { openSeam, type Seam } from '@postern/core/model/effect.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import type { MessageKey } from '@postern/core/model/row.js';
import type { ImapOptions } from '@postern/core/side/imap/imap-options.js';
import { ImapSide } from '@postern/core/side/imap/imap-side.js';
import { rawNameOf } from '@postern/core/side/imap/mailbox-names.js';
import { ImapUser } from '../support/imap-user.js';
import type { OpenedSide } from './side.js';

/** A server that lets every user in with one password and an empty INBOX. */
export interface AccountServer {
  readonly host: string;
  /** Plain text, for the other client. */
  readonly port: number;
  readonly password: string;
  /** How the side connects. */
  readonly connect: Pick<ImapOptions, 'port' | 'tls' | 'ca' | 'reader'>;
  /** How names of mailboxes are spelled there; `/` and no prefix unless given. */
  readonly separator?: string;
  readonly prefix?: string;
  /** Gives a user's INBOX another UIDVALIDITY, as a restored or rebuilt server does. */
  renewInbox(user: string): Promise<void>;
}

/** A new user of the server, a side on it, and another client. */
export async function openAccount(server: AccountServer, seam: Seam = openSeam): Promise<OpenedSide> {
  const user = `u${randomUUID()}`;
  const sides: ImapSide[] = [];
  const start = (next: Seam): ImapSide => {
    const side = new ImapSide({
      host: server.host,
      user,
      password: async () => server.password,
      ...server.connect,
      seam: next,
      clock: systemClock,
    });
    sides.push(side);
    return side;
  };
  const other = await ImapUser.login(server.port, user, server.password);
  const { separator = '/', prefix = '' } = server;
  const raw = (mailbox: MailboxName): string => {
    const name = rawNameOf(mailbox, { separator, prefix, otherPrefixes: [] });
    return name.kind === 'raw' ? name.raw : mailbox;
  };
  return {
    side: start(seam),
    user: {
      add: async (mailbox, bytes, flags) =>
        String(await other.append(raw(mailbox), bytes, flags, new Date(1_600_000_000_000))) as MessageKey,
      remove: (mailbox, key) => other.expunge(raw(mailbox), key),
      addFlag: (mailbox, key, flag) => other.store(raw(mailbox), key, `+FLAGS (${flag})`),
      renew: () => server.renewInbox(user),
    },
    reopen: async next => start(next ?? openSeam),
    cleanup: async () => {
      await Promise.all(sides.map(side => side.close()));
      await other.logout();
    },
  };
}
