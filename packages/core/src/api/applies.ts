import { applyActions } from '../apply/apply-actions.js';
import type { ApplyOptions, ApplyReport } from '../apply/apply-report.js';
import { type Action, isDeletion } from '../model/action.js';
import type { Outcome, Result } from '../model/outcome.js';
import { distinctProblems } from '../model/row.js';
import type { Repository } from '../state/repository.js';
import type { FetchReport } from './fetch.js';

/** Milliseconds for which a look at a Maildir serves the next part of what is under way. */
const LOOK_LASTS = 60_000;

/** The applies of one sync, one after the other. */
export class Applies {
  readonly #repository: Repository;
  readonly #options: ApplyOptions;
  readonly #fetch: FetchReport;
  readonly #deleted: Action[] = [];
  /** The first 52 bits of their ids: as good, and a twentieth of the memory. */
  readonly #tried: Float64Array[] = [];
  readonly #failed: Action[] = [];
  #report: ApplyReport | undefined;
  #before = 0;
  /** When an apply looked at the local side last. */
  #looked = 0;

  constructor(repository: Repository, options: ApplyOptions, fetch: FetchReport) {
    this.#repository = repository;
    this.#options = options;
    this.#fetch = fetch;
  }

  get failed(): readonly Action[] {
    return this.#failed;
  }

  /** Those that no apply had. */
  untried(actions: readonly Action[]): readonly Action[] {
    const left = new Set(actions.map(({ id }) => short(id)));
    for (const ids of this.#tried) for (const id of ids) left.delete(id);
    return actions.filter(({ id }) => left.has(short(id)));
  }

  /**
   * Tells of all applies so far. `ahead`: messages that come after these actions, for the progress. `goesOn`: they are more of what
   * the last one did, and the look before it serves them too, for a while.
   */
  async run(actions: readonly Action[], ahead: number, goesOn = false): Promise<ApplyReport> {
    const byId = new Map(actions.map(action => [action.id, action]));
    this.#tried.push(Float64Array.from(byId.keys(), short));
    const deletedBefore = [...this.#deleted];
    const { progress } = this.#options;
    const before = this.#before;
    this.#before += actions.length;
    const now = this.#repository.clock.now();
    const isSeen = goesOn && now - this.#looked < LOOK_LASTS;
    if (!isSeen) this.#looked = now;
    const report = await applyActions(this.#repository, actions, {
      ...this.#options,
      deletedBefore,
      fetched: this.#fetch.sides.remote,
      ...(isSeen ? { scanned: this.#fetch.sides.local } : {}),
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
    this.#report = this.#report === undefined ? report : both(this.#report, report);
    return this.#report;
  }

  #note(action: Action, { result }: Outcome): void {
    if (result !== 'done' && result !== 'already') this.#failed.push(action);
    else if (result === 'done' && isDeletion(action.op)) this.#deleted.push(action);
  }
}

function short(id: string): number {
  return Number.parseInt(id.slice(0, 13), 16);
}

function both(first: ApplyReport, second: ApplyReport): ApplyReport {
  const counts = { ...first.counts };
  for (const [result, count] of Object.entries(second.counts)) counts[result as Result] += count;
  return {
    ...second,
    operation: first.operation,
    counts,
    brakes: [...first.brakes, ...second.brakes],
    problems: distinctProblems([...first.problems, ...second.problems]),
  };
}
