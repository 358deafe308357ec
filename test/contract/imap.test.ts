import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemClock } from '@postern/core/model/clock.js';
import { openSeam, type Seam } from '@postern/core/model/effect.js';
import type { MessageKey } from '@postern/core/model/row.js';
import { ImapSide } from '@postern/core/side/imap/imap-side.js';
import { afterAll, beforeAll, describe } from 'vitest';
import {
  type Dovecot,
  type DovecotOptions,
  dovecotMissing,
  startDovecot,
  withDovecot,
} from '../support/dovecot.js';
import { ImapUser } from '../support/imap-user.js';
import { describeSide, type OpenedSide, type SideAbilities } from './side.js';

const abilities: SideAbilities = {
  keys: 'uid',
  witness: false,
  removal: 'expunge',
  // Dovecot shows NUL as 0x80 and a CR before CRLF not at all.
  alters: ['NUL', 'bare CR'],
  names: ['back\\5cslash', 'quo"ted', 'per%cent', 'st*r', 'cur', ' lead and trail '],
};

/** One server for a suite; each test has a user of its own. */
function describeImap(name: string, options: DovecotOptions, differs: Partial<SideAbilities> = {}): void {
  describe.skipIf(dovecotMissing())(withDovecot(name), () => {
    let server: Dovecot;
    beforeAll(async () => {
      server = await startDovecot(options);
    });
    afterAll(() => server.stop());
    describeSide('as a side', { ...abilities, ...differs }, seam => open(server, seam));
  });
}

async function open(server: Dovecot, seam: Seam = openSeam): Promise<OpenedSide> {
  const user = `u${randomUUID()}`;
  const sides: ImapSide[] = [];
  const start = (next: Seam): ImapSide => {
    const side = new ImapSide({
      host: server.host,
      port: server.tlsPort,
      user,
      password: async () => server.password,
      tls: 'implicit',
      ca: readFileSync(server.caFile, 'utf8'),
      seam: next,
      clock: systemClock,
    });
    sides.push(side);
    return side;
  };
  const other = await ImapUser.login(server.port, user, server.password);
  return {
    side: start(seam),
    user: {
      add: async (mailbox, bytes, flags) =>
        String(await other.append(mailbox, bytes, flags, new Date(1_600_000_000_000))) as MessageKey,
      remove: (mailbox, key) => other.expunge(mailbox, key),
      addFlag: (mailbox, key, flag) => other.store(mailbox, key, `+FLAGS (${flag})`),
      renew: async () => renewInbox(server, user),
    },
    reopen: async next => start(next ?? openSeam),
    cleanup: async () => {
      await Promise.all(sides.map(side => side.close()));
      await other.logout();
    },
  };
}

/** What a restored or rebuilt server does: the same messages under another UIDVALIDITY. */
function renewInbox(server: Dovecot, user: string): void {
  const configuration = join(dirname(dirname(server.mailDir(user))), 'dovecot.conf');
  const update = ['mailbox', 'update', '--uid-validity', '1999999999', '-u', user, 'INBOX'];
  execFileSync('doveadm', ['-c', configuration, ...update], { stdio: 'ignore' });
}

describeImap('a plain IMAP server', {});

describeImap(
  'a server with a prefix, dots between levels and a Trash',
  { separator: '.', prefix: 'INBOX.', trash: 'Trash' },
  { removal: 'trash', names: ['back\\5cslash', 'quo"ted', 'INBOX/inside'] },
);

describeImap('a server without UIDPLUS', { without: ['UIDPLUS'] }, { removal: 'mark' });

describeImap(
  'a server with nothing but IMAP4rev1 and a Trash',
  {
    trash: 'Trash',
    without: [
      ...['CONDSTORE', 'QRESYNC', 'ESEARCH', 'MULTIAPPEND', 'LIST-STATUS', 'LIST-EXTENDED', 'MOVE'],
      ...['LITERAL+', 'NAMESPACE', 'BINARY'],
    ],
  },
  { removal: 'trash' },
);
