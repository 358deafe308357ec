import { spawn } from 'node:child_process';
import { PosternError } from '@postern/core/model/error.js';
import { printable } from '@postern/core/model/escape-text.js';
import { promptOnTerminal } from './prompt.js';

export interface PasswordSources {
  /** For the prompt: `me@imap.example.org`. */
  readonly account: string;
  readonly command?: string | readonly string[];
  /** The variable of the environment that may have it. */
  readonly variable: string;
  /** Where the command runs. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const LONGEST = 64 * 1024;

/**
 * Where the password comes from: the configured command, else the environment, else a prompt. It is asked for once a
 * process. Throws `login-refused`; what a command printed is never shown.
 */
export function passwordFrom(sources: PasswordSources): () => Promise<string> {
  let known: string | undefined;
  return async () => {
    known ??= await ask(sources);
    return known;
  };
}

async function ask(sources: PasswordSources): Promise<string> {
  if (sources.command !== undefined) return fromCommand(sources.command, sources);
  const fromEnvironment = sources.env[sources.variable];
  if (fromEnvironment) return fromEnvironment;
  const typed = await promptOnTerminal(`Password for ${printable(sources.account)}: `);
  if (typed !== undefined && typed !== '') return typed;
  throw refused(`there is no password for ${sources.account}`, sources.variable);
}

async function fromCommand(
  command: string | readonly string[],
  { directory, env, variable }: PasswordSources,
): Promise<string> {
  const [program, ...words] = typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
  const { output, ended } = await run(program!, words, { directory, env });
  if (ended !== undefined) throw refused(`password-command ${ended}`, variable);
  const password = output.toString().split('\n')[0]!.replace(/\r$/, '');
  if (password === '') throw refused('password-command printed no password', variable);
  return password;
}

interface Ran {
  readonly output: Buffer;
  /** How it went wrong; absent when it went well. */
  readonly ended?: string;
}

function run(
  program: string,
  words: readonly string[],
  { directory, env }: Pick<PasswordSources, 'directory' | 'env'>,
): Promise<Ran> {
  return new Promise(resolve => {
    const child = spawn(program, words, {
      cwd: directory,
      env: { ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const chunks: Buffer[] = [];
    let size = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= LONGEST) chunks.push(chunk);
    });
    child.on('error', error =>
      resolve({
        output: Buffer.alloc(0),
        ended: `could not be started: ${(error as NodeJS.ErrnoException).code}`,
      }),
    );
    child.on('close', (status, signal) => {
      const output = Buffer.concat(chunks);
      if (signal !== null) resolve({ output, ended: `was ended by ${signal}` });
      else if (status !== 0) resolve({ output, ended: `failed with exit status ${status}` });
      else if (size > LONGEST) resolve({ output, ended: 'printed far more than a password' });
      else resolve({ output });
    });
  });
}

function refused(message: string, variable: string): PosternError {
  return new PosternError('login-refused', message, {
    hint: `set "password-command" in the configuration and try it by hand, or set ${variable}`,
  });
}
