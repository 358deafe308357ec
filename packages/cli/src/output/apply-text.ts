import type { ApplyReport } from '@postern/core/api/apply.js';
import type { Action } from '@postern/core/model/action.js';
import { printable } from '@postern/core/model/escape-text.js';
import type { Outcome, Result } from '@postern/core/model/outcome.js';
import { messageWords, placeWords, sourceEnd } from './message-words.js';
import { count } from './numbers.js';

/** An outcome that is not what was asked for, with the message it is about and the reason. */
export function outcomeWords(outcome: Outcome, action: Action | undefined): string {
  const place = placeWords(outcome.mailbox, action === undefined ? undefined : sourceEnd(action));
  const about = action?.message === undefined ? '' : `: ${messageWords(action.message)}`;
  const reason = outcome.reason === undefined ? '' : `: ${printable(outcome.reason)}`;
  return `${outcome.result} ${outcome.op} ${place}${about}${reason}`;
}

const ORDER: readonly Result[] = ['done', 'already', 'skipped', 'failed', 'held'];
const WAS: Readonly<Record<Result, string>> = {
  done: 'done',
  already: 'already so',
  skipped: 'skipped',
  failed: 'failed',
  held: 'held back',
};
const WOULD: Readonly<Record<Result, string>> = {
  ...WAS,
  done: 'would be done',
  skipped: 'would be skipped',
};

/** One line in sum: `12 done, 1 skipped (operation 5f0c…)`. */
export function applySummary(report: ApplyReport, { dryRun }: { readonly dryRun: boolean }): string {
  const parts = ORDER.filter(result => report.counts[result] > 0).map(
    result => `${count(report.counts[result])} ${(dryRun ? WOULD : WAS)[result]}`,
  );
  const sum = parts.length === 0 ? 'Nothing to do' : parts.join(', ');
  if (dryRun) return `Dry run, nothing was written: ${sum}`;
  return parts.length === 0 ? sum : `Applied: ${sum} (operation ${printable(report.operation)})`;
}
