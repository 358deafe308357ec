import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sync } from '@postern/core/api/sync.js';
import { createMaildir } from '@postern/core/side/maildir/make-mailbox.js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../support/dovecot.js';
import { ImapUser } from '../support/imap-user.js';
import { MaildirUser } from '../support/maildir-user.js';
import { message } from '../support/messages.js';
import { createRepository, inRepository } from '../support/real-repository.js';

/** Each finds the other's witness in the mailbox, which says that base may be older than the mail: DESIGN §5, matched anew. */
describe.skipIf(dovecotMissing())(withDovecot('FO-24: two repositories on one Maildir'), () => {
  let server: Dovecot;
  beforeAll(async () => {
    server = await startDovecot();
  });
  afterAll(() => server.stop());

  it('take each other for a restored backup and say so: nothing is lost or doubled, and no deletion is carried over', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'postern-shared-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const root = join(directory, 'Mail');
    await createMaildir(root, 'maildir++');
    mkdirSync(join(root, '.postern', 'attic'), { recursive: true });
    const reasons = new Set<string>();
    const accounts: { readonly client: ImapUser; readonly round: () => Promise<number> }[] = [];
    for (const name of ['one', 'two']) {
      const user = `${name}-${randomUUID()}`;
      const client = await ImapUser.login(server.port, user, server.password);
      onTestFinished(() => client.logout());
      await client.append('INBOX', message({ id: name }));
      await client.append('INBOX', message({ id: 'both' }));
      const { port, password } = server;
      const state = join(directory, name);
      const place = { id: randomUUID(), root, layout: 'maildir++', state, port, user, password } as const;
      await createRepository(place);
      const round = async () => {
        const { apply, plan } = await inRepository(place, repository => sync(repository));
        expect(apply.counts).toMatchObject({ failed: 0, skipped: 0, held: 0 });
        for (const { reason } of plan.rematch) reasons.add(reason);
        return apply.counts.done;
      };
      accounts.push({ client, round });
    }
    const subjects = async (client: ImapUser) =>
      (await client.contents('INBOX'))
        .map(({ bytes }) => /Message-ID: <(\w+)@/.exec(bytes.toString())![1])
        .sort();
    const rounds = async () => {
      for (const { round } of [...accounts, ...accounts]) await round();
    };

    const local = new MaildirUser(root);
    const everywhere = async () => {
      await rounds();
      for (const { client } of accounts) expect(await subjects(client)).toEqual(['both', 'one', 'two']);
      expect(local.files('INBOX')).toHaveLength(3);
    };
    await everywhere();
    expect([...reasons]).toEqual(['the witness of the mailbox is of another repository']);
    const [first] = await accounts[0]!.client.contents('INBOX');
    await accounts[0]!.client.expunge('INBOX', first!.uid);
    await everywhere();
  });
});
