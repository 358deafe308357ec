import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ProgressLine } from '../../../packages/cli/src/output/progress.js';

/** A terminal of so many columns, and what stands in its line. */
class Terminal extends PassThrough {
  readonly isTTY: boolean;
  readonly columns: number;
  #text = '';

  constructor(columns = 80, isTTY = true) {
    super();
    this.columns = columns;
    this.isTTY = isTTY;
    this.on('data', chunk => {
      this.#text += String(chunk);
    });
  }

  get line(): string {
    return this.#text.split('\r\u001b[K').at(-1)!;
  }

  get written(): number {
    return this.#text.length;
  }
}

function make(terminal: Terminal, quiet = false) {
  let now = 5_000;
  const line = new ProgressLine(terminal, { quiet, now: () => now });
  const at = (
    milliseconds: number,
    what: 'fetch' | 'apply',
    done: number,
    total: number,
    mailbox = 'INBOX',
  ) => {
    now = 5_000 + milliseconds;
    line.update({ what, mailbox, done, total });
    return terminal.line;
  };
  return { line, at };
}

describe('the line that shows how far a run is', () => {
  it('comes after a second, with the rate of what is going on and the time it still takes', () => {
    const { at, line } = make(new Terminal());
    expect(at(0, 'apply', 0, 20_000)).toBe('');
    expect(at(900, 'apply', 900, 20_000)).toBe('');
    expect(at(1_000, 'apply', 1_000, 20_000)).toBe(
      'Applying INBOX (1,000 of 20,000, 1,000 a second, 19 s left)',
    );
    expect(at(1_050, 'apply', 1_050, 20_000)).toBe(
      'Applying INBOX (1,000 of 20,000, 1,000 a second, 19 s left)',
    );
    expect(at(10_000, 'apply', 20_000, 20_000)).toBe('Applying INBOX (20,000 of 20,000, 2,000 a second)');
    line.clear();
  });

  it('counts the pace of each phase for itself, and says nothing of it before it can', () => {
    const { at } = make(new Terminal());
    at(0, 'fetch', 0, 100);
    at(5_000, 'fetch', 100, 100);
    expect(at(5_200, 'apply', 0, 600)).toBe('Applying INBOX (0 of 600)');
    expect(at(5_900, 'apply', 5, 600)).toBe('Applying INBOX (5 of 600)');
    expect(at(15_200, 'apply', 10, 600)).toBe('Applying INBOX (10 of 600, 1 a second, 10 min left)');
    expect(at(1_000_000, 'apply', 12, 600)).toContain('14 h left');
    expect(at(1_000_200, 'fetch', 0, 0)).toBe('Fetching INBOX');
  });

  it('keeps the figures where the name of the mailbox is long, and to one line', () => {
    const { at } = make(new Terminal(60));
    const line = at(2_000, 'apply', 5, 10, `Lists/${'x'.repeat(100)}`);
    expect(line).toHaveLength(59);
    expect(line).toMatch(/^Applying Lists\/x+ \(5 of 10\)$/);
    expect(make(new Terminal(10)).at(2_000, 'apply', 5, 10).length).toBeLessThan(10);
  });

  it('is not there for programs, nor where nobody wants it', () => {
    for (const [terminal, quiet] of [
      [new Terminal(80, false), false],
      [new Terminal(), true],
    ] as const) {
      const { at, line } = make(terminal, quiet);
      at(5_000, 'apply', 5, 10);
      line.clear();
      expect(terminal.written).toBe(0);
    }
  });
});
