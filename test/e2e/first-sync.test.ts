import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../support/dovecot.js';
import type { Holdings } from '../support/mail-holdings.js';
import { oddCorpus } from '../support/odd-corpus.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';
import { AccountWorld, bodiesFetched, countOf } from './account-world.js';

describe.skipIf(dovecotMissing())(withDovecot('a first sync of 2,000 messages'), () => {
  let server: Dovecot;
  let proxy: WireProxy;
  let world: AccountWorld;
  let before: Holdings;
  let synced: string;

  beforeAll(async () => {
    server = await startDovecot();
    proxy = await startProxy(server.port);
    world = new AccountWorld(server, { proxy });
    await world.fillAccount(oddCorpus({ seed: 2026, messages: 2000, mailboxes: 8 }));
    await world.init();
    before = (await world.holdings()).remote;
    synced = await world.good(['sync']);
  }, 600_000);

  afterAll(async () => {
    world?.remove();
    await proxy?.stop();
    await server?.stop();
  });

  it('brings every message with its flags, and changes nothing on the server', async () => {
    expect(Object.keys(before)).toEqual(expect.arrayContaining(['Entwürfe', 'Listen/日本語', 'R&D']));
    expect(countOf(before)).toBeGreaterThan(2000);
    const { remote, local } = await world.holdings();
    expect(remote).toEqual(before);
    expect(local).toEqual(before);
    expect(synced).toMatch(/^Applied: [\d,]+ done \(operation \S+\)$/m);
  });

  it('fetches every body exactly once', () => {
    expect(bodiesFetched(proxy)).toBe(countOf(before));
    expect(proxy.commands(/^(APPEND|STORE|UID STORE|EXPUNGE|UID EXPUNGE|CREATE|DELETE|RENAME)\b/)).toEqual(
      [],
    );
  });

  it('leaves nothing to do', async () => {
    await world.expectSettled();
    expect(await world.plan()).toEqual([]);
    proxy.reset();
    expect(await world.good(['sync'])).toContain('Nothing to do');
    expect(bodiesFetched(proxy)).toBe(0);
    expect(proxy.received()).toBeLessThan(10_000);
  });

  it('leaves a state that fsck finds whole', async () => {
    const report = JSON.parse(await world.good(['fsck', '--json']));
    expect(report).toMatchObject({ findings: [] });
  });
});
