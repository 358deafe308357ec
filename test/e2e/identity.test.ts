import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../support/dovecot.js';
import { contentOf } from '../support/letters.js';
import type { Holdings } from '../support/mail-holdings.js';
import { MaildirUser } from '../support/maildir-user.js';
import { falseTwins, message, twins } from '../support/messages.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';
import { AccountWorld, bodiesFetched } from './account-world.js';

const DATE = 1_700_000_000_000;
const distinct = Array.from({ length: 30 }, (_, index) =>
  message({ id: index % 10 === 0 ? false : `message-${index}`, subject: `Number ${index}` }),
);
const same = twins({ id: 'twins' });
const nameless = twins({ id: false, subject: 'Twins without an id' });
const alike = falseTwins();
const MAIL = [...distinct, ...same, ...nameless, ...alike].map((bytes, index) => ({
  mailbox: 'INBOX',
  bytes,
  flags: ['\\Seen'],
  date: DATE + index * 1000,
}));
/** Messages that only their content tells apart. */
const UNCLEAR = distinct.length / 10 + same.length + nameless.length + alike.length;
const CHANGING = /^(APPEND|UID STORE|UID EXPUNGE|UID COPY|UID MOVE|CREATE)\b/;

describe.skipIf(dovecotMissing())(withDovecot('a message is known again'), { timeout: 120_000 }, () => {
  let server: Dovecot;
  let proxy: WireProxy;
  let world: AccountWorld;
  let reader: MaildirUser;
  let before: Holdings;

  beforeAll(async () => {
    server = await startDovecot();
    proxy = await startProxy(server.port);
  });

  afterAll(async () => {
    await proxy?.stop();
    await server?.stop();
  });

  beforeEach(async () => {
    world = new AccountWorld(server, { proxy });
    await world.fillAccount(MAIL);
    await world.init();
    await world.good(['sync']);
    before = await world.expectSettled();
    reader = new MaildirUser(world.local);
    proxy.reset();
  });

  afterEach(() => world.remove());

  const keys = () => reader.files('INBOX').map(name => name.split(':2,')[0]!);
  const keysWith = (bytes: Buffer) =>
    keys().filter(key => contentOf(readFileSync(reader.path('INBOX', key))) === contentOf(bytes));
  const times = (holdings: Holdings, bytes: Buffer) =>
    holdings['INBOX']!.filter(entry => entry.startsWith(contentOf(bytes))).length;

  it('two identical messages stay two, and of them one deletion deletes one', async () => {
    for (const [twin] of [same, nameless]) {
      expect(times(before, twin)).toBe(2);
      reader.remove('INBOX', keysWith(twin)[0]!);
    }
    expect(await world.run(['sync'])).toMatchObject({ exit: 0, stderr: '' });
    const after = await world.expectSettled();
    for (const [twin] of [same, nameless]) expect(times(after, twin)).toBe(1);
    expect(after['INBOX']).toHaveLength(MAIL.length - 2);
  });

  it('when every file has another name: nothing travels, and it can be deleted afterwards', async () => {
    for (const [index, key] of keys().entries()) {
      renameSync(reader.path('INBOX', key), join(world.local, 'cur', `1600000000.renamed${index}.host:2,S`));
    }
    expect(await world.run(['sync'])).toMatchObject({ exit: 0, stderr: '' });
    expect(proxy.commands(CHANGING)).toEqual([]);
    expect(bodiesFetched(proxy)).toBeLessThanOrEqual(UNCLEAR);
    expect(await world.expectSettled()).toEqual(before);
    expect(keys().every(key => key.startsWith('1600000000.renamed'))).toBe(true);
    reader.remove('INBOX', keysWith(distinct[5]!)[0]!);
    expect(await world.run(['sync'])).toMatchObject({ exit: 0, stderr: '' });
    expect((await world.expectSettled())['INBOX']).toHaveLength(MAIL.length - 1);
  });

  it('when UIDVALIDITY is another one: nothing is doubled or deleted, and no clear message travels', async () => {
    const files = keys();
    const validity = () =>
      world.asClient(async client => (await client.command('STATUS INBOX (UIDVALIDITY)')).untagged.join());
    const old = await validity();
    // It is the time in seconds.
    await setTimeout(1100);
    const account = server.mailDir(world.user);
    for (const name of readdirSync(account)) if (name.startsWith('dovecot')) rmSync(join(account, name));
    expect(await validity()).not.toBe(old);
    expect(await world.run(['sync'])).toMatchObject({ exit: 0, stderr: '' });
    expect(proxy.commands(CHANGING)).toEqual([]);
    expect(bodiesFetched(proxy)).toBeLessThanOrEqual(UNCLEAR);
    expect(await world.expectSettled()).toEqual(before);
    expect(keys()).toEqual(files);
  });

  it('when it was moved to another mailbox, on either side: its bytes do not travel', async () => {
    await world.asClient(client => client.command('CREATE Archive'));
    expect(await world.run(['sync'])).toMatchObject({ exit: 0, stderr: '' });
    proxy.reset();
    mkdirSync(join(world.local, '.Archive', 'cur'), { recursive: true });
    for (const bytes of distinct.slice(1, 6)) reader.move('INBOX', keysWith(bytes)[0]!, 'Archive');
    await world.asClient(client => client.move('INBOX', '12:16', 'Archive'));
    expect(await world.run(['sync'])).toMatchObject({ exit: 0, stderr: '' });
    expect(bodiesFetched(proxy)).toBe(0);
    expect(proxy.commands(/^APPEND\b/)).toEqual([]);
    const after = await world.expectSettled();
    expect(after['Archive']).toHaveLength(10);
    expect(after['INBOX']).toHaveLength(MAIL.length - 10);
  });

  it('by another repository too, which takes over a copy of the Maildir', async () => {
    rmSync(join(world.local, '.postern'), { recursive: true });
    for (const name of readdirSync(world.local))
      if (name.startsWith('.postern')) rmSync(join(world.local, name));
    await world.init();
    expect(await world.run(['sync'])).toMatchObject({ exit: 0, stderr: '' });
    expect(proxy.commands(CHANGING)).toEqual([]);
    expect(bodiesFetched(proxy)).toBe(UNCLEAR);
    expect(await world.expectSettled()).toEqual(before);
  });
});
