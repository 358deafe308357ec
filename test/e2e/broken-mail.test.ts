import { chownSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Identity, identityOf } from '@postern/core/model/identity.js';
import { WireEncoder } from '@postern/core/model/line-ends.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brokenMail } from '../support/broken-mail.js';
import { type Cyrus, cyrusMissing, startCyrus, withCyrus } from '../support/cyrus.js';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../support/dovecot.js';
import { contentOf } from '../support/letters.js';
import { maildirHoldings } from '../support/mail-holdings.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';
import { AccountWorld, bodiesFetched } from './account-world.js';
import { jsonLines } from './cli-command.js';

const MAIL = brokenMail();
/** The names of messages by their wire form. */
const NAMES = new Map([...MAIL].map(([name, bytes]) => [contentOf(new WireEncoder().encode(bytes)), name]));
/** Octets that Dovecot does not keep: NUL, and a CR before a line end or at the end. */
const ALTERED = [
  'CR CR LF in the header',
  'LF CR in the header',
  'NUL',
  'NUL in the body',
  'a CR at the end of a field',
  'a Message-ID with a NUL',
  'bare CR',
  'every line end',
  'only bare CR',
];
/** Of these, those without Message-ID: once base is lost, nothing says any more that the two are one. */
const PAST_KNOWING = ['LF CR in the header', 'only bare CR'];
/** Fields that Cyrus does not look for: behind the first 1,000 lines of a header. Content tells that it is the message. */
const BEYOND = ['10,000 header lines', 'an identity field behind 10,000 lines'];
const CHANGING = /^(APPEND|UID STORE|UID EXPUNGE|UID COPY|UID MOVE|CREATE)\b/;

interface Listed {
  readonly key: string;
  readonly identity: Identity;
  readonly envelope: { readonly subject?: string };
}

/** Puts every broken message into a Maildir, as it is. */
function fill(maildir: string, owner?: { readonly uid: number; readonly gid: number }): void {
  for (const [index, bytes] of [...MAIL.values()].entries()) {
    const path = join(maildir, 'cur', `${fileName(index)}:2,S`);
    writeFileSync(path, bytes);
    if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
  }
}

function fileName(index: number): string {
  return `${1_790_000_000 + index}.M${index}P1.broken`;
}

const nameOf = (entry: string) => NAMES.get(entry.split(' ')[0]!) ?? entry;
const namesOf = (entries: readonly string[]) => entries.map(nameOf).sort();

/** The messages of one list that the other has not, by name. */
function missing(from: readonly string[] | undefined, inside: readonly string[] | undefined): string[] {
  return namesOf((from ?? []).filter(entry => !inside?.includes(entry)));
}

/** What the remote showed of its messages, against their octets: where the two are known by something else. */
async function misjudged(world: AccountWorld): Promise<string[]> {
  const rows = jsonLines(await world.good(['ls-messages', '--side', 'remote'])) as unknown as Listed[];
  const contents = await world.asClient(client => client.contents('INBOX'));
  expect(rows).toHaveLength(contents.length);
  return contents.flatMap(({ uid, bytes }) => {
    const { identity } = identityOf(bytes);
    const seen = rows.find(({ key }) => key === String(uid))?.identity;
    const same =
      seen?.digest === identity.digest &&
      seen.messageId === identity.messageId &&
      seen.size === identity.size;
    return same ? [] : [nameOf(contentOf(bytes))];
  });
}

describe.skipIf(dovecotMissing())(withDovecot('broken mail'), { timeout: 300_000 }, () => {
  let server: Dovecot;
  let proxy: WireProxy;
  let first: AccountWorld;
  let second: AccountWorld;

  beforeAll(async () => {
    server = await startDovecot();
    proxy = await startProxy(server.port);
    first = new AccountWorld(server, { proxy });
    await first.init();
    fill(first.local);
    writeFileSync(join(first.local, 'cur', '1790009999.M1P1.empty:2,'), '');
    second = new AccountWorld(server, { proxy, user: first.user });
    await second.init();
  }, 300_000);

  afterAll(async () => {
    first?.remove();
    second?.remove();
    await proxy?.stop();
    await server?.stop();
  });

  it('goes up as it is, by way of a plan; a file of no octet is told of and left alone', async () => {
    expect(NAMES.size).toBe(MAIL.size);
    expect((await first.run(['fetch'])).exit).toBe(0);
    const plan = await first.run(['plan']);
    expect(jsonLines(plan.stdout)).toHaveLength(MAIL.size + 1);
    const { exit, stderr } = await first.run(['apply', '-'], { input: plan.stdout });
    expect({ exit, stderr }).toEqual({
      exit: 0,
      stderr: 'postern: INBOX 1790009999.M1P1.empty: empty file\n',
    });
    rmSync(join(first.local, 'cur', '1790009999.M1P1.empty:2,'));
    for (const [index, bytes] of [...MAIL.values()].entries())
      expect(readFileSync(join(first.local, 'cur', `${fileName(index)}:2,S`)).equals(bytes)).toBe(true);
    const { remote, local } = await first.holdings();
    expect(remote['INBOX']).toHaveLength(MAIL.size);
    expect(missing(local['INBOX'], remote['INBOX'])).toEqual(ALTERED);
    expect(await first.run(['plan', '--exit-code'])).toMatchObject({ exit: 0, stderr: '' });
  });

  it('is known by its header as it is by its octets', async () => {
    await second.good(['fetch']);
    expect(await misjudged(second)).toEqual([]);
    const local = jsonLines(await first.good(['ls-messages'])) as unknown as Listed[];
    for (const [index, [name, bytes]] of [...MAIL].entries())
      expect(local.find(({ key }) => key === fileName(index))?.identity, name).toEqual(
        identityOf(bytes).identity,
      );
  });

  it('comes down octet by octet, line ends apart, and then there is nothing to do', async () => {
    await second.good(['sync']);
    expect((await second.expectSettled())['INBOX']).toHaveLength(MAIL.size);
    proxy.reset();
    expect(await second.good(['sync'])).toContain('Nothing to do');
    expect(bodiesFetched(proxy)).toBe(0);
  });

  it('is known again when UIDVALIDITY is another one: nothing is copied or changed', async () => {
    const account = server.mailDir(first.user);
    for (const name of readdirSync(account)) if (name.startsWith('dovecot')) rmSync(join(account, name));
    for (const world of [first, second]) {
      const before = maildirHoldings(world.local);
      proxy.reset();
      expect((await world.run(['sync'])).exit).toBe(0);
      expect(proxy.commands(CHANGING)).toEqual([]);
      expect(maildirHoldings(world.local)).toEqual(before);
      expect(bodiesFetched(proxy)).toBeLessThan(MAIL.size / 2);
    }
    await second.expectSettled();
    const { actions, blocked } = JSON.parse((await first.run(['status', '--json'])).stdout) as {
      actions: number;
      blocked: { local?: string }[];
    };
    expect(actions).toBe(0);
    const names = [...MAIL.keys()];
    expect(
      blocked
        .flatMap(({ local }) =>
          local === undefined ? [] : names.filter((_name, index) => fileName(index) === local),
        )
        .sort(),
    ).toEqual(PAST_KNOWING);
    expect(blocked).toHaveLength(2 * PAST_KNOWING.length);
  });

  it('is known again when the state is lost', async () => {
    rmSync(join(second.local, '.postern', 'state'), { recursive: true });
    proxy.reset();
    expect((await second.run(['fsck', '--repair'])).exit).toBe(0);
    expect(await second.good(['sync'])).toContain('Nothing to do');
    expect(proxy.commands(CHANGING)).toEqual([]);
    expect((await second.expectSettled())['INBOX']).toHaveLength(MAIL.size);
  });

  it('that lies on the server as it is comes down as the server shows it', async () => {
    const world = new AccountWorld(server, { proxy });
    const { mailOwner } = first;
    const directory = server.mailDir(world.user);
    for (const part of ['', 'cur', 'new', 'tmp']) {
      mkdirSync(join(directory, part), { recursive: true });
      chownSync(join(directory, part), mailOwner.uid, mailOwner.gid);
    }
    fill(directory, mailOwner);
    await world.init();
    await world.good(['fetch']);
    expect(await misjudged(world)).toEqual([]);
    await world.good(['sync']);
    expect((await world.expectSettled())['INBOX']).toHaveLength(MAIL.size);
    world.remove();
  });
});

describe.skipIf(cyrusMissing())(
  withCyrus('broken mail and a server that refuses some'),
  { timeout: 300_000 },
  () => {
    let server: Cyrus;
    let world: AccountWorld;

    beforeAll(async () => {
      server = await startCyrus();
      world = new AccountWorld(server);
      await world.init();
      fill(world.local);
    }, 300_000);

    afterAll(async () => {
      world?.remove();
      await server?.stop();
    });

    it('is told of with the reason and left alone, each time anew; the rest goes up once', async () => {
      const before = maildirHoldings(world.local);
      const rounds = [];
      for (let round = 0; round < 3; round++) {
        const { exit, stderr, stdout } = await world.run(['sync', '--json']);
        expect({ exit, stderr }).toEqual({ exit: 3, stderr: '' });
        const refused = jsonLines(stdout).filter(({ result }) => result === 'failed');
        expect(new Set(refused.map(({ reason }) => reason))).toEqual(
          new Set([
            'the server refused it: Message contains invalid header',
            'the server refused it: Message contains NUL characters',
          ]),
        );
        rounds.push(refused.map(({ id }) => id));
        expect(maildirHoldings(world.local)).toEqual(before);
        await world.run(['fetch']);
        const there = jsonLines(await world.good(['ls-messages', '--side', 'remote']));
        expect(there).toHaveLength(MAIL.size - refused.length);
      }
      expect(rounds[0]?.length).toBeLessThan(MAIL.size / 4);
      expect(rounds[1]).toEqual(rounds[0]);
      expect(rounds[2]).toEqual(rounds[0]);
    });

    it('comes down with the identity that its header had there, and is known again when the state is lost', async () => {
      const second = new AccountWorld(server, { user: world.user });
      await second.init();
      await second.good(['fetch']);
      const seen = jsonLines(await second.good(['ls-messages', '--side', 'remote'])) as unknown as Listed[];
      await second.good(['sync']);
      expect(await second.good(['sync'])).toContain('Nothing to do');
      const files = jsonLines(await second.good(['ls-messages'])) as unknown as Listed[];
      const known = (rows: readonly Listed[]) => rows.map(({ identity: { digest } }) => digest).sort();
      const other = known(files).filter(digest => !known(seen).includes(digest));
      const digestOf = (name: string) => identityOf(MAIL.get(name)!).identity.digest;
      expect(other.sort()).toEqual(BEYOND.map(digestOf).sort());
      rmSync(join(second.local, '.postern', 'state'), { recursive: true });
      expect((await second.run(['fsck', '--repair'])).exit).toBe(0);
      expect(await second.good(['sync'])).toContain('Nothing to do');
      expect(jsonLines(await second.good(['ls-messages']))).toHaveLength(files.length);
      second.remove();
    });
  },
);
