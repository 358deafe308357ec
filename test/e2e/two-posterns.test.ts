import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { assertBuilt } from './built-command.js';
import { ended, namesIn, postern, start, TwoMaildirs } from './cli-command.js';

const MESSAGES = 60;
/** How many inits are killed; `npm run soak` asks for more. */
const KILLS = 3 * Number(process.env['POSTERN_SOAK_ROUNDS'] ?? '2');
let world: TwoMaildirs | undefined;

afterEach(() => {
  world?.remove();
  world = undefined;
});

async function repository(messages = MESSAGES): Promise<TwoMaildirs> {
  assertBuilt();
  world = await TwoMaildirs.make(messages);
  return world;
}

const lockOf = ({ local }: TwoMaildirs) => join(local, '.postern', 'lock.json');
const levelLock = ({ local }: TwoMaildirs) => join(local, '.postern', 'state', 'level', 'LOCK');

/** A postern that holds the repository and does not go on: it waits to be asked for the next line of its plan's output. */
async function stopped(made: TwoMaildirs) {
  const child = start(['sync', '-q'], { cwd: made.local });
  child.stdin.end();
  const end = ended(child);
  while (!existsSync(lockOf(made))) await new Promise(resolve => setTimeout(resolve, 1));
  child.kill('SIGSTOP');
  return { child, end };
}

describe('two posterns on one repository', () => {
  it('RA-09: two applies of one plan: one says who holds the repository, or both come to the end of one', async () => {
    const made = await repository();
    await made.good(['fetch']);
    await made.good(['plan', '-o', join(made.directory, 'mail.plan')]);
    const apply = () => made.run(['apply', join(made.directory, 'mail.plan')]);
    const both = await Promise.all([apply(), apply(), apply()]);
    const exits = both.map(({ exit }) => exit);
    expect(exits.every(exit => exit === 0 || exit === 5)).toBe(true);
    expect(exits).toContain(0);
    for (const { stderr } of both.filter(({ exit }) => exit === 5))
      expect(stderr).toMatch(/another postern holds this repository: pid \d+ \("postern apply"\) on /);
    expect(namesIn(made.local)).toHaveLength(MESSAGES);
    expect(namesIn(made.remote)).toHaveLength(MESSAGES);
    expect(await made.run(['plan', '--exit-code'])).toMatchObject({ exit: 0 });
  });

  it("RA-09: the second one keeps out although LevelDB's LOCK was removed, and says who is there", async () => {
    const made = await repository();
    const { child, end } = await stopped(made);
    try {
      rmSync(levelLock(made), { force: true });
      for (const command of [['sync'], ['plan'], ['fsck', '--repair'], ['status'], ['gc']]) {
        const second = await made.run(command);
        expect(second, command.join(' ')).toMatchObject({ exit: 5, stdout: '' });
        expect(second.stderr).toContain(`pid ${child.pid} ("postern sync") on ${hostname()}`);
        expect(second.stderr).toContain('wait until it has ended');
      }
    } finally {
      child.kill('SIGCONT');
    }
    expect(await end).toMatchObject({ exit: 0 });
    expect(namesIn(made.local)).toHaveLength(MESSAGES);
    expect(await made.run(['plan', '--exit-code'])).toMatchObject({ exit: 0 });
    expect(await made.run(['fsck'])).toMatchObject({ exit: 0 });
  });

  it('CR-25: the lock of a postern that was killed is broken, also when its pid has another process now', async () => {
    const made = await repository();
    const { child, end } = await stopped(made);
    child.kill('SIGKILL');
    await end;
    const left = JSON.parse(readFileSync(lockOf(made), 'utf8')) as Record<string, unknown>;
    expect(left).toMatchObject({ pid: child.pid, command: 'postern sync' });
    const other = spawn('sleep', ['1000']);
    try {
      await once(other, 'spawn');
      writeFileSync(lockOf(made), JSON.stringify({ ...left, pid: other.pid }));
      expect(await made.run(['sync'])).toMatchObject({ exit: 0, stderr: '' });
    } finally {
      other.kill('SIGKILL');
    }
    expect(existsSync(lockOf(made))).toBe(false);
    expect(namesIn(made.local)).toHaveLength(MESSAGES);
  });

  it.each([
    ['another boot of this machine is broken', { boot: 'another' }, 0],
    ['another host is respected, and the message says how to remove it', { host: 'elsewhere.example' }, 5],
    ['another container is respected too', { pids: 'pid:[1]' }, 5],
  ] as const)('CR-25: a lock of %s', async (_says, change, exit) => {
    const made = await repository(3);
    const { child, end } = await stopped(made);
    child.kill('SIGKILL');
    await end;
    const left = JSON.parse(readFileSync(lockOf(made), 'utf8')) as Record<string, unknown>;
    writeFileSync(lockOf(made), JSON.stringify({ ...left, ...change }));
    const next = await made.run(['sync']);
    expect(next.exit).toBe(exit);
    if (exit === 5) expect(next.stderr).toContain(`remove ${lockOf(made)}`);
  });

  it('a postern that was stopped for long goes on safely when another one broke its lock', async () => {
    const made = await repository();
    const { child, end } = await stopped(made);
    // As a person does who takes it for dead.
    rmSync(lockOf(made));
    const second = await made.run(['sync']);
    child.kill('SIGCONT');
    await end;
    expect([0, 5]).toContain(second.exit);
    expect((await made.run(['sync'])).exit).toBe(0);
    expect(namesIn(made.local)).toHaveLength(MESSAGES);
    expect(namesIn(made.remote)).toHaveLength(MESSAGES);
    expect(await made.run(['fsck'])).toMatchObject({ exit: 0 });
  });
});

describe('CR-24: an init that is killed', () => {
  it('leaves nothing, what can be repaired, or a repository; never one that says there is no mail', {
    timeout: 60_000 + KILLS * 10_000,
  }, async () => {
    assertBuilt();
    world = await TwoMaildirs.make(2);
    for (let at = 0; at < KILLS; at++) {
      const root = join(world.directory, `Mail${at}`);
      const child = start(['init', root, '--remote', `maildir:${world.remote}`]);
      child.stdin.end();
      const end = ended(child);
      // From before the first directory to after the database: they come when node and the modules are up.
      const watched = [root, join(root, '.postern'), join(root, '.postern', 'state', 'level', 'CURRENT')][
        at % 3
      ]!;
      while (child.exitCode === null && !existsSync(watched))
        await new Promise(resolve => setTimeout(resolve, 1));
      child.kill('SIGKILL');
      await end;
      const run = (args: readonly string[]) => postern(args, { cwd: root });
      let next = existsSync(root) ? await run(['sync']) : undefined;
      if (next?.exit === 4) {
        expect(next.stderr).toContain('postern fsck');
        expect((await run(['fsck', '--repair'])).exit).toBe(0);
        next = await run(['sync']);
      } else if (next === undefined || next.exit === 78) {
        if (existsSync(join(root, '.postern'))) rmSync(join(root, '.postern'), { recursive: true });
        expect((await postern(['init', root, '--remote', `maildir:${world.remote}`])).exit).toBe(0);
        next = await run(['sync']);
      }
      expect(next, `killed at ${watched}`).toMatchObject({ exit: 0, stderr: '' });
      expect(namesIn(root)).toHaveLength(2);
      expect(namesIn(world.remote)).toHaveLength(2);
    }
  });
});
