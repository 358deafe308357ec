import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../support/dovecot.js';
import { message } from '../support/messages.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';
import { AccountWorld } from './account-world.js';
import { ended, jsonLines, start } from './cli-command.js';

const SIGNALS = [
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const;

/** Large enough that a mailbox of them is not read ahead: its files are written while it is read. */
const numbered = (number: number) => ({
  mailbox: number % 2 === 0 ? 'INBOX' : 'Work',
  bytes: message({
    id: `m${number}`,
    subject: `Message ${number}`,
    body: `${'some text '.repeat(3000)}\r\n`,
  }),
  flags: [],
  date: 1_700_000_000_000 + number * 1000,
});

describe.skipIf(dovecotMissing())(withDovecot('CR-23: a signal in the middle of an apply'), () => {
  let server: Dovecot;
  let proxy: WireProxy;
  let world: AccountWorld | undefined;

  beforeAll(async () => {
    server = await startDovecot();
    proxy = await startProxy(server.port);
  });

  afterAll(async () => {
    await proxy?.stop();
    await server?.stop();
  });

  afterEach(() => {
    world?.remove();
    world = undefined;
  });

  /** An account with mail in two mailboxes that nobody has downloaded yet. */
  async function account(messages = 80): Promise<{ world: AccountWorld }> {
    world = new AccountWorld(server, { proxy });
    await world.fillAccount(Array.from({ length: messages }, (_, index) => numbered(index)));
    await world.init();
    return { world };
  }

  const lock = ({ local }: AccountWorld) => join(local, '.postern', 'lock.json');
  const inTmp = ({ local }: AccountWorld) => readdirSync(join(local, 'tmp')).length;

  async function until(true_: () => boolean): Promise<void> {
    while (!true_()) await new Promise(resolve => setTimeout(resolve, 2));
  }

  it.each(SIGNALS)(
    '%s: the step that runs is finished and recorded, the next one is not begun, and it ends with %i',
    async (signal, exit) => {
      const messages = 80;
      const { world } = await account(messages);
      // In the middle of the first mailbox.
      proxy.pauseAfter(150_000);
      const child = start(['sync', '-q', '--json'], world.runOptions);
      child.stdin.end();
      const end = ended(child);
      await until(() => inTmp(world) > 0);
      const said = once(child.stderr, 'data');
      child.kill(signal);
      await said;
      proxy.resume();
      const { exit: status, stdout } = await end;
      expect(status).toBe(exit);
      expect(existsSync(lock(world))).toBe(false);
      expect(inTmp(world)).toBe(0);
      const lines = jsonLines(stdout);
      const { stopped } = lines.at(-1)!['summary'] as { stopped: { code: string } };
      expect(stopped.code).toBe('interrupted');
      const done = lines.filter(({ op, result }) => op === 'download' && result === 'done').length;
      expect(done).toBe(messages / 2);
      // What it said it did is recorded: nothing of it travels again.
      proxy.reset();
      expect(await world.run(['sync'])).toMatchObject({ exit: 0, stderr: '' });
      expect(proxy.bodies()).toBe(messages - done);
      await world.expectSettled();
    },
  );

  it('a second SIGINT ends a step at once that would never end; the next run goes on', async () => {
    const { world } = await account();
    proxy.stallAfter(150_000);
    const child = start(['sync', '-q'], world.runOptions);
    child.stdin.end();
    const end = ended(child);
    await until(() => inTmp(world) > 0);
    child.kill('SIGINT');
    const [said] = (await once(child.stderr, 'data')) as [string];
    expect(said).toMatch(/ends after this step.*again/);
    expect(existsSync(lock(world))).toBe(true);
    child.kill('SIGINT');
    expect(await end).toMatchObject({ exit: 130, stdout: '' });
    expect(existsSync(lock(world))).toBe(false);
    proxy.cutAll();
    expect(await world.run(['sync'])).toMatchObject({ exit: 0, stderr: '' });
    await world.expectSettled();
  });

  it('whoever reads the output may go away: apply --json carries its plan out all the same', async () => {
    const { world } = await account();
    await world.good(['fetch', '-q']);
    const child = start(['apply', '--yes', '--json'], world.runOptions);
    child.stdin.end();
    const end = new Promise<number | null>(resolve => child.on('close', resolve));
    await once(child.stdout, 'data');
    child.stdout.destroy();
    expect(await end).toBe(0);
    expect(existsSync(lock(world))).toBe(false);
    await world.expectSettled();
  });

  it('whoever reads a plan may go away after its first line', async () => {
    const { world } = await account(400);
    await world.good(['fetch', '-q']);
    const child = start(['plan'], world.runOptions);
    child.stdin.end();
    const end = new Promise<number | null>(resolve => child.on('close', resolve));
    let stderr = '';
    child.stderr.on('data', text => {
      stderr += text;
    });
    const [first] = (await once(child.stdout, 'data')) as [Buffer];
    child.stdout.destroy();
    expect(first.toString()).toMatch(/^{"op":"plan"/);
    expect({ exit: await end, stderr }).toEqual({ exit: 0, stderr: '' });
    expect(existsSync(lock(world))).toBe(false);
  });
});
