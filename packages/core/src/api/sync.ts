import type { ApplyReport } from '../apply/apply-report.js';
import { finishRenames } from '../apply/finish-renames.js';
import type { Action } from '../model/action.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Outcome } from '../model/outcome.js';
import { distinctProblems } from '../model/row.js';
import type { Progress, Repository } from '../state/repository.js';
import { Applies } from './applies.js';
import { type FetchReport, fetchRemote } from './fetch.js';
import { makePlan, type Plan } from './plan.js';
import { portionsOf } from './portions.js';
import { AT_ONCE, canStillWait, messagesIn } from './what-can-wait.js';

export interface SyncOptions {
  readonly mailboxes?: readonly MailboxName[];
  readonly maxDelete?: number;
  readonly allowEmpty?: boolean;
  /** About so many new messages are planned and carried out at once. */
  readonly atOnce?: number;
  readonly onOutcome?: (outcome: Outcome) => void;
  readonly progress?: Progress;
}

export interface SyncReport {
  readonly fetch: FetchReport;
  readonly plan: Plan;
  readonly apply: ApplyReport;
  /** Actions that were skipped or held back, or failed, of all plans. */
  readonly failed: readonly Action[];
}

/** A plan can only be carried out as far as one look goes: what it leaves (a deletion that waits for a copy) comes next. */
const ROUNDS = 3;

/**
 * fetch, plan and apply in one go; then the same for new mailboxes that could wait, portion by portion; then again while that
 * brings something new to do. An action that did not succeed is not tried again. The plan reported is the first one, with what is
 * to say of all groups but their actions; the counts are of all rounds.
 */
export async function sync(repository: Repository, options: SyncOptions = {}): Promise<SyncReport> {
  await finishRenames(repository);
  const fetch = await fetchRemote(repository, options);
  const local = fetch.sides.local;
  const { atOnce = AT_ONCE, mailboxes } = options;
  const first = await makePlan(repository, { ...options, local, most: atOnce });
  const applies = new Applies(repository, options, fetch);
  let plan = first;
  let apply = await applies.run(first.actions, messagesIn(first.later));
  let isLeft = false;
  for await (const portion of portionsOf(repository.store, first.later, atOnce)) {
    isLeft =
      apply.stopped !== undefined || !(await canStillWait(repository, portion, { mailboxes, large: atOnce }));
    if (isLeft) break;
    const next = await makePlan(repository, { ...options, local, portion });
    plan = withGroup(plan, next);
    apply = await applies.run(next.actions, portion.ahead, true);
  }
  for (let number = 2; number <= ROUNDS && apply.stopped === undefined; number++) {
    if (!isLeft && apply.counts.done === 0) break;
    if (await isAtRest(repository, options)) break;
    const { actions } = await makePlan(repository, options);
    const left = applies.untried(actions);
    if (left.length === 0) break;
    apply = await applies.run(left, 0);
  }
  return { fetch, plan, apply, failed: applies.failed };
}

/** Whether the apply left every mailbox settled. What others did meanwhile is for the next sync. */
async function isAtRest({ store }: Repository, { mailboxes }: SyncOptions): Promise<boolean> {
  const records = [...(await store.all('mailbox', '')).values()];
  return records.every(
    ({ mailbox, quiet }) => quiet || (mailboxes !== undefined && !mailboxes.includes(mailbox)),
  );
}

function withGroup(plan: Plan, group: Plan): Plan {
  return {
    ...plan,
    blocked: [...plan.blocked, ...group.blocked],
    problems: distinctProblems([...plan.problems, ...group.problems]),
    withheld: plan.withheld + group.withheld,
    rematch: [...plan.rematch, ...group.rematch],
  };
}
