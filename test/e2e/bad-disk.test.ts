import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { assertBuilt } from './built-command.js';
import { addMail, type Ended, ended, mailText, makeMailbox, namesIn, TwoMaildirs } from './cli-command.js';

const MAIN = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url));
const MESSAGES = 6;
let world: TwoMaildirs | undefined;

afterEach(() => {
  world?.remove();
  world = undefined;
});

/** A repository with so much mail on the remote, and as much again in Work. */
async function repository(): Promise<TwoMaildirs> {
  assertBuilt();
  world = await TwoMaildirs.make(MESSAGES);
  const work = join(world.remote, '.Work');
  makeMailbox(work);
  for (let number = 1; number <= MESSAGES; number++) addMail(work, 100 + number);
  return world;
}

/** Runs the command behind a line of shell that limits it, or redirects its output. */
function limited(
  { local }: TwoMaildirs,
  shell: string,
  args: readonly string[],
  user: { readonly uid?: number; readonly gid?: number } = {},
): Promise<Ended> {
  const child: ChildProcessWithoutNullStreams = spawn(
    '/bin/sh',
    ['-c', shell, 'sh', process.execPath, MAIN, ...args],
    {
      ...user,
      cwd: local,
      env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' },
    },
  );
  child.stdin.end();
  return ended(child);
}

/** Whole messages, and nothing in tmp. */
function expectWhole(mailbox: string, numbers: readonly number[]): void {
  const texts = ['cur', 'new'].flatMap(part =>
    readdirSync(join(mailbox, part)).map(name => readFileSync(join(mailbox, part, name), 'utf8')),
  );
  expect(texts.sort()).toEqual(numbers.map(mailText).sort());
  expect(readdirSync(join(mailbox, 'tmp'))).toEqual([]);
}

const inbox = Array.from({ length: MESSAGES }, (_, index) => index + 1);
const work = inbox.map(number => 100 + number);

describe('bad disks, real ones', () => {
  it('a message that is larger than files may be fails alone, in words; the rest of its mailbox comes', async () => {
    const made = await repository();
    const large = '1790000000.M99P1.example:2,S';
    writeFileSync(join(made.remote, 'cur', large), `${mailText(99)}${'y'.repeat(79)}\n`.repeat(12_000));
    const { exit, stderr } = await limited(made, 'ulimit -f 1000; exec "$@"', ['sync', '-q']);
    expect(exit).toBe(3);
    expect(stderr).toContain(
      `the mailbox INBOX (${made.local}) cannot be written: the file would be too large`,
    );
    expectWhole(made.local, inbox);
    expectWhole(join(made.local, '.Work'), work);
    expect(await made.run(['sync', '-q'])).toMatchObject({ exit: 0, stderr: '' });
    expect(namesIn(made.local)).toHaveLength(MESSAGES + 1);
    expect(await made.run(['fsck'])).toMatchObject({ exit: 0 });
  });

  it('RF-02: too few files that may be open end a run in words, and not as damage; the next one is whole', async () => {
    const made = await repository();
    await made.good(['fetch', '-q']);
    const exits = new Set<number | null>();
    for (let limit = 20; limit <= 68; limit += 8) {
      const { exit, stderr } = await limited(made, `ulimit -n ${limit}; exec "$@"`, ['sync', '-q']);
      exits.add(exit);
      if (exit !== 0) expect(stderr, `with ${limit} files`).toMatch(/too many open files/i);
      expect(stderr, `with ${limit} files`).not.toMatch(/damage|fsck/);
    }
    expect([...exits].every(exit => exit === 0 || exit === 1 || exit === 3)).toBe(true);
    expect(exits).toContain(1);
    expect(await made.run(['sync', '-q'])).toMatchObject({ exit: 0, stderr: '' });
    expectWhole(made.local, inbox);
    expectWhole(join(made.local, '.Work'), work);
    expect(await made.run(['fsck'])).toMatchObject({ exit: 0 });
  });

  it('an output that cannot be written is an error, and nothing is half done', async () => {
    const made = await repository();
    await made.good(['fetch', '-q']);
    const plan = await limited(made, 'exec "$@" > /dev/full', ['plan']);
    expect(plan).toMatchObject({ exit: 1 });
    expect(plan.stderr).toMatch(/no space left/);
    const apply = await limited(made, 'exec "$@" > /dev/full', ['apply', '--yes', '--json']);
    expect(apply).toMatchObject({ exit: 1 });
    expect(apply.stderr).toMatch(/no space left/);
    expectWhole(made.local, inbox);
    expect(await made.run(['plan', '--exit-code'])).toMatchObject({ exit: 0 });
  });

  it('RF-03: a mailbox that an ordinary user cannot read or write: the others are synced, nothing is taken for deleted', async () => {
    const made = await repository();
    await made.good(['sync', '-q']);
    const closed = join(made.local, '.Work');
    addMail(made.remote, 50);
    addMail(join(made.remote, '.Work'), 150);
    const run = asOrdinaryUser(made);
    for (const [mode, words] of [
      [0o000, /Work.*permission denied/],
      [0o500, /Work.*permission denied/],
    ] as const) {
      chmodSync(closed, mode);
      const { exit, stderr } = await run(['sync', '-q']);
      expect(exit, stderr).toBe(3);
      expect(stderr).toMatch(words);
      expect(namesIn(made.local)).toHaveLength(MESSAGES + 1);
      expect(namesIn(join(made.remote, '.Work'))).toHaveLength(MESSAGES + 1);
    }
    chmodSync(closed, 0o700);
    expect(await run(['sync', '-q'])).toMatchObject({ exit: 0, stderr: '' });
    expectWhole(closed, [...work, 150]);
    expect(existsSync(join(made.local, '.postern', 'lock.json'))).toBe(false);
  });
});

/** What runs commands as somebody whom permissions bind: root reads everything, so it becomes nobody, who owns the mail. */
function asOrdinaryUser(made: TwoMaildirs): (args: readonly string[]) => Promise<Ended> {
  if (process.geteuid?.() !== 0) return args => made.run(args);
  const nobody = { uid: 65_534, gid: 65_534 };
  return args => {
    execFileSync('chown', ['-R', `${nobody.uid}:${nobody.gid}`, made.directory]);
    return limited(made, 'exec "$@"', args, nobody);
  };
}
