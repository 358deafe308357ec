import { applyActions } from '../apply/apply-actions.js';
import type { ApplyReport } from '../apply/apply-report.js';
import { finishRenames } from '../apply/finish-renames.js';
import { type Action, isDeletion } from '../model/action.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Outcome, Result } from '../model/outcome.js';
import type { Problem } from '../model/row.js';
import type { Progress, Repository } from '../state/repository.js';
import { type FetchReport, fetchRemote } from './fetch.js';
import { makePlan, type Plan } from './plan.js';
import { AT_ONCE, inGroups, type Waiting, whatCanWait } from './what-can-wait.js';

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
 * fetch, plan and apply in one go; then the same for new mailboxes that could wait, group by group; then again while that brings
 * something new to do. An action that did not succeed is not tried again. The plan reported is the first one, with what is
 * to say of all groups but their actions; the counts are of all rounds.
 */
export async function sync(repository: Repository, options: SyncOptions = {}): Promise<SyncReport> {
  await finishRenames(repository);
  const fetch = await fetchRemote(repository, options);
  const local = fetch.sides.local;
  const { atOnce = AT_ONCE } = options;
  const first = await makePlan(repository, { ...options, local, most: atOnce });
  const applies = new Applies(repository, options, fetch);
  let plan = first;
  let apply = await applies.run(first.actions, waitingIn(first.later));
  const groups = inGroups(first.later, atOnce);
  for (const [index, group] of groups.entries()) {
    const names = group.map(({ mailbox }) => mailbox);
    if (apply.stopped !== undefined || !(await canStillWait(repository, options, names))) break;
    const next = await makePlan(repository, { ...options, local, group: names });
    plan = withGroup(plan, next);
    apply = both(apply, await applies.run(next.actions, waitingIn(groups.slice(index + 1).flat())));
  }
  for (let number = 2; number <= ROUNDS && apply.stopped === undefined && apply.counts.done > 0; number++) {
    if (await isAtRest(repository, options)) break;
    const { actions } = await makePlan(repository, options);
    const left = actions.filter(action => !applies.wasTried(action));
    if (left.length === 0) break;
    apply = both(apply, await applies.run(left, 0));
  }
  return { fetch, plan, apply, failed: applies.failed };
}

/** What happened meanwhile may have to do with them: then the plan of the next round is about everything. */
async function canStillWait(
  repository: Repository,
  { mailboxes }: SyncOptions,
  names: readonly MailboxName[],
): Promise<boolean> {
  const records = [...(await repository.store.all('mailbox', '')).values()];
  const wanted = records.filter(({ mailbox }) => mailboxes === undefined || mailboxes.includes(mailbox));
  const waiting = new Set((await whatCanWait(repository, wanted, 0)).map(({ mailbox }) => mailbox));
  return names.every(name => waiting.has(name));
}

function waitingIn(waiting: readonly Waiting[]): number {
  return waiting.reduce((sum, { messages }) => sum + messages, 0);
}

/** The applies of one sync, one after the other. */
class Applies {
  readonly #repository: Repository;
  readonly #options: SyncOptions;
  readonly #fetch: FetchReport;
  readonly #deleted: Action[] = [];
  /** The first 52 bits of their ids: as good, and a fifth of the memory. */
  readonly #tried = new Set<number>();
  readonly #failed: Action[] = [];
  #before = 0;

  constructor(repository: Repository, options: SyncOptions, fetch: FetchReport) {
    this.#repository = repository;
    this.#options = options;
    this.#fetch = fetch;
  }

  get failed(): readonly Action[] {
    return this.#failed;
  }

  wasTried({ id }: Action): boolean {
    return this.#tried.has(short(id));
  }

  /** `ahead`: messages that come after these actions, for the progress. */
  async run(actions: readonly Action[], ahead: number): Promise<ApplyReport> {
    const byId = new Map(actions.map(action => [action.id, action]));
    for (const id of byId.keys()) this.#tried.add(short(id));
    const deletedBefore = [...this.#deleted];
    const { progress } = this.#options;
    const before = this.#before;
    this.#before += actions.length;
    return applyActions(this.#repository, actions, {
      ...this.#options,
      deletedBefore,
      fetched: this.#fetch.sides.remote,
      onOutcome: outcome => {
        const action = byId.get(outcome.id);
        if (action !== undefined) this.#note(action, outcome);
        this.#options.onOutcome?.(outcome);
      },
      ...(progress === undefined
        ? {}
        : {
            progress: step => {
              if (step.what !== 'apply') progress(step);
              else progress({ ...step, done: before + step.done, total: before + step.total + ahead });
            },
          }),
    });
  }

  #note(action: Action, { result }: Outcome): void {
    if (result !== 'done' && result !== 'already') this.#failed.push(action);
    else if (result === 'done' && isDeletion(action.op)) this.#deleted.push(action);
  }
}

function short(id: string): number {
  return Number.parseInt(id.slice(0, 13), 16);
}

/** Whether the apply left every mailbox settled. What others did meanwhile is for the next sync. */
async function isAtRest({ store }: Repository, { mailboxes }: SyncOptions): Promise<boolean> {
  const records = [...(await store.all('mailbox', '')).values()];
  return records.every(
    ({ mailbox, quiet }) => quiet || (mailboxes !== undefined && !mailboxes.includes(mailbox)),
  );
}

/** Each look tells again of what it cannot read. */
function distinct(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map(problem => [JSON.stringify(problem), problem])).values()];
}

function withGroup(plan: Plan, group: Plan): Plan {
  return {
    ...plan,
    blocked: [...plan.blocked, ...group.blocked],
    problems: distinct([...plan.problems, ...group.problems]),
    withheld: plan.withheld + group.withheld,
    rematch: [...plan.rematch, ...group.rematch],
  };
}

function both(first: ApplyReport, second: ApplyReport): ApplyReport {
  const counts = { ...first.counts };
  for (const [result, count] of Object.entries(second.counts)) counts[result as Result] += count;
  return {
    ...second,
    operation: first.operation,
    counts,
    brakes: [...first.brakes, ...second.brakes],
    problems: distinct([...first.problems, ...second.problems]),
  };
}
