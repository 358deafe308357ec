import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { postern } from './cli-command.js';

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'postern-cache-'));
});

afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

const run = (env: Readonly<Record<string, string>> = {}) =>
  postern(['--help'], { env: { HOME: home, XDG_CACHE_HOME: '', ...env } });
const cache = () => join(home, '.cache', 'postern');
/** The only file there is. */
const file = () => join(cache(), readdirSync(cache()).join('?'));

describe('the cache of compiled code', () => {
  it('is made by a command that ends well, is ours alone, and is used as it is from then on', async () => {
    const first = await run();
    expect(first).toMatchObject({ exit: 0, stderr: '', stdout: expect.stringContaining('postern') });
    expect(statSync(cache()).mode & 0o777).toBe(0o700);
    const { mode, mtimeMs, size } = statSync(file());
    expect(mode & 0o777).toBe(0o600);
    expect(size).toBeGreaterThan(100_000);
    expect(await run()).toEqual(first);
    expect(statSync(file()).mtimeMs).toBe(mtimeMs);
    expect((await postern(['status'], { env: { HOME: home, XDG_CACHE_HOME: '' } })).exit).toBe(78);
    expect(readdirSync(cache())).toHaveLength(1);
  });

  it.each<readonly [string, (octets: Buffer) => Buffer]>([
    ['cut short', octets => octets.subarray(0, octets.length / 2)],
    ['empty', () => Buffer.alloc(0)],
    [
      'damaged in one octet',
      octets => {
        octets[octets.length >> 1]! ^= 1;
        return octets;
      },
    ],
    ['something else', () => Buffer.alloc(200_000, 'x')],
  ])('is made anew where it is %s', async (_what, spoil) => {
    const first = await run();
    const { ino, size } = statSync(file());
    writeFileSync(file(), spoil(readFileSync(file())));
    expect(await run()).toEqual(first);
    expect(statSync(file()).ino).not.toBe(ino);
    expect(Math.abs(statSync(file()).size - size)).toBeLessThan(size / 10);
  });

  it('is not believed where others may write it', async () => {
    const first = await run();
    chmodSync(file(), 0o666);
    expect(await run()).toEqual(first);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it('is done without where it cannot be kept, or is not wanted', async () => {
    writeFileSync(join(home, '.cache'), 'a file');
    const first = await run();
    expect(first).toMatchObject({ exit: 0, stderr: '' });
    rmSync(join(home, '.cache'));
    expect(await run({ NODE_DISABLE_COMPILE_CACHE: '1' })).toEqual(first);
    expect(await run({ HOME: join(home, 'none') })).toEqual(first);
    expect(await run({ HOME: '' })).toEqual(first);
    expect(existsSync(join(tmpdir(), '.cache'))).toBe(false);
    expect(readdirSync(home)).toEqual([]);
    const elsewhere = join(home, 'elsewhere');
    expect(await run({ XDG_CACHE_HOME: elsewhere })).toEqual(first);
    expect(existsSync(join(elsewhere, 'postern'))).toBe(true);
    expect(readdirSync(home)).toEqual(['elsewhere']);
  });

  it('is not made in a home of somebody else', async () => {
    if (process.getuid?.() !== 0) return;
    chownSync(home, 12345, 12345);
    expect((await run()).exit).toBe(0);
    expect(readdirSync(home)).toEqual([]);
  });

  it('leaves nothing behind where it cannot be written whole, and nobody waits for a pipe in its place', async () => {
    await run();
    const path = file();
    rmSync(path);
    mkdirSync(path);
    expect(await run()).toMatchObject({ exit: 0, stderr: '' });
    expect(readdirSync(cache())).toEqual([basename(path)]);
    rmSync(path, { recursive: true });
    execFileSync('mkfifo', [path]);
    expect(await run()).toMatchObject({ exit: 0, stderr: '' });
    expect(statSync(path).isFile()).toBe(true);
  });
});
