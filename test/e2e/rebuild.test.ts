import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { identityOf } from '@postern/core/model/identity.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../support/dovecot.js';
import type { Holdings } from '../support/mail-holdings.js';
import { MaildirUser } from '../support/maildir-user.js';
import { oddCorpus } from '../support/odd-corpus.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';
import { AccountWorld, bodiesFetched } from './account-world.js';

const MAIL = [...oddCorpus({ seed: 3, messages: 600, mailboxes: 6 })];

describe.skipIf(dovecotMissing())(withDovecot('a state that is lost'), () => {
  let server: Dovecot;
  let proxy: WireProxy;
  let world: AccountWorld;
  let before: Holdings;
  let files: string[];

  beforeAll(async () => {
    server = await startDovecot();
    proxy = await startProxy(server.port);
    world = new AccountWorld(server, { proxy });
    await world.fillAccount(MAIL);
    await world.init();
    await world.good(['sync']);
    before = await world.expectSettled();
    files = new MaildirUser(world.local).files('INBOX');
    const state = join(world.local, '.postern', 'state');
    renameSync(state, join(world.directory, 'lost'));
    proxy.reset();
  }, 300_000);

  afterAll(async () => {
    world?.remove();
    await proxy?.stop();
    await server?.stop();
  });

  it('is noticed by every command, which does nothing and names fsck', async () => {
    for (const args of [['status'], ['plan'], ['fetch'], ['sync'], ['apply', '--yes']]) {
      const { exit, stderr } = await world.run(args);
      expect({ args, exit }).toEqual({ args, exit: 4 });
      expect(stderr).toContain('fsck --repair');
    }
    expect(await world.holdings()).toEqual({ remote: before, local: before });
  });

  it('is rebuilt without a message travelling either way', async () => {
    expect(await world.run(['fsck', '--repair'])).toMatchObject({ exit: 0, stderr: '' });
    expect(bodiesFetched(proxy)).toBeLessThanOrEqual(unclear());
    expect(proxy.commands(/^(APPEND|UID STORE|UID EXPUNGE|UID COPY|UID MOVE|CREATE)\b/)).toEqual([]);
    expect(await world.plan()).toEqual([]);
    expect(await world.expectSettled()).toEqual(before);
    expect(new MaildirUser(world.local).files('INBOX')).toEqual(files);
  });

  it('is then as good as before: fsck finds nothing, and deletions travel', async () => {
    expect(JSON.parse(await world.good(['fsck', '--json']))).toMatchObject({ findings: [] });
    const [victim] = new MaildirUser(world.local).files('INBOX');
    rmSync(new MaildirUser(world.local).path('INBOX', victim!.split(':2,')[0]!));
    expect(await world.run(['sync'])).toMatchObject({ exit: 0, stderr: '' });
    expect((await world.expectSettled())['INBOX']).toHaveLength(before['INBOX']!.length - 1);
  });

  /** Messages whose header does not tell them apart. */
  function unclear(): number {
    const classes = new Map<string, number>();
    const nameOf = ({ mailbox, bytes }: (typeof MAIL)[number]) =>
      `${mailbox} ${identityOf(bytes).identity.digest}`;
    for (const one of MAIL) classes.set(nameOf(one), (classes.get(nameOf(one)) ?? 0) + 1);
    return MAIL.filter(
      one => classes.get(nameOf(one))! > 1 || identityOf(one.bytes).identity.messageId === undefined,
    ).length;
  }
});
