import type { Plan } from '@postern/core/api/plan.js';
import type { Action } from '@postern/core/model/action.js';
import { printable } from '@postern/core/model/escape-text.js';
import type { Blocked } from '@postern/core/model/view.js';
import { sourceEnd } from './message-words.js';
import { BLOCKED_CODE, OP_WORDS } from './op-words.js';

/**
 * The lines of `status --porcelain`: a promise (docs/reference/porcelain.md). With `raw` (for -z) fields are set apart by
 * tabs and names stand as they are; else by blanks, with blanks, `%` and controls in names as %XX.
 */
export function* porcelainLines(plan: Plan, { raw }: { readonly raw: boolean }): Generator<string> {
  const name = raw ? printable : escapedName;
  const join = (fields: readonly string[]) => fields.join(raw ? '\t' : ' ');
  yield join(['#', 'remote', name(plan.header.remote)]);
  yield join(['#', 'fetched', plan.fetched === undefined ? 'never' : new Date(plan.fetched).toISOString()]);
  for (const { mailbox, reason } of plan.rematch)
    yield join(['#', 'rematch', name(mailbox), printable(reason)]);
  if (plan.interrupted) yield join(['#', 'interrupted', String(plan.interrupted)]);
  if (plan.withheld > 0) yield join(['#', 'withheld', String(plan.withheld)]);
  for (const action of plan.actions) yield join(actionFields(action, name));
  for (const blocked of plan.blocked) yield join(blockedFields(blocked, name));
}

function actionFields(action: Action, name: (text: string) => string): string[] {
  const { op, mailbox, conflict, message } = action;
  return [
    `${OP_WORDS[op].code}${conflict ? '!' : ''}`,
    name(mailbox),
    sourceEnd(action)?.key ?? '-',
    ...subject(message?.subject),
  ];
}

function blockedFields({ mailbox, remote, local }: Blocked, name: (text: string) => string): string[] {
  const row = remote ?? local;
  return [BLOCKED_CODE, name(mailbox), row?.key ?? '-', ...subject(row?.envelope.subject)];
}

function subject(raw: string | undefined): string[] {
  return raw === undefined ? [] : [printable(raw)];
}

function escapedName(text: string): string {
  return printable(text.replace(/[% ]/g, character => (character === '%' ? '%25' : '%20')));
}
