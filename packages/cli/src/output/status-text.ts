import type { Plan } from '@postern/core/api/plan.js';
import type { Op } from '@postern/core/model/action.js';
import { printable } from '@postern/core/model/escape-text.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import type { Blocked } from '@postern/core/model/view.js';
import { brakeWords } from './brake-words.js';
import { interruptionLines } from './interruption-words.js';
import { messageWords, placeWords, sourceEnd } from './message-words.js';
import { ago, counted } from './numbers.js';
import { OP_WORDS } from './op-words.js';
import { type Summary, summarise } from './summary.js';
import type { Paint } from './terminal.js';

export interface StatusContext {
  readonly paint: Paint;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What `status` shows a person: where both sides stand, group by group, and what to type next. */
export function* statusText(plan: Plan, context: StatusContext): Generator<string> {
  const { paint } = context;
  const fetched = plan.fetched === undefined ? 'never fetched' : `fetched ${ago(plan.fetched, context.now)}`;
  yield `Remote: ${printable(plan.header.remote)}, ${fetched}`;
  yield `Local:  ${printable(plan.header.local)}`;
  yield* group('Interrupted', interruptedLines(plan, context.now), paint.yellow);
  yield* changeGroups(summarise(plan.actions), context);
  yield* group('Blocked: neither copied nor deleted', plan.blocked.flatMap(blockedLines), paint.red);
  yield* group('Matched anew: nothing is deleted there in this round', rematchLines(plan), paint.yellow);
  yield* group('Held back by apply', plan.brakes.map(brakeWords), paint.yellow);
  yield* group('Not planned', withheldLines(plan), paint.dim);
  yield '';
  yield nextStep(plan);
}

/** What would change, without what stands around it: bare `apply` shows this before it asks. */
export function* changeGroups(summary: Summary, { paint }: Pick<StatusContext, 'paint'>): Generator<string> {
  yield* group('Incoming', countLines(summary.counts.incoming), paint.green);
  yield* group('Outgoing', countLines(summary.counts.outgoing), paint.green);
  yield* group('To record, without copying', countLines(summary.counts.record), paint.dim);
  yield* group('Conflicts: both versions are kept', conflictLines(summary), paint.yellow);
}

function* group(title: string, lines: readonly string[], paint: (text: string) => string): Generator<string> {
  if (lines.length === 0) return;
  yield '';
  yield `${title}:`;
  for (const line of lines) yield `  ${paint(line)}`;
}

function countLines(counts: ReadonlyMap<MailboxName, ReadonlyMap<Op, number>>): string[] {
  return [...counts].map(([mailbox, ops]) => {
    const phrases = [...ops].map(([op, number]) => OP_WORDS[op].phrase(number));
    return `${printable(mailbox)}: ${phrases.join(', ')}`;
  });
}

function conflictLines(summary: Summary): string[] {
  return summary.conflicts.map(action => {
    const place = placeWords(action.mailbox, sourceEnd(action));
    const what = action.message === undefined ? '' : `: ${messageWords(action.message)}`;
    return `${place}${what}: ${printable(action.why)}`;
  });
}

function blockedLines({ mailbox, remote, local, reason }: Blocked): string[] {
  if (remote === undefined && local === undefined) return [printable(mailbox), `  ${printable(reason)}`];
  const key = remote === undefined ? `file ${local?.key}` : `message ${remote.key}`;
  const envelope = (remote ?? local)?.envelope ?? {};
  return [`${printable(mailbox)}, ${printable(key)}: ${messageWords(envelope)}`, `  ${printable(reason)}`];
}

function rematchLines(plan: Plan): string[] {
  return plan.rematch.map(({ mailbox, reason }) => `${printable(mailbox)}: ${printable(reason)}`);
}

function interruptedLines({ interruptions }: Plan, now: number): string[] {
  return interruptions.flatMap(one => [...interruptionLines(one, now)]);
}

function withheldLines({ withheld }: Plan): string[] {
  return withheld === 0 ? [] : [withheldWords(withheld)];
}

/** What a policy left out, in one line. */
export function withheldWords(withheld: number): string {
  return `${counted(withheld, 'change')} that [sync] in the configuration does not allow`;
}

function nextStep(plan: Plan): string {
  if (plan.fetched === undefined) return 'Nothing is known of the remote yet. Next: postern fetch';
  if (plan.actions.length > 0) {
    return 'Next: postern apply   (postern plan shows every action; postern fetch looks at the remote again)';
  }
  if (plan.interrupted) return 'Next: postern sync';
  if (plan.blocked.length > 0 || plan.withheld > 0) return 'Nothing else to do.';
  return 'Nothing to do: both sides agree. (postern fetch looks at the remote again)';
}
