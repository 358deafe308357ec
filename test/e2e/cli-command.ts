import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect } from 'vitest';
import { assertBuilt } from './built-command.js';

/** The command, as the bundle has it. */
export const MAIN = fileURLToPath(new URL('../../packages/cli/bundle/postern.js', import.meta.url));

/** Compiled code is kept between the commands of a test file, as it is between those of a user. */
const CACHE = mkdtempSync(join(tmpdir(), 'postern-code-'));
afterAll(() => rmSync(CACHE, { recursive: true, force: true }));

/** What a command that ended has left behind. */
export interface Ended {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Starts the built command as a process of its own, without a terminal and with an environment of its own. */
export function start(args: readonly string[], options: RunOptions = {}): ChildProcessWithoutNullStreams {
  assertBuilt();
  return spawn(process.execPath, [MAIN, ...args], {
    cwd: options.cwd ?? tmpdir(),
    // A session of its own: no terminal to prompt on, wherever the tests run.
    detached: true,
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', XDG_CACHE_HOME: CACHE, ...options.env },
  });
}

/** Runs the built command to its end. */
export async function postern(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const child = start(args, options);
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  return ended(child);
}

export function ended(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise(resolve => child.on('close', exit => resolve({ exit, stdout, stderr })));
}

/** A throwaway directory with two Maildirs, the local one a repository of the other. */
export class TwoMaildirs {
  readonly directory = mkdtempSync(join(tmpdir(), 'postern-cli-'));
  readonly local = join(this.directory, 'Mail');
  readonly remote = join(this.directory, 'remote');
  readonly config = join(this.local, '.postern', 'config.toml');

  /** Made with a remote INBOX of so many messages. */
  static async make(messages: number): Promise<TwoMaildirs> {
    const world = new TwoMaildirs();
    makeMailbox(world.remote);
    for (let number = 1; number <= messages; number++) addMail(world.remote, number);
    const made = await postern(['init', world.local, '--remote', `maildir:${world.remote}`]);
    expect(made).toMatchObject({ exit: 0, stderr: '' });
    return world;
  }

  /** Runs a command in the repository. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return postern(args, { cwd: this.local, ...options });
  }

  /** Runs a command in the repository that must go well without a word on stderr; returns what it printed. */
  async good(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const result = await this.run(args, options);
    expect(result, args.join(' ')).toMatchObject({ exit: 0, stderr: '' });
    return result.stdout;
  }

  /** Every mail file of both sides with its content: what a refused command must leave as it was. */
  mail(): Record<string, string> {
    return { ...filesIn(this.remote, this.directory), ...filesIn(this.local, this.directory) };
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function makeMailbox(path: string): void {
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(path, part), { recursive: true });
}

/** Puts message `number` into a mailbox, read already. */
export function addMail(mailbox: string, number: number, flags = 'S'): string {
  const name = `1790000000.M${number}P1Q${number}.example:2,${flags}`;
  writeFileSync(join(mailbox, 'cur', name), mailText(number));
  return name;
}

export function mailText(number: number): string {
  return [
    `Message-ID: <m${number}@example.org>`,
    'From: Ann <ann@example.org>',
    'To: me@example.org',
    `Subject: Message ${number}`,
    `Date: Mon, 3 Nov 2025 10:00:${String(number % 60).padStart(2, '0')} +0000`,
    '',
    `This is message ${number}.`,
    '',
  ].join('\n');
}

function filesIn(directory: string, base: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (name === '.postern') continue;
    if (statSync(path).isDirectory()) Object.assign(files, filesIn(path, base));
    else files[relative(base, path)] = readFileSync(path, 'utf8');
  }
  return files;
}

/** The base names in a mailbox, without their flags. */
export function namesIn(mailbox: string): string[] {
  return ['cur', 'new']
    .flatMap(part => readdirSync(join(mailbox, part)))
    .map(name => name.split(':')[0]!)
    .sort();
}

/** The lines of a JSON Lines text. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Record<string, unknown>);
}
