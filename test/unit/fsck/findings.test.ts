import { readFileSync } from 'node:fs';
import { FINDINGS } from '@postern/fsck/findings.js';
import { exitOf } from '@postern/fsck/report.js';
import { describe, expect, it } from 'vitest';

const page = readFileSync(new URL('../../../docs/reference/fsck.md', import.meta.url), 'utf8');

describe('the table of findings', () => {
  it('stands in docs/reference/fsck.md as it is in the code', () => {
    const rows = page.split('\n').filter(line => /^\| `[a-z-]+` \| (error|warning|info) \|/.test(line));
    const due = Object.entries(FINDINGS).map(([id, { severity, says, next }]) =>
      ['', ` \`${id}\` `, ` ${severity} `, ` ${says} `, ` ${next} `, ''].join('|'),
    );
    expect(rows).toEqual(due);
  });

  it('has an error for all damage, and rebuilds for no mere information', () => {
    for (const [id, { severity, rebuild }] of Object.entries(FINDINGS)) {
      if (severity === 'info') expect(rebuild, id).toBe(false);
      if (severity === 'error' && !id.endsWith('-version')) expect(rebuild, id).toBe(true);
    }
  });
});

describe('the exit status', () => {
  const error = { id: 'seal-root', severity: 'error', detail: '' } as const;
  const warning = { id: 'witness-missing', severity: 'warning', detail: '' } as const;
  const repaired = { pairs: 1, salvaged: 0, bodiesRead: 0 };
  const blocked = [{ mailbox: 'INBOX', reason: '' }] as never;

  it('is 4 for damage, 3 for blocked messages, 0 for all else and after a repair', () => {
    expect(exitOf({ findings: [error], blocked })).toBe(4);
    expect(exitOf({ findings: [error], blocked, repaired })).toBe(3);
    expect(exitOf({ findings: [error], blocked: [], repaired })).toBe(0);
    expect(exitOf({ findings: [warning], blocked: [] })).toBe(0);
    expect(exitOf({ findings: [], blocked })).toBe(3);
  });
});
