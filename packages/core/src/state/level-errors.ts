import { type ErrorCode, errnoOf, PosternError } from '../model/error.js';
import { damaged } from './damage.js';

const CODES: Readonly<Record<string, ErrorCode>> = {
  LEVEL_LOCKED: 'busy',
  EACCES: 'read-only',
  EPERM: 'read-only',
  EROFS: 'read-only',
  ENOSPC: 'disk-full',
  EDQUOT: 'disk-full',
  EMFILE: 'failed',
  ENFILE: 'failed',
  ENOMEM: 'failed',
};

/** LevelDB gives a system error as text only: `IO error: <path>: <strerror>`. */
const TEXTS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/: (Permission denied|Operation not permitted|Read-only file system)$/, 'read-only'],
  [/: (No space left on device|Disk quota exceeded)$/, 'disk-full'],
  [/: (Too many open files( in system)?|Cannot allocate memory)$/, 'failed'],
];

/**
 * What an error of LevelDB or of the system means to the state. Errors of our own, and errors that are neither, come back
 * as they are; `otherwise` says in words what failed.
 */
export function stateError(error: unknown, otherwise: string): unknown {
  if (error instanceof PosternError) return error;
  const chain = causesOf(error);
  const code = chain.map(codeOf).find(found => found !== undefined);
  if (code === 'busy') {
    return new PosternError('busy', 'another process has the state database open', {
      hint: 'wait until it has ended, then try again',
      cause: error,
    });
  }
  if (code === 'read-only') {
    return new PosternError('read-only', `the state database cannot be written: ${lastWords(chain)}`, {
      hint: 'the state directory must be writable, also for commands that only read',
      cause: error,
    });
  }
  if (code === 'disk-full') {
    return new PosternError('disk-full', `no space is left for the state database: ${lastWords(chain)}`, {
      hint: 'make room, then run the command again; what was recorded before is intact',
      cause: error,
    });
  }
  if (code === 'failed') {
    return new PosternError('failed', `${otherwise}: ${lastWords(chain)}`, {
      hint: 'nothing is wrong with the state; raise the limit (ulimit -n), or end other programs',
      cause: error,
    });
  }
  const known = chain.some(link => /^(LEVEL_.*|E[A-Z0-9]+)$/.test(errnoOf(link) ?? ''));
  return known ? damaged(`${otherwise}: ${lastWords(chain)}`, error) : error;
}

/** The same of a write: what a disk does not take is no damage to what it has. */
export function stateWriteError(error: unknown): unknown {
  const said = stateError(error, 'it cannot be written');
  const isDamage = causesOf(error).some(link => errnoOf(link) === 'LEVEL_CORRUPTION');
  if (!(said instanceof PosternError) || said.code !== 'state-damaged' || isDamage) return said;
  const words = lastWords(causesOf(error));
  return new PosternError('failed', `the state database cannot be written: ${words}`, {
    hint: 'what was recorded before is intact; look after the disk, then run the command again',
    cause: error,
  });
}

function causesOf(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let link = error; link instanceof Error && chain.length < 8; link = link.cause) chain.push(link);
  return chain;
}

function codeOf(link: Error): ErrorCode | undefined {
  return CODES[errnoOf(link) ?? ''] ?? TEXTS.find(([pattern]) => pattern.test(link.message))?.[1];
}

function lastWords(chain: readonly Error[]): string {
  return chain.at(-1)?.message ?? 'no reason was given';
}

/** Nothing is written after a write that failed. */
export function refusal(fault: PosternError): PosternError {
  return new PosternError(fault.code, `nothing more is written to the state database: ${fault.message}`, {
    ...(fault.hint === undefined ? {} : { hint: fault.hint }),
    cause: fault,
  });
}

/** Whatever the database throws, as an error of the state. */
export async function guarded<T>(otherwise: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw stateError(error, otherwise);
  }
}
