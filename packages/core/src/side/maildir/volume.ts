import { spawn } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, statfsSync } from 'node:fs';
import { release } from 'node:os';
import type { Seam } from '../../model/effect.js';
import { reasonOf } from './file-errors.js';
import { type Octets, pathBytes, printable } from './octets.js';

/** Those whose syncfs(2) writes all there is, by the type statfs(2) tells: ext2 to ext4, XFS, Btrfs. */
const KNOWN_TYPES = new Set([0xef53, 0x58465342, 0x9123683e]);
/** Of GNU coreutils. Not looked for in PATH: a `sync` there may be the user's own way to call us. */
const PROGRAM = ['/usr/bin/sync', '/bin/sync'].find(path => existsSync(path));
/** What other programs wrote is written along. Milliseconds after which that took too long to be tried again. */
const TOO_LONG = 2_000;

/**
 * The file system a Maildir is on. Makes many files durable with one syncfs(2), which costs a fraction of one fsync after
 * another. Errors are told since Linux 5.8, and the type must be one that is known to keep that promise.
 */
export class Volume {
  #isBusy = false;

  /** Whether `sync` is worth a try for files below this directory. */
  canSync(directory: Octets): boolean {
    if (this.#isBusy || PROGRAM === undefined || !tellsErrors()) return false;
    try {
      return KNOWN_TYPES.has(statfsSync(pathBytes(directory)).type);
    } catch (error) {
      reasonOf(error);
      return false;
    }
  }

  /** Makes all that was written so far durable. False where that is not certain: then it takes an fsync of each file. */
  async sync(seam: Seam, directory: Octets): Promise<boolean> {
    const started = performance.now();
    try {
      return await seam.run({ surface: 'fs', name: 'syncfs', target: printable(directory) }, () =>
        syncFileSystemOf(directory),
      );
    } catch (error) {
      reasonOf(error);
      return false;
    } finally {
      this.#isBusy = performance.now() - started > TOO_LONG;
    }
  }
}

function tellsErrors(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return process.platform === 'linux' && (major > 5 || (major === 5 && minor >= 8));
}

function syncFileSystemOf(directory: Octets): Promise<boolean> {
  const fd = openSync(pathBytes(directory), constants.O_RDONLY | constants.O_DIRECTORY);
  return new Promise<boolean>(resolve => {
    // By its descriptor: names are octets, and arguments of a program are text.
    const child = spawn(PROGRAM ?? '', ['-f', '/proc/self/fd/3'], {
      stdio: ['ignore', 'ignore', 'ignore', fd],
    });
    child.once('error', () => resolve(false));
    child.once('close', code => resolve(code === 0));
  }).finally(() => closeSync(fd));
}
