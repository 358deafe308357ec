import { join } from 'node:path';

/** The directory beside the mail that makes a Maildir a repository. */
export const POSTERN_DIRECTORY = '.postern';

export interface RepositoryPaths {
  /** The Maildir. */
  readonly root: string;
  readonly postern: string;
  readonly config: string;
}

export function repositoryPaths(root: string): RepositoryPaths {
  const postern = join(root, POSTERN_DIRECTORY);
  return { root, postern, config: join(postern, 'config.toml') };
}
