import type { Seam } from '@postern/core/model/effect.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Cyrus, cyrusMissing, startCyrus, withCyrus } from '../support/cyrus.js';
import { ImapUser } from '../support/imap-user.js';
import { deliverAll, letter } from '../support/letters.js';
import { oddMessages } from '../support/messages.js';
import { openAccount } from './imap-account.js';
import { done } from './side/opened-side.js';
import { describeSide, type SideAbilities } from './side.js';

/** Cyrus takes no message with such a header. */
const REFUSED = ['folded Message-ID', 'header without colon'] as const;

/** Cyrus writes an X for each octet of a header that is not ASCII. */
const MUNGED = ['8-bit header', 'invalid UTF-8', 'escape codes'] as const;

const abilities: SideAbilities = {
  keys: 'uid',
  witness: false,
  removal: 'expunge',
  alters: [...REFUSED, ...MUNGED, 'bare LF', 'NUL'],
  names: ['st*r', 'cur', ' lead and trail '],
};

describe.skipIf(cyrusMissing())(withCyrus('a Cyrus server'), () => {
  let server: Cyrus;
  beforeAll(async () => {
    server = await startCyrus();
  });
  afterAll(() => server.stop());

  const open = (seam?: Seam) =>
    openAccount(
      {
        ...server,
        connect: { port: server.port, tls: 'none' },
        renewInbox: user => renewInbox(server, user),
      },
      seam,
    );

  describeSide('as a side', abilities, open);

  it('keeps messages whose headers it changes known under what they were', async () => {
    const { side, cleanup } = await open();
    onTestFinished(cleanup);
    const letters = MUNGED.map(name => letter(oddMessages()[name]));
    const rows = (await deliverAll(side, INBOX, letters)).map(done);
    const { rows: now } = await side.snapshot(INBOX, undefined);
    for (const row of rows) expect(now.get(row.key)?.identity.digest).toBe(row.identity.digest);
  });

  it('refuses messages one by one, with its reason', async () => {
    const { side, cleanup } = await open();
    onTestFinished(cleanup);
    const names = ['8-bit header', ...REFUSED, 'empty body'] as const;
    const outcomes = await deliverAll(
      side,
      INBOX,
      names.map(name => letter(oddMessages()[name])),
    );
    const refused = { kind: 'refused', reason: expect.stringContaining('invalid header') };
    expect(outcomes).toMatchObject([{ kind: 'done' }, refused, refused, { kind: 'done' }]);
  });
});

/** The whole account is made anew, and the messages are put back as a restored backup would. */
async function renewInbox(server: Cyrus, user: string): Promise<void> {
  const before = await ImapUser.login(server.port, user, server.password);
  const messages = await before.contents('INBOX');
  await before.logout();
  const admin = await ImapUser.login(server.port, server.admin, server.password);
  await admin.command(`SETACL "user/${user}" ${server.admin} lrswipkxtecda`);
  await admin.command(`DELETE "user/${user}"`);
  await admin.logout();
  const after = await ImapUser.login(server.port, user, server.password);
  for (const { bytes, flags } of messages) await after.append('INBOX', bytes, flags);
  await after.logout();
}
