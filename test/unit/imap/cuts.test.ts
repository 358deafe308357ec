import { randomUUID } from 'node:crypto';
import { systemClock } from '@postern/core/model/clock.js';
import { openSeam } from '@postern/core/model/effect.js';
import { PosternError } from '@postern/core/model/error.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import { ImapSide } from '@postern/core/side/imap/imap-side.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../../support/dovecot.js';
import { ImapUser } from '../../support/imap-user.js';
import { contentOf, deliverAll, letter, readAll } from '../../support/letters.js';
import { message } from '../../support/messages.js';
import { startProxy, type WireProxy } from '../../support/wire-proxy.js';

/** Octets between two places where the connection is cut; prime, so that it falls on every kind of place. */
const STEP = 101;

describe.skipIf(dovecotMissing())(withDovecot('a connection that is cut anywhere'), () => {
  let server: Dovecot;
  let proxy: WireProxy;
  beforeAll(async () => {
    server = await startDovecot();
    proxy = await startProxy(server.port);
  });
  afterAll(async () => {
    await proxy.stop();
    await server.stop();
  });

  const sideFor = (user: string) =>
    new ImapSide({
      host: '127.0.0.1',
      port: proxy.port,
      user,
      password: async () => server.password,
      tls: 'none',
      seam: openSeam,
      clock: systemClock,
    });
  const bytes = Array.from({ length: 12 }, (_, index) => message({ id: `m${index}` }));

  async function filled(): Promise<string> {
    const user = `u${randomUUID()}`;
    const client = await ImapUser.login(server.port, user, server.password);
    for (const each of bytes) await client.append('INBOX', each);
    await client.logout();
    return user;
  }

  /** All of what a side sees of the account. */
  async function see(side: ImapSide): Promise<string[]> {
    const { entries } = await side.list();
    expect(entries.map(entry => entry.mailbox)).toEqual([INBOX]);
    const { rows, cursor } = await side.snapshot(INBOX, undefined);
    expect(rows.size).toBe(bytes.length);
    const found = await readAll(side, INBOX, cursor.epoch, rows.values());
    return [...found.values()].map(contentOf);
  }

  it('RF-10, RF-12: is an error or no loss at all: never a short list, never half a message', async () => {
    const user = await filled();
    const wanted = bytes.map(contentOf);
    const first = sideFor(user);
    proxy.reset();
    expect(await see(first)).toEqual(wanted);
    await first.close();
    const total = proxy.received();
    let cuts = 0;
    for (let at = 1; at < total; at += STEP) {
      const side = sideFor(user);
      proxy.cutAfter(at, 'received');
      const seen = await see(side).catch(error => error as unknown);
      if (seen instanceof PosternError) {
        expect(seen.code, `cut after ${at}`).toBe('unreachable');
        cuts++;
        expect(await see(side), `after the cut after ${at}`).toEqual(wanted);
      } else expect(seen, `cut after ${at}`).toEqual(wanted);
      await side.close();
    }
    expect(cuts).toBeGreaterThan(20);
  });

  it('RF-09: leaves of a delivery what its outcomes say, and each message once at most', async () => {
    const sample = sideFor(`u${randomUUID()}`);
    proxy.cutAfter(Number.MAX_SAFE_INTEGER);
    proxy.reset();
    await deliverAll(
      sample,
      INBOX,
      bytes.map(each => letter(each)),
    );
    await sample.close();
    const totals = { sent: proxy.sent(), received: proxy.received() };
    let cuts = 0;
    for (const direction of ['sent', 'received'] as const) {
      const total = totals[direction];
      for (let at = 100; at < total; at += STEP * 5) {
        const user = `u${randomUUID()}`;
        const side = sideFor(user);
        proxy.cutAfter(at, direction);
        const outcomes = await deliverAll(
          side,
          INBOX,
          bytes.map(each => letter(each)),
        ).catch(() => undefined);
        const client = await ImapUser.login(server.port, user, server.password);
        const there = (await client.contents('INBOX')).map(each => contentOf(each.bytes));
        await client.logout();
        const where = `cut after ${at} octets ${direction}`;
        expect(new Set(there).size, where).toBe(there.length);
        for (const [index, outcome] of (outcomes ?? []).entries()) {
          const arrived = there.includes(contentOf(bytes[index]!));
          if (outcome.kind === 'done') expect(arrived, where).toBe(true);
          if (outcome.kind === 'refused') expect(arrived, where).toBe(false);
        }
        if (outcomes === undefined) expect(there, where).toEqual([]);
        else if (outcomes.some(({ kind }) => kind === 'unknown')) cuts++;
        await side.close();
      }
    }
    expect(cuts).toBeGreaterThan(5);
  });
});
