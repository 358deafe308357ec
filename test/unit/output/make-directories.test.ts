import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeDirectories } from '../../../packages/cli/src/make-directories.js';

describe('making a directory', () => {
  it('makes those above it too, for the owner alone, and leaves one that is there', () => {
    const home = mkdtempSync(join(tmpdir(), 'postern-directories-'));
    try {
      makeDirectories(join(home, 'a/b/c'));
      makeDirectories(join(home, 'a/b/c'));
      expect(statSync(join(home, 'a/b')).mode & 0o777).toBe(0o700);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  });

  it.runIf(existsSync('/proc/self'))('ends with an error where nothing can be made, instead of never', () => {
    expect(() => makeDirectories('/proc/nowhere/at/all')).toThrow(/ENOENT|EACCES|EPERM|EROFS/);
  });
});
