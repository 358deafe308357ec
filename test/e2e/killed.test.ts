import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CorpusMessage, corpus, writeMaildir } from '../support/corpus.js';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../support/dovecot.js';
import type { Holdings } from '../support/mail-holdings.js';
import { MaildirUser } from '../support/maildir-user.js';
import { message } from '../support/messages.js';
import { oddCorpus } from '../support/odd-corpus.js';
import { plainLines } from '../support/plain-lines.js';
import { Random } from '../support/random.js';
import { AccountWorld, countOf } from './account-world.js';
import { start } from './cli-command.js';

/** How often the whole is done, each time with another seed; `npm run soak` asks for more. */
const ROUNDS = Number(process.env['POSTERN_SOAK_ROUNDS'] ?? '1');
const SEEDS = Array.from({ length: ROUNDS }, (_, round) => 1000 + round);
const KILLS_OF_DOWNLOADS = 10;
const KILLS_OF_UPLOADS = 5;
const KILLS_OF_CHANGES = 4;
const KILLS_OF_REPAIRS = 3;

describe.skipIf(dovecotMissing())(withDovecot('P1, P2: SIGKILL at any moment'), { timeout: 600_000 }, () => {
  let server: Dovecot;

  beforeAll(async () => {
    server = await startDovecot();
  });

  afterAll(() => server?.stop());

  it.each(SEEDS)(
    'CR-21, RF-22: of a first sync ten times (seed %i): then sync brings every message once',
    async seed => {
      const world = new AccountWorld(server);
      try {
        await world.fillAccount(oddCorpus({ seed, messages: 1200, mailboxes: 6 }));
        await world.init();
        const before = (await world.holdings()).remote;
        const random = new Random(seed);
        const arrived = () => filesIn(world.local, ['cur', 'new', 'tmp']);
        await killOften({ world, random, kills: KILLS_OF_DOWNLOADS, arrived, of: countOf(before) });
        await settle(world, before);
      } finally {
        world.remove();
      }
    },
  );

  it.each(SEEDS)('of an upload five times (seed %i): then sync brings every message once', async seed => {
    const world = new AccountWorld(server);
    try {
      const mail = [...corpus({ seed, messages: 500, mailboxes: 4 })].map(one => ({
        ...one,
        bytes: plainLines(one.bytes),
      }));
      writeMaildir(world.local, mail);
      const before = (await world.holdings()).local;
      await world.init();
      const random = new Random(seed);
      const arrived = () => filesIn(server.mailDir(world.user), ['cur', 'new']);
      await killOften({ world, random, kills: KILLS_OF_UPLOADS, arrived, of: mail.length });
      await settle(world, before);
    } finally {
      world.remove();
    }
  });

  it.each(SEEDS)(
    'of changes of every kind four times (seed %i): then sync ends as one that nobody killed',
    async seed => {
      const worlds = [new AccountWorld(server), new AccountWorld(server)] as const;
      try {
        const [calm, killed] = worlds;
        for (const world of worlds) {
          await world.fillAccount(changingCorpus(seed));
          await world.init();
          await world.good(['sync', '-q']);
          await changeEverything(world, seed);
        }
        await syncAll(calm);
        const expected = await calm.expectSettled();
        const random = new Random(seed);
        for (let kills = 0; kills < KILLS_OF_CHANGES; kills++)
          await killAtWork(killed, ['sync', '-q', '--max-delete', '1000'], random.below(700));
        await syncAll(killed);
        expect(await killed.expectSettled()).toEqual(expected);
        expect(await killed.run(['fsck'])).toMatchObject({ exit: 0 });
      } finally {
        for (const world of worlds) world.remove();
      }
    },
  );

  it.each(SEEDS)(
    'of a repair three times (seed %i): then the state is whole and nothing travels',
    async seed => {
      const world = new AccountWorld(server);
      try {
        await world.fillAccount(oddCorpus({ seed, messages: 300, mailboxes: 4 }));
        await world.init();
        await world.good(['sync', '-q']);
        const { remote } = await world.holdings();
        const random = new Random(seed);
        for (let kills = 0; kills < KILLS_OF_REPAIRS; kills++) {
          if (kills % 2 === 0)
            rmSync(join(world.local, '.postern', 'state', 'level'), { recursive: true, force: true });
          await killAtWork(world, ['fsck', '--repair'], random.below(900));
        }
        expect(await world.run(['fsck', '--repair'])).toMatchObject({ exit: 0 });
        expect(await world.expectSettled()).toEqual(remote);
        expect(await world.run(['fsck'])).toMatchObject({ exit: 0 });
      } finally {
        world.remove();
      }
    },
  );
});

/** A sync that ends well, both sides as expected, nothing left to do and nothing left behind. */
async function settle(world: AccountWorld, expected: Holdings): Promise<void> {
  expect(await world.run(['sync'])).toMatchObject({ exit: 0, stderr: '' });
  expect(await world.expectSettled()).toEqual(expected);
  expect(await world.run(['fsck'])).toMatchObject({ exit: 0 });
}

/** Starts a command and kills it so long after it has taken the repository, unless it ends before. */
async function killAtWork(world: AccountWorld, command: readonly string[], after: number): Promise<void> {
  const child = start(command, world.runOptions);
  child.stdin.end();
  const ended = new Promise<void>(resolve => child.once('close', () => resolve()));
  const lock = join(world.local, '.postern', 'lock.json');
  const holder = () => {
    try {
      return readFileSync(lock, 'utf8');
    } catch {
      return '';
    }
  };
  while (child.exitCode === null && !holder().includes(`"pid":${child.pid}`)) await pause(1);
  await pause(after);
  child.kill('SIGKILL');
  await ended;
}

/** Mail of which each message is another one, so that two worlds can be changed alike. */
function* changingCorpus(seed: number): Generator<CorpusMessage> {
  for (let number = 1; number <= 240; number++) {
    const bytes = message({
      id: `${seed}.${number}`,
      subject: `Message ${number}`,
      body: `This is ${number}.\r\n`,
    });
    const mailbox = ['INBOX', 'Work', 'Lists'][number % 3]!;
    yield { mailbox, bytes, flags: ['\\Seen'], date: 1_700_000_000_000 + number * 1000 };
  }
}

/** Every kind of change on both sides, the same in each world: message n is the one with the n-th UID of its mailbox. */
async function changeEverything(world: AccountWorld, seed: number): Promise<void> {
  const reader = new MaildirUser(world.local);
  const fresh = (name: string) => message({ id: `${seed}.${name}`, subject: name, body: `${name}\r\n` });
  const keys = reader
    .files('INBOX')
    .map(name => name.split(':2,')[0]!)
    .map(key => ({
      key,
      number: Number(/This is (\d+)/.exec(readFileSync(reader.path('INBOX', key), 'latin1'))![1]),
    }))
    .sort((a, b) => a.number - b.number)
    .map(({ key }) => key);
  for (let index = 0; index < 12; index++) reader.add('INBOX', fresh(`local ${index}`), ['\\Flagged']);
  for (const key of keys.slice(0, 10)) reader.move('INBOX', key, 'Work');
  for (const key of keys.slice(10, 18)) reader.remove('INBOX', key);
  for (const key of keys.slice(18, 30)) reader.addFlag('INBOX', key, '\\Flagged');
  await world.asClient(async client => {
    for (let index = 0; index < 12; index++) await client.append('INBOX', fresh(`remote ${index}`));
    for (let uid = 31; uid <= 40; uid++) await client.move('INBOX', String(uid), 'Lists');
    for (let uid = 41; uid <= 48; uid++) await client.expunge('INBOX', uid);
    for (let uid = 49; uid <= 60; uid++) await client.store('INBOX', uid, '+FLAGS (\\Answered)');
    await client.command('CREATE Made');
    for (let index = 0; index < 5; index++) await client.append('Made', fresh(`made ${index}`));
  });
}

/** One sync that does everything, however many deletions that is. */
async function syncAll(world: AccountWorld): Promise<void> {
  expect(await world.run(['sync', '-q', '--max-delete', '1000'])).toMatchObject({ exit: 0, stderr: '' });
}

interface Killing {
  readonly world: AccountWorld;
  readonly random: Random;
  readonly kills: number;
  /** How many messages, or beginnings of messages, have come. */
  readonly arrived: () => number;
  readonly of: number;
}

/** Starts sync again and again, and kills it once a random number of messages has come, a random while later. */
async function killOften({ world, random, kills, arrived, of }: Killing): Promise<void> {
  const marks = Array.from({ length: kills }, () => random.below(of)).sort((a, b) => a - b);
  marks[0] = 0;
  for (const mark of marks) {
    const child = start(['sync', '-q'], world.runOptions);
    child.stdin.end();
    const ended = new Promise<void>(resolve => child.once('close', () => resolve()));
    let alive = true;
    child.once('exit', () => {
      alive = false;
    });
    while (alive && arrived() < mark) await pause(2);
    await pause(random.below(mark === 0 ? 1500 : 60));
    child.kill('SIGKILL');
    await ended;
  }
}

const pause = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds));

/** Files in these directories of all mailboxes of a Maildir++, whatever changes meanwhile. */
function filesIn(root: string, parts: readonly string[]): number {
  const within = (path: string): string[] => {
    try {
      return readdirSync(path);
    } catch {
      return [];
    }
  };
  return [root, ...within(root).map(name => join(root, name))]
    .flatMap(mailbox => parts.map(part => within(join(mailbox, part)).length))
    .reduce((sum, count) => sum + count, 0);
}
