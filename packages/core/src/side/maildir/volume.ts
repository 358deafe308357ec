import { execFile, spawn } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, statfsSync } from 'node:fs';
import { release } from 'node:os';
import type { Seam } from '../../model/effect.js';
import { reasonOf } from './file-errors.js';
import { type Octets, pathBytes, printable } from './octets.js';

/** Those whose syncfs(2) writes all there is and tells of failures, by the type statfs(2) says: ext2 to ext4, XFS, Btrfs. */
const KNOWN_TYPES: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e]);
/** Not looked for in PATH: a `sync` there may be the user's own way to call us. */
const PROGRAMS = ['/usr/bin/sync', '/bin/sync'];
/** What other programs wrote is written along. Milliseconds after which that took too long to be tried again. */
const TOO_LONG = 2_000;

/**
 * The file system a Maildir is on. Makes many files durable with one syncfs(2), which costs a fraction of one fsync after
 * another. One instance serves all who write there: the system tells of a failed write once.
 */
export class Volume {
  readonly #types: ReadonlySet<number> | 'all';
  #turn: Promise<unknown> = Promise.resolve();
  #isBusy = false;
  #hasFailed = false;

  constructor(types: ReadonlySet<number> | 'all' = KNOWN_TYPES) {
    this.#types = types;
  }

  /** Whether `sync` is worth a try for files below this directory. */
  async canSync(directory: Octets): Promise<boolean> {
    if (this.#isBusy || this.#hasFailed || !tellsErrors() || !this.#hasKnownType(directory)) return false;
    return (await gnuSync()) !== undefined;
  }

  /**
   * Makes all that was written so far durable. False where that is not certain, now and from then on: what failed may be anybody's
   * files, also those of whoever asks next.
   */
  sync(seam: Seam, directory: Octets): Promise<boolean> {
    const mine = this.#turn.then(async () => {
      if (!this.#hasFailed) this.#hasFailed = !(await this.#sync(seam, directory));
      return !this.#hasFailed;
    });
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #sync(seam: Seam, directory: Octets): Promise<boolean> {
    const started = performance.now();
    try {
      return await seam.run({ surface: 'fs', name: 'syncfs', target: printable(directory) }, () =>
        syncFileSystemOf(directory),
      );
    } catch (error) {
      reasonOf(error);
      return false;
    } finally {
      this.#isBusy ||= performance.now() - started > TOO_LONG;
    }
  }

  #hasKnownType(directory: Octets): boolean {
    if (this.#types === 'all') return true;
    try {
      return this.#types.has(statfsSync(pathBytes(directory)).type);
    } catch (error) {
      reasonOf(error);
      return false;
    }
  }
}

/** Since Linux 5.8. */
function tellsErrors(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return process.platform === 'linux' && (major > 5 || (major === 5 && minor >= 8));
}

let gnu: Promise<string | undefined> | undefined;

/** The program where it is that of GNU coreutils: others (BusyBox) do not look at what syncfs answers. */
function gnuSync(): Promise<string | undefined> {
  gnu ??= new Promise(resolve => {
    const program = PROGRAMS.find(path => existsSync(path));
    if (program === undefined) resolve(undefined);
    else {
      execFile(program, ['--version'], (_error, told) =>
        resolve(told.includes('GNU coreutils') ? program : undefined),
      );
    }
  });
  return gnu;
}

async function syncFileSystemOf(directory: Octets): Promise<boolean> {
  const program = await gnuSync();
  if (program === undefined) return false;
  const fd = openSync(pathBytes(directory), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return await new Promise<boolean>(resolve => {
      // By its descriptor: names are octets, and arguments of a program are text. An interrupt from a terminal is not for it.
      const child = spawn(program, ['-f', '/proc/self/fd/3'], {
        stdio: ['ignore', 'ignore', 'ignore', fd],
        detached: true,
      });
      child.once('error', () => resolve(false));
      child.once('close', code => resolve(code === 0));
    });
  } finally {
    closeSync(fd);
  }
}
