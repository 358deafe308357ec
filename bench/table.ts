import type { Cost } from './measured-process.js';
import type { Traffic } from './traffic.js';

export type Measured = Cost & Traffic;

/** What a program needed for a work, and what was wrong afterwards if anything was. */
export interface Result {
  readonly runs: readonly Measured[];
  readonly fault?: string;
}

/** One kind of work and how every program did it. */
export interface WorkResults {
  readonly name: string;
  readonly programs: Readonly<Record<string, Result>>;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A Markdown table of medians. The ratio is against the first program that did the work well: below 1 is less time. */
export function tableOf(works: readonly WorkResults[]): string {
  const rows = [
    ['work', 'program', 'wall s', 'ratio', 'runs s', 'CPU s', 'peak MB', 'in MB', 'out MB', 'afterwards'],
    ['---', '---', '--:', '--:', '--:', '--:', '--:', '--:', '--:', '---'],
  ];
  for (const { name, programs } of works) {
    const reference = median((Object.values(programs)[0]?.runs ?? []).map(run => run.wall));
    for (const [program, { runs, fault }] of Object.entries(programs)) {
      const of = (pick: (run: Measured) => number) => median(runs.map(pick));
      const wall = of(run => run.wall);
      rows.push([
        name,
        program,
        wall.toFixed(2),
        (wall / reference).toFixed(2),
        runs.map(run => run.wall.toFixed(2)).join(' '),
        of(run => run.cpu).toFixed(2),
        Math.max(...runs.map(run => run.peak)).toFixed(0),
        (of(run => run.in) / 1e6).toFixed(3),
        (of(run => run.out) / 1e6).toFixed(3),
        fault ?? 'right',
      ]);
    }
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  return rows
    .map(row => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`)
    .join('\n');
}
