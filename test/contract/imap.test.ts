import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemClock } from '@postern/core/model/clock.js';
import { openSeam, type Seam } from '@postern/core/model/effect.js';
import type { MessageKey } from '@postern/core/model/row.js';
import { ImapSide } from '@postern/core/side/imap/imap-side.js';
import { afterAll, beforeAll, describe } from 'vitest';
import { type Dovecot, type DovecotOptions, dovecotMissing, startDovecot, withDovecot } from '../support/dovecot.js';
import { ImapUser } from '../support/imap-user.js';
import { describeSide, type OpenedSide, type SideAbilities } from './side.js';

const abilities: SideAbilities = {
  keys: 'uid',
  witness: false,
  removal: 'expunge',
  // Dovecot stores NUL and shows it as 0x80.
  alters: [],
  names: ['dot.ted', 'back\\5cslash', 'quo"ted', 'per%cent', 'st*r', 'cur', ' lead and trail '],
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
  const conf = join(dirname(dirname(server.mailDir(user))), 'dovecot.conf');
  console.log(execFileSync('doveadm', ['-c', conf, 'mailbox', 'update', '--uid-validity', '1999999999', '-u', user, 'INBOX']).toString());
}

describeImap('a plain IMAP server', {});
