import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assertBuilt } from './built-command.js';
import { MAIN, postern } from './cli-command.js';

let place: string;

beforeEach(() => {
  assertBuilt();
  place = mkdtempSync(join(tmpdir(), 'postern-installed with a space-'));
  mkdirSync(join(place, 'bin'));
  symlinkSync(MAIN, join(place, 'bin', 'postern'));
});

afterEach(() => {
  rmSync(place, { recursive: true, force: true });
});

/** As a shell runs it that finds it in its PATH, as npm links it there. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const path = [join(place, 'bin'), dirname(process.execPath), '/usr/bin', '/bin'].join(':');
  const { status, stdout, stderr } = spawnSync('postern', args, {
    cwd: place,
    encoding: 'utf8',
    env: { PATH: path, HOME: place, XDG_CACHE_HOME: place, ...env },
  });
  return { exit: status, stdout, stderr };
}

/** Says what it was called with. */
function fakeNode(): void {
  const script = '#!/bin/sh\nprintf \'%s\\n\' "$MALLOC_ARENA_MAX" "$@"\n';
  writeFileSync(join(place, 'bin', 'node'), script, { mode: 0o755 });
}

describe('the command as it is installed', () => {
  it('is the one that Node runs', async () => {
    for (const args of [
      ['--version'],
      ['-C', 'no such place', 'status'],
      ['nonsense'],
      ['show', '$(a) "b" \\'],
    ])
      expect(run(args)).toEqual(await postern(args, { cwd: place }));
  });

  it('hands over its words as they are, and asks the C library for one arena', () => {
    fakeNode();
    const words = ['-C', 'a  b', '', '*', '$HOME', "it's"];
    expect(run(words).stdout.split('\n')).toEqual(['1', join(place, 'bin', 'postern'), ...words, '']);
  });

  it('leaves the number of arenas to the user', () => {
    fakeNode();
    expect(run([], { MALLOC_ARENA_MAX: '4' }).stdout).toMatch(/^4\n/);
  });
});
