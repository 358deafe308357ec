import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { PosternError } from '@postern/core/model/error.js';
import { POSTERN_DIRECTORY } from './paths.js';

/**
 * The Maildir to work on: `named` (by -C or POSTERN_DIR) exactly, else the nearest directory upward from `from` that holds
 * `.postern`, as git does. Throws `no-repository`.
 */
export function findRoot(named: string | undefined, from: string): string {
  if (named !== undefined) {
    const root = resolve(from, named);
    if (holdsRepository(root)) return root;
    throw new PosternError('no-repository', `${root} is no postern repository`, {
      hint: 'make one with: postern init DIR --remote URL',
    });
  }
  for (let directory = resolve(from); ; directory = dirname(directory)) {
    if (holdsRepository(directory)) return directory;
    if (directory === dirname(directory)) break;
  }
  throw new PosternError(
    'no-repository',
    `no postern repository in ${resolve(from)} or any directory above it`,
    {
      hint: 'name one with -C DIR, or make one with: postern init DIR --remote URL',
    },
  );
}

/** The configuration or the state is there. A Maildir that only serves as a remote has an attic in its `.postern`. */
function holdsRepository(directory: string): boolean {
  const postern = join(directory, POSTERN_DIRECTORY);
  return existsSync(join(postern, 'config.toml')) || existsSync(join(postern, 'state'));
}
