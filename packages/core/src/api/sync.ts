import { applyActions } from '../apply/apply-actions.js';
import type { ApplyReport } from '../apply/apply-report.js';
import { finishRenames } from '../apply/finish-renames.js';
import { type Action, isDeletion } from '../model/action.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Outcome, Result } from '../model/outcome.js';
import type { Progress, Repository } from '../state/repository.js';
import { type FetchReport, fetchRemote } from './fetch.js';
import { makePlan, type Plan } from './plan.js';

export interface SyncOptions {
  readonly mailboxes?: readonly MailboxName[];
  readonly maxDelete?: number;
  readonly allowEmpty?: boolean;
  readonly onOutcome?: (outcome: Outcome) => void;
  readonly progress?: Progress;
}

export interface SyncReport {
  readonly fetch: FetchReport;
  readonly plan: Plan;
  readonly apply: ApplyReport;
}

/** A plan can only be carried out as far as one look goes: what it leaves (a deletion that waits for a copy) comes next. */
const ROUNDS = 3;

/**
 * fetch, plan and apply in one go, and plan and apply again while that brings something new to do. An action that did not
 * succeed is not tried again. The plan reported is the first one; the counts are of all rounds.
 */
export async function sync(repository: Repository, options: SyncOptions = {}): Promise<SyncReport> {
  await finishRenames(repository);
  const fetch = await fetchRemote(repository, options);
  const plan = await makePlan(repository, { ...options, local: fetch.sides.local });
  const tried = new Map<string, Action>();
  const deleted: Action[] = [];
  const onOutcome = (outcome: Outcome) => {
    const action = tried.get(outcome.id);
    if (action !== undefined && outcome.result === 'done' && isDeletion(action.op)) deleted.push(action);
    options.onOutcome?.(outcome);
  };
  const run = async (actions: readonly Action[]) => {
    for (const action of actions) tried.set(action.id, action);
    const deletedBefore = [...deleted];
    return applyActions(repository, actions, {
      ...options,
      onOutcome,
      deletedBefore,
      fetched: fetch.sides.remote,
    });
  };
  let apply = await run(plan.actions);
  for (let round = 2; round <= ROUNDS && apply.stopped === undefined && apply.counts.done > 0; round++) {
    if (await isAtRest(repository, options)) break;
    const { actions } = await makePlan(repository, options);
    const left = actions.filter(action => !tried.has(action.id));
    if (left.length === 0) break;
    apply = both(apply, await run(left));
  }
  return { fetch, plan, apply };
}

/** Whether the apply left every mailbox settled. What others did meanwhile is for the next sync. */
async function isAtRest({ store }: Repository, { mailboxes }: SyncOptions): Promise<boolean> {
  const records = [...(await store.all('mailbox', '')).values()];
  return records.every(
    ({ mailbox, quiet }) => quiet || (mailboxes !== undefined && !mailboxes.includes(mailbox)),
  );
}

function both(first: ApplyReport, second: ApplyReport): ApplyReport {
  const counts = { ...first.counts };
  for (const [result, count] of Object.entries(second.counts)) counts[result as Result] += count;
  return {
    ...second,
    operation: first.operation,
    counts,
    brakes: [...first.brakes, ...second.brakes],
    problems: [...first.problems, ...second.problems],
  };
}
