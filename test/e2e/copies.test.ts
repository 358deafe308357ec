import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WireEncoder } from '@postern/core/model/line-ends.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { corpus } from '../support/corpus.js';
import { type Cyrus, cyrusMissing, startCyrus, withCyrus } from '../support/cyrus.js';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../support/dovecot.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';
import { AccountWorld, countOf } from './account-world.js';

const MESSAGES = 80;

/** A mailbox of messages of 20 kB or so; all have a Message-ID, and no two are one. */
function distinctMail() {
  const seen = new Set<string>();
  const mail = [...corpus({ seed: 7, messages: MESSAGES + 20, mailboxes: 1, meanBytes: 20_000 })];
  return mail
    .filter(({ bytes }) => {
      const id = /^Message-ID: (.*)$/im.exec(bytes.toString('latin1'))?.[1];
      if (id === undefined || seen.has(id)) return false;
      seen.add(id);
      return true;
    })
    .slice(0, MESSAGES)
    .map(message => ({ ...message, mailbox: 'INBOX', bytes: new WireEncoder().encode(message.bytes) }));
}

const servers = [
  [withDovecot('on Dovecot'), dovecotMissing, () => startDovecot()],
  [withCyrus('on Cyrus'), cyrusMissing, () => startCyrus()],
] as const;

describe.each(servers)('an account with every message in two mailboxes %s', (_name, missing, start) => {
  const mail = distinctMail();
  const octets = mail.reduce((sum, { bytes }) => sum + bytes.length, 0);
  let server: Dovecot | Cyrus;
  let proxy: WireProxy;
  const worlds: AccountWorld[] = [];

  beforeAll(async () => {
    if (missing() !== undefined) return;
    server = await start();
    proxy = await startProxy(server.port);
  }, 120_000);

  afterAll(async () => {
    for (const world of worlds) world.remove();
    await proxy?.stop();
    await server?.stop();
  });

  async function newWorld(): Promise<AccountWorld> {
    const world = new AccountWorld(server, { proxy });
    worlds.push(world);
    await world.init();
    return world;
  }

  it.skipIf(missing() !== undefined)('is downloaded once, and then uploaded elsewhere once', async () => {
    const down = await newWorld();
    await down.fillAccount(mail);
    await down.asClient(async client => {
      await client.command('CREATE All');
      await client.command('SELECT INBOX');
      await client.command('UID COPY 1:* All');
    });
    proxy.reset();
    await down.good(['sync']);
    expect(proxy.bodies()).toBe(MESSAGES);
    expect(proxy.received()).toBeLessThan(octets * 1.15);
    const holdings = await down.expectSettled();
    expect(countOf(holdings)).toBe(2 * MESSAGES);
    expect(holdings.All).toEqual(holdings.INBOX);
    expect(JSON.parse(await down.good(['fsck', '--json']))).toMatchObject({ findings: [] });

    const up = await newWorld();
    up.makeLocalMailbox('.All');
    for (const directory of ['cur', 'new']) {
      for (const name of readdirSync(join(down.local, directory))) {
        const bytes = readFileSync(join(down.local, directory, name));
        for (const mailbox of ['.', '.All']) writeFileSync(join(up.local, mailbox, directory, name), bytes);
      }
    }
    proxy.reset();
    await up.good(['sync']);
    expect(proxy.bodies()).toBe(MESSAGES);
    expect(proxy.sent()).toBeLessThan(octets * 1.15);
    expect(countOf(await up.expectSettled())).toBe(2 * MESSAGES);
  });

  it.skipIf(missing() !== undefined)('takes the space of one where copies are links', async () => {
    const world = await newWorld();
    const config = join(world.local, '.postern', 'config.toml');
    const text = readFileSync(config, 'utf8');
    writeFileSync(config, text.replace('[local]\n', '[local]\ncopies = "links"\n'));
    await world.fillAccount(mail.slice(0, 20));
    await world.good(['sync']);
    await world.asClient(async client => {
      await client.command('CREATE All');
      await client.command('SELECT INBOX');
      await client.command('UID COPY 1:* All');
    });
    proxy.reset();
    await world.good(['sync']);
    expect(proxy.bodies()).toBe(0);
    const files = ['cur', 'new', '.All/cur', '.All/new'].flatMap(place =>
      readdirSync(join(world.local, place)).map(name => statSync(join(world.local, place, name))),
    );
    expect(files.map(({ nlink }) => nlink)).toEqual(Array.from({ length: 40 }, () => 2));
    expect(new Set(files.map(({ ino }) => ino)).size).toBe(20);
    await world.expectSettled();
  });
});
