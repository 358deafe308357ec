import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identityOf } from '@postern/core/model/identity.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type CorpusMessage, corpus, writeMaildir } from '../support/corpus.js';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../support/dovecot.js';
import { maildirHoldings } from '../support/mail-holdings.js';
import { message } from '../support/messages.js';
import { plainLines } from '../support/plain-lines.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';
import { AccountWorld, bodiesFetched, countOf } from './account-world.js';
import { jsonLines } from './cli-command.js';

const MAIL = [...corpus({ seed: 7, messages: 1000, mailboxes: 5, meanBytes: 6000 })].map(one => ({
  ...one,
  bytes: plainLines(one.bytes),
}));

/** Messages that a header alone does not tell apart: without Message-ID, or with the same identity fields as another. */
function ambiguous(messages: readonly CorpusMessage[]): CorpusMessage[] {
  const classes = new Map<string, CorpusMessage[]>();
  for (const one of messages) {
    const name = `${one.mailbox} ${identityOf(one.bytes).identity.digest}`;
    classes.set(name, [...(classes.get(name) ?? []), one]);
  }
  return [...classes.values()]
    .filter(
      ([first, ...more]) => more.length > 0 || identityOf(first!.bytes).identity.messageId === undefined,
    )
    .flat();
}

const octets = (messages: readonly CorpusMessage[]) =>
  messages.reduce((sum, { bytes }) => sum + bytes.length, 0);

describe.skipIf(dovecotMissing())(
  withDovecot('a Maildir that holds the account’s mail already'),
  { timeout: 300_000 },
  () => {
    let server: Dovecot;
    let proxy: WireProxy;
    let world: AccountWorld;

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
      proxy.reset();
    }, 300_000);

    afterEach(() => world.remove());

    async function adopt(): Promise<Record<string, unknown>[]> {
      await world.init();
      const report = JSON.parse(await world.good(['fetch', '--json'])) as { bodiesRead: number };
      const actions = await world.plan();
      expect(await world.run(['apply', '--yes'])).toMatchObject({ exit: 0, stderr: '' });
      expect(bodiesFetched(proxy)).toBe(report.bodiesRead);
      return actions;
    }

    const opsOf = (actions: readonly Record<string, unknown>[]) => [...new Set(actions.map(({ op }) => op))];

    it('DB-21: is adopted with pair lines alone, and only what a header cannot tell apart is fetched', async () => {
      writeMaildir(world.local, MAIL);
      const before = maildirHoldings(world.local);
      const actions = await adopt();
      expect(opsOf(actions)).toEqual(['pair']);
      expect(actions).toHaveLength(MAIL.length);
      const unclear = ambiguous(MAIL);
      expect(unclear.length).toBeGreaterThan(0);
      expect(unclear.length).toBeLessThan(MAIL.length / 20);
      expect(bodiesFetched(proxy)).toBe(unclear.length);
      // A header's excerpt and the rest of a row are below 1,000 octets a message, twice: fetch and apply look at both sides.
      expect(proxy.received()).toBeLessThan(octets(unclear) + 2 * 1000 * MAIL.length);
      expect(proxy.commands(/^(APPEND|UID STORE|UID EXPUNGE|CREATE)\b/)).toEqual([]);
      expect(await world.expectSettled()).toEqual(before);
    });

    it('whose flags differ: both sides get the union, save \\Deleted, and still no body travels', async () => {
      const plain = MAIL.map(one => ({ ...one, flags: one.flags.filter(flag => flag === '\\Seen') }));
      writeMaildir(world.local, plain);
      const actions = await adopt();
      expect(opsOf(actions).sort()).toEqual(['flag-local', 'flag-remote', 'pair']);
      for (const action of actions)
        if (action['op'] === 'flag-remote') expect(action).toMatchObject({ remove: ['\\Deleted'] });
      expect(bodiesFetched(proxy)).toBe(ambiguous(MAIL).length);
      const settled = await world.expectSettled();
      expect(countOf(settled)).toBe(MAIL.length);
      const flagged = (flag: string) =>
        Object.values(settled).flatMap(entries => entries.filter(entry => entry.includes(flag))).length;
      expect(flagged('\\Flagged')).toBe(MAIL.filter(({ flags }) => flags.includes('\\Flagged')).length);
      expect(flagged('\\Deleted')).toBe(0);
    });

    const mbsync = spawnSync('mbsync', ['--version']).status === 0;

    it.skipIf(!mbsync)(
      `that mbsync made is adopted whole, and deletions go both ways then${mbsync ? '' : ' [skipped: isync is not installed]'}`,
      async () => {
        mkdirSync(world.local);
        runMbsync(world, server);
        // What mbsync sends has its line in the account, and what it fetches has it in the file.
        for (const name of ['here', 'there']) {
          const bytes = message({ subject: `Sent ${name}`, body: 'By mbsync.\r\n' });
          writeFileSync(join(world.local, 'cur', `1700000000.${name}.host:2,S`), bytes);
        }
        runMbsync(world, server);
        const { remote, local: files } = await world.holdings();
        await world.init();
        await world.good(['fetch']);
        const [header, ...actions] = jsonLines((await world.run(['plan'])).stdout);
        expect(opsOf(actions)).toEqual(['pair']);
        expect(actions).toHaveLength(MAIL.length + 2);
        expect(header).toMatchObject({ blocked: 0 });
        expect(await world.run(['apply', '--yes'])).toMatchObject({ exit: 0, stderr: '' });
        expect(bodiesFetched(proxy)).toBe(ambiguous(MAIL).length);
        expect(await world.plan()).toEqual([]);
        expect((await world.holdings()).local).toEqual(files);

        const inbox = remote['INBOX']!.length;
        const names = readdirSync(join(world.local, 'cur'));
        for (const part of ['.here.', ',U=3:'])
          rmSync(join(world.local, 'cur', names.find(name => name.includes(part))!));
        const there = /,U=(\d+)/.exec(names.find(name => name.includes('.there.'))!)![1]!;
        await world.asClient(async client => {
          await client.command('SELECT INBOX');
          await client.command(`UID STORE 1,${there} +FLAGS (\\Deleted)`);
          await client.command(`UID EXPUNGE 1,${there}`);
        });
        await world.good(['sync']);
        await world.good(['sync']);
        const after = await world.holdings();
        expect([after.remote['INBOX']!.length, after.local['INBOX']!.length]).toEqual([inbox - 4, inbox - 4]);
        expect(await world.plan()).toEqual([]);
      },
    );
  },
);

function runMbsync(world: AccountWorld, server: Dovecot): void {
  mkdirSync(join(world.directory, 'mbsync'), { recursive: true });
  const config = join(world.directory, 'mbsyncrc');
  writeFileSync(
    config,
    `IMAPStore remote
Host 127.0.0.1
Port ${server.port}
User ${world.user}
Pass ${server.password}
SSLType None
AuthMechs LOGIN

MaildirStore local
Inbox ${world.local}
SubFolders Maildir++

Channel all
Far :remote:
Near :local:
Patterns *
Create Near
Sync All
SyncState ${world.directory}/mbsync/
`,
  );
  const { status, stderr } = spawnSync('mbsync', ['-c', config, '-a', '-q'], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
}
