import { readFileSync } from 'node:fs';
import { CHANGES, PAIR_CASES, verdictWords } from '@postern/core/merge/cases.js';
import { describe, expect, it } from 'vitest';

const page = readFileSync(new URL('../../../docs/design/merge.md', import.meta.url), 'utf8');

/** The case table as docs/design/merge.md shows it: remote changes down, local changes across. */
function table(): string[] {
  const cells = [
    ['remote \\ local', ...CHANGES],
    ...CHANGES.map(remote => [remote, ...CHANGES.map(local => verdictWords(PAIR_CASES[remote][local]))]),
  ];
  const widths = cells[0]!.map((_cell, column) => Math.max(...cells.map(line => line[column]!.length)));
  const line = (parts: readonly string[]) =>
    `| ${parts.map((part, at) => part.padEnd(widths[at]!)).join(' | ')} |`;
  return [
    line(cells[0]!),
    `| ${widths.map(width => '-'.repeat(width)).join(' | ')} |`,
    ...cells.slice(1).map(line),
  ];
}

describe('the case table', () => {
  it('is the one that docs/design/merge.md shows', () => {
    process.stdout.write(`${table().join('\n')}\n`);
    expect(
      page
        .split('\n')
        .filter(line => line.startsWith('| '))
        .slice(0, table().length),
    ).toEqual(table());
  });

  it('is the same with the sides exchanged', () => {
    const exchanged = (words: string) =>
      words.endsWith('-remote') ? words.replace('-remote', '-local') : words.replace('-local', '-remote');
    for (const remote of CHANGES)
      for (const local of CHANGES)
        expect(verdictWords(PAIR_CASES[local][remote]), `${remote}/${local}`).toBe(
          exchanged(verdictWords(PAIR_CASES[remote][local])),
        );
  });

  it('P3: deletes only where the other side proved that the message is gone and this one was not protected', () => {
    for (const remote of CHANGES)
      for (const local of CHANGES) {
        const verdict = PAIR_CASES[remote][local];
        if (verdict.kind !== 'delete') continue;
        const [victim, other] = verdict.on === 'local' ? [local, remote] : [remote, local];
        expect(other).toBe('gone');
        expect(['same', 'flags']).toContain(victim);
      }
  });

  it('concludes nothing from a message that could not be read', () => {
    for (const change of CHANGES) {
      expect(PAIR_CASES.unreadable[change].kind).toBe('wait');
      expect(PAIR_CASES[change].unreadable.kind).toBe('wait');
    }
  });
});
