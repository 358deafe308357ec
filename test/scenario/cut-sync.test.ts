import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { SyncReport } from '@postern/core/api/sync.js';
import { PosternError } from '@postern/core/model/error.js';
import type { ImapOptions } from '@postern/core/side/imap/imap-options.js';
import { ImapSide } from '@postern/core/side/imap/imap-side.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../support/dovecot.js';
import { ImapUser } from '../support/imap-user.js';
import { accountHoldings, type Holdings } from '../support/mail-holdings.js';
import type { MemoryWorld } from '../support/memory-world.js';
import { message } from '../support/messages.js';
import { Random } from '../support/random.js';
import { Rig } from '../support/rig.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';

/** Places a suite is cut at; `all` for every octet of the conversation. */
const BUDGET = process.env['POSTERN_CUTS'] ?? '24';
const SEED = Number(process.env['POSTERN_SEED'] ?? 20261122);
const ELEVEN_MINUTES = 11 * 60 * 1000;

const mail = (name: string) => message({ id: name, subject: name, body: `${name} has this text.\r\n` });
const large = message({ id: 'large', subject: 'large', body: '0123456789abcdef\r\n'.repeat(1_500) });

/** What a side holds, in the form of `accountHoldings`. */
function worldHoldings(world: MemoryWorld): Holdings {
  const all = Object.entries(world.allContents());
  return Object.fromEntries(
    all.map(([name, messages]) => [
      name,
      messages.map(({ content, flags }) => `${content} ${[...flags].sort().join(' ')}`.trimEnd()).sort(),
    ]),
  );
}

const contentsOf = (...all: Holdings[]) =>
  new Set(all.flatMap(holdings => Object.values(holdings).flat()).map(entry => entry.split(' ')[0]));

describe.skipIf(dovecotMissing())(withDovecot('a sync over a bad network'), () => {
  let server: Dovecot;
  let proxy: WireProxy;
  let tlsProxy: WireProxy;
  let template: Rig;
  let ca: string;
  const account = `t${randomUUID()}`;
  let connection: Pick<ImapOptions, 'user' | 'port' | 'tls'> & Partial<ImapOptions>;

  beforeAll(async () => {
    server = await startDovecot();
    proxy = await startProxy(server.port);
    tlsProxy = await startProxy(server.tlsPort);
    ca = readFileSync(server.caFile, 'utf8');
    connection = { user: account, port: server.port, tls: 'none' };
    template = await Rig.create({
      remoteSide: (seam, clock) =>
        new ImapSide({
          host: '127.0.0.1',
          password: async () => server.password,
          seam,
          clock,
          ...connection,
        }),
    });
    await asClient(account, async client => {
      await client.command('CREATE "Work"');
      for (const name of ['r-flag', 'r-gone', 'r-move', 'l-flag', 'l-gone', 'l-move', 'stays'])
        await client.append('INBOX', mail(name));
    });
    await template.sync();
    await asClient(account, async client => {
      for (const name of ['r-new-1', 'r-new-2']) await client.append('INBOX', mail(name), ['\\Seen']);
      await client.append('Work', large);
      await client.store('INBOX', 1, '+FLAGS (\\Flagged)');
      await client.expunge('INBOX', 2);
      await client.move('INBOX', 3, 'Work');
    });
    const { local } = template;
    const keyOf = (name: string) =>
      [...local.mailbox('INBOX').messages.values()].find(({ bytes }) => bytes.includes(`<${name}@`))!.key;
    for (const name of ['l-new-1', 'l-new-2', 'l-new-3']) local.add('INBOX', mail(name));
    local.createMailbox('Made here');
    local.add('Made here', large);
    local.flag('INBOX', keyOf('l-flag'), { add: ['\\Answered'] });
    local.remove('INBOX', keyOf('l-gone'));
    local.move('INBOX', keyOf('l-move'), 'Work');
  });

  afterAll(async () => {
    await proxy?.stop();
    await tlsProxy?.stop();
    await server?.stop();
  });

  async function asClient<T>(user: string, act: (client: ImapUser) => Promise<T>): Promise<T> {
    const client = await ImapUser.login(server.port, user, server.password);
    try {
      return await act(client);
    } finally {
      await client.logout();
    }
  }

  /** The account and the local side as they are before the sync, for one trial. */
  async function trial(): Promise<{ rig: Rig; user: string }> {
    const user = `u${randomUUID()}`;
    execFileSync('cp', ['-a', server.mailDir(account), server.mailDir(user)]);
    return { rig: await template.clone(), user };
  }

  const through = (user: string, over: WireProxy, more: Partial<ImapOptions> = {}) => {
    const tls = over === tlsProxy ? { tls: 'implicit' as const, ca } : { tls: 'none' as const };
    connection = { user, port: over.port, ...tls, ...more };
  };
  const past = (user: string) => {
    connection = { user, port: server.port, tls: 'none' };
  };

  const holdings = async (user: string, rig: Rig) => ({
    remote: await asClient(user, accountHoldings),
    local: worldHoldings(rig.local),
  });

  /** The conversation of a sync nobody disturbs: what comes out, and how long it is. */
  async function undisturbed(over: WireProxy) {
    const { rig, user } = await trial();
    through(user, over);
    over.reset();
    const report = await rig.sync();
    expect(report.apply).toMatchObject({ problems: [], counts: { failed: 0, skipped: 0 } });
    const length = { sent: over.sent(), received: over.received() };
    const commands = over.commands();
    const connections = over.connections();
    const { remote, local } = await holdings(user, rig);
    expect(local).toEqual(remote);
    expect((await rig.plan()).actions).toEqual([]);
    return { wanted: remote, length, commands, connections };
  }

  async function tried(rig: Rig): Promise<{ report?: SyncReport; error?: PosternError }> {
    try {
      return { report: await rig.sync() };
    } catch (error) {
      if (error instanceof PosternError) return { error };
      throw error;
    }
  }

  /** What ends a sync, and that it says what was awaited. */
  const LOST =
    /^the connection to 127\.0\.0\.1 was lost during [A-Z ]+( in .+)? \(.+\)$|^127\.0\.0\.1:\d+ cannot be reached: .+|^no /;

  /** Whether the fault was felt. Whatever it was, nothing is lost, and the next syncs end where an undisturbed one does. */
  async function survives(
    where: string,
    { rig, user }: { rig: Rig; user: string },
    wanted: Holdings,
  ): Promise<boolean> {
    const { report, error } = await tried(rig);
    const felt = error ?? report?.apply.stopped;
    if (felt !== undefined) {
      expect(['unreachable', 'tls-refused'], `${where}: ${felt.message}`).toContain(felt.code);
      expect(felt.message, where).toMatch(LOST);
      expect(felt.message, where).not.toMatch(/\b(NoConnection|ETIMEOUT|[A-Z]+_TIMEOUT)\b/);
    }
    past(user);
    const between = await holdings(user, rig);
    const there = contentsOf(between.remote, between.local);
    for (const content of contentsOf(wanted)) expect(there, where).toContain(content);
    await rig.sync();
    rig.clock.pass(ELEVEN_MINUTES);
    const last = await rig.sync();
    const after = await holdings(user, rig);
    expect(after, where).toEqual({ remote: wanted, local: wanted });
    expect(last.apply.problems, where).toEqual([]);
    expect((await rig.plan()).actions, where).toEqual([]);
    return felt !== undefined || report!.apply.counts.failed > 0;
  }

  function places(length: number, random: Random, share: number): number[] {
    if (BUDGET === 'all') return Array.from({ length: length - 1 }, (_, at) => at + 1);
    return Array.from({ length: Math.ceil(Number(BUDGET) * share) }, () => 1 + random.below(length - 1));
  }

  it('RF-09: that is cut after any octet, in either direction, loses nothing and repeats nothing', async () => {
    const { wanted, length, connections } = await undisturbed(proxy);
    const random = new Random(SEED);
    let felt = 0;
    let all = 0;
    for (const direction of ['sent', 'received'] as const) {
      for (const at of places(length[direction], random, 0.5)) {
        const one = await trial();
        through(one.user, proxy);
        proxy.cutAfter(at, direction);
        const before = proxy.connections();
        const isTold = await survives(`cut after ${at} octets ${direction}`, one, wanted);
        // A look that is cut is begun anew on another connection, and nobody is told.
        if (isTold || proxy.connections() - before > connections) felt++;
        proxy.cutAfter(Number.MAX_SAFE_INTEGER);
        all++;
      }
    }
    expect(felt).toBeGreaterThan(all * 0.8);
  }, 600_000_000);

  it('RF-09: finds out what became of every command whose answer is lost', async () => {
    const { wanted, commands } = await undisturbed(proxy);
    const verbs = new Set(commands.map(({ text }) => /^(?:UID )?\w+/.exec(text)![0]));
    expect([...verbs]).toEqual(
      expect.arrayContaining(['APPEND', 'UID MOVE', 'UID STORE', 'UID EXPUNGE', 'CREATE']),
    );
    for (const verb of verbs) {
      if (/LOGOUT|NOOP/.test(verb)) continue;
      const one = await trial();
      through(one.user, proxy);
      proxy.loseAnswerTo(new RegExp(`^${verb}`));
      await survives(`answer to ${verb} lost`, one, wanted);
    }
  });

  it('is the same when every octet arrives alone', async () => {
    const { wanted } = await undisturbed(proxy);
    proxy.chop(1);
    const one = await trial();
    through(one.user, proxy);
    expect(await survives('one octet at a time', one, wanted)).toBe(false);
    proxy.chop(0);
  });

  it('RF-13: over TLS is no clean end when it is cut without a close_notify', async () => {
    const { wanted, length } = await undisturbed(tlsProxy);
    const random = new Random(SEED + 1);
    let felt = 0;
    for (const at of places(length.received, random, 0.2)) {
      const one = await trial();
      through(one.user, tlsProxy);
      tlsProxy.cutAfter(at, 'received');
      if (await survives(`TLS cut after ${at} octets`, one, wanted)) felt++;
      tlsProxy.cutAfter(Number.MAX_SAFE_INTEGER);
    }
    expect(felt).toBeGreaterThan(0);
  }, 600_000_000);

  it('RF-18: ends by its own time limit where the server stops talking, and says what it waited for', async () => {
    const { wanted, length } = await undisturbed(proxy);
    const random = new Random(SEED + 2);
    for (const direction of ['sent', 'received'] as const) {
      for (const at of places(length[direction], random, 0.15)) {
        const one = await trial();
        const timeouts = { connect: 300, greeting: 300, silence: 300, stall: 300, logout: 50 };
        through(one.user, proxy, { timeouts });
        proxy.stallAfter(at, direction);
        const where = `stalled after ${at} octets ${direction}`;
        await survives(where, one, wanted);
        proxy.stallAfter(Number.MAX_SAFE_INTEGER);
      }
    }
  }, 600_000_000);
});
