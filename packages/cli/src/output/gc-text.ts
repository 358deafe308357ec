import type { Freed, GcReport } from '@postern/core/api/gc.js';
import { printable } from '@postern/core/model/escape-text.js';
import { counted, octets } from './numbers.js';

/** What a `gc` did, or would do, for people. */
export function* gcText(report: GcReport): Generator<string> {
  const { attic, kept, leftovers, database, dryRun } = report;
  const age = report.days === 0 ? '' : ` older than ${counted(report.days, 'day')}`;
  const verb = dryRun ? 'would be deleted' : 'deleted';
  yield `Attic: ${words(attic, 'message')}${age} ${verb}; ${words(kept, 'message')} kept`;
  yield `Leftovers in tmp: ${words(leftovers, 'file')} ${verb}`;
  if (report.log > 0) yield `Log: ${counted(report.log, 'operation')} ${verb}`;
  yield dryRun
    ? `Database: ${octets(database.before)}`
    : `Database: ${octets(database.before)} before, ${octets(database.after)} now`;
  for (const { path } of report.damagedStates) {
    yield `A damaged state is kept; remove it when you need it no more: ${printable(path)}`;
  }
}

function words({ files, size }: Freed, what: string): string {
  return files === 0 ? counted(0, what) : `${counted(files, what)} (${octets(size)})`;
}
