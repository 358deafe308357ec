import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ERROR_EXITS } from '@postern/core/model/error.js';
import { describe, expect, it } from 'vitest';
import { KEYS } from '../../packages/cli/src/config/schema.js';
import { BLOCKED_CODE, OP_WORDS } from '../../packages/cli/src/output/op-words.js';

const page = (name: string) => readFileSync(new URL(`../../docs/reference/${name}`, import.meta.url), 'utf8');

/** The cells of the rows of every table of a page, code marks taken off the first two. */
function rows(text: string): string[][] {
  return text
    .split('\n')
    .filter(line => line.startsWith('| ') && !line.startsWith('| ---'))
    .map(line => line.slice(2, -1).split(' | '))
    .map(cells => cells.map(cell => cell.trim().replace(/^`(.*)`$/, '$1')));
}

describe('docs/reference says what the code does', () => {
  it('errors.md has every error code with its exit status, in order', () => {
    const documented = rows(page('errors.md'))
      .slice(1)
      .map(([code, exit]) => [code, Number(exit)]);
    expect(documented).toEqual(Object.entries(ERROR_EXITS));
  });

  it('exit-codes.md has every exit status', () => {
    const beyondErrors = [0, 2, 3, 129, 130, 143];
    const expected = [...new Set([...beyondErrors, ...Object.values(ERROR_EXITS)])].sort((a, b) => a - b);
    expect(
      rows(page('exit-codes.md'))
        .slice(1)
        .map(([exit]) => Number(exit)),
    ).toEqual(expected);
  });

  it('every exit status a command names is one there is', () => {
    const known = new Set(rows(page('exit-codes.md')).map(([exit]) => exit));
    const named = [...page('commands.md').matchAll(/^Exit status:.*$/gm)].flatMap(([line]) =>
      [...line.matchAll(/\b\d+\b/g)].map(([number]) => number),
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter(number => !known.has(number))).toEqual([]);
  });

  it('configuration.md has every key', () => {
    const keys = Object.entries(KEYS)
      .flatMap(([table, names]) => names.map(name => (table === '' ? name : `${table}.${name}`)))
      .filter(key => !Object.hasOwn(KEYS, key));
    const documented = rows(page('configuration.md').split('## Scope')[0]!)
      .slice(1)
      .map(([key]) => key);
    expect(documented).toEqual(keys);
  });

  it('porcelain.md has every code with its action', () => {
    const codes = Object.entries(OP_WORDS).map(([op, { code }]) => [code, op]);
    const documented = rows(page('porcelain.md'))
      .slice(1)
      .map(([code, op]) => [code, op]);
    expect(documented).toEqual([...codes, [BLOCKED_CODE, '-']]);
  });

  it('every code of an action is its own', () => {
    const codes = Object.values(OP_WORDS).map(({ code }) => code);
    expect(new Set([...codes, BLOCKED_CODE]).size).toBe(codes.length + 1);
  });

  it('commands.md is what node scripts/write-docs.mjs writes', () => {
    const script = fileURLToPath(new URL('../../scripts/write-docs.mjs', import.meta.url));
    const written = execFileSync(process.execPath, [script, '--print'], { encoding: 'utf8' });
    expect(page('commands.md')).toBe(written);
  });

  it('help leaves no option without a name for its value', () => {
    expect(page('commands.md')).not.toMatch(/#0|VALUE/);
  });
});
