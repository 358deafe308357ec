import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ImapOptions } from '@postern/core/side/imap/imap-options.js';
import { afterAll, beforeAll, describe } from 'vitest';
import {
  type Dovecot,
  type DovecotOptions,
  dovecotMissing,
  startDovecot,
  withDovecot,
} from '../support/dovecot.js';
import { openAccount } from './imap-account.js';
import { describeSide, type SideAbilities } from './side.js';

const abilities: SideAbilities = {
  keys: 'uid',
  witness: false,
  removal: 'expunge',
  // Dovecot shows NUL as 0x80 and a CR before CRLF not at all.
  alters: ['NUL', 'bare CR'],
  names: ['back\\5cslash', 'quo"ted', 'per%cent', 'st*r', 'cur', ' lead and trail '],
};

/** One server for a suite; each test has a user of its own. */
function describeImap(
  name: string,
  { reader = 'bulk', ...options }: DovecotOptions & Pick<ImapOptions, 'reader'>,
  differs: Partial<SideAbilities> = {},
): void {
  describe.skipIf(dovecotMissing())(withDovecot(name), () => {
    let server: Dovecot;
    beforeAll(async () => {
      server = await startDovecot(options);
    });
    afterAll(() => server.stop());
    describeSide('as a side', { ...abilities, ...differs }, seam =>
      openAccount(
        {
          ...server,
          separator: options.separator ?? '/',
          prefix: options.prefix ?? '',
          connect: { port: server.tlsPort, tls: 'implicit', ca: readFileSync(server.caFile, 'utf8'), reader },
          renewInbox: async user => renewInbox(server, user),
        },
        seam,
      ),
    );
  });
}

/** What a restored or rebuilt server does: the same messages under another UIDVALIDITY. */
function renewInbox(server: Dovecot, user: string): void {
  const configuration = join(dirname(dirname(server.mailDir(user))), 'dovecot.conf');
  const update = ['mailbox', 'update', '--uid-validity', '1999999999', '-u', user, 'INBOX'];
  execFileSync('doveadm', ['-c', configuration, ...update], { stdio: 'ignore' });
}

describeImap('a plain IMAP server', {});

describeImap('a plain IMAP server, read by imapflow alone', { reader: 'imapflow' });

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
  { removal: 'trash', copiesToMove: true },
);
