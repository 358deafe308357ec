import type { Cost } from './measured-process.js';
import type { Traffic } from './traffic.js';

export type Measured = Cost & Traffic;

/** One kind of work that every program did some times. */
export interface Work {
  readonly name: string;
  readonly runs: Readonly<Record<string, readonly Measured[]>>;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A Markdown table of medians. The ratio is against the first program: below 1 is less time. */
export function tableOf(works: readonly Work[]): string {
  const rows = [
    ['work', 'program', 'wall s', 'ratio', 'runs s', 'CPU s', 'peak MB', 'in MB', 'out MB'],
    ['---', '---', '--:', '--:', '--:', '--:', '--:', '--:', '--:'],
  ];
  for (const { name, runs } of works) {
    const reference = median((Object.values(runs)[0] ?? []).map(run => run.wall));
    for (const [program, measured] of Object.entries(runs)) {
      const of = (pick: (run: Measured) => number) => median(measured.map(pick));
      const wall = of(run => run.wall);
      rows.push([
        name,
        program,
        wall.toFixed(2),
        (wall / reference).toFixed(2),
        measured.map(run => run.wall.toFixed(2)).join(' '),
        of(run => run.cpu).toFixed(2),
        Math.max(...measured.map(run => run.peak)).toFixed(0),
        (of(run => run.in) / 1e6).toFixed(3),
        (of(run => run.out) / 1e6).toFixed(3),
      ]);
    }
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  return rows
    .map(row => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`)
    .join('\n');
}
