import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { corpus, writeMaildir } from '../support/corpus.js';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../support/dovecot.js';
import type { Holdings } from '../support/mail-holdings.js';
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

describe.skipIf(dovecotMissing())(withDovecot('P1, P2: SIGKILL at any moment'), { timeout: 600_000 }, () => {
  let server: Dovecot;

  beforeAll(async () => {
    server = await startDovecot();
  });

  afterAll(() => server?.stop());

  it.each(SEEDS)('of a first sync ten times (seed %i): then sync brings every message once', async seed => {
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
  });

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
});

/** A sync that ends well, both sides as expected, nothing left to do and nothing left behind. */
async function settle(world: AccountWorld, expected: Holdings): Promise<void> {
  expect(await world.run(['sync'])).toMatchObject({ exit: 0, stderr: '' });
  expect(await world.expectSettled()).toEqual(expected);
  expect(await world.run(['fsck'])).toMatchObject({ exit: 0 });
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
