import { type Action, OPS } from '../model/action.js';
import { SIDES, type SideName } from '../model/by-side.js';
import { bug, isOneMailboxOnly, PosternError } from '../model/error.js';
import { compareText, type MailboxName } from '../model/mailbox.js';
import type { Result } from '../model/outcome.js';
import type { Problem } from '../model/row.js';
import { openSteps } from '../model/steps.js';
import { guardSides } from '../observe/guard-sides.js';
import { observeSide, type Unseen } from '../observe/observe-side.js';
import { eachInLanes, type Progress, type Repository } from '../state/repository.js';
import type { ApplyOptions, ApplyReport } from './apply-report.js';
import { inBatches, inSteps } from './batches.js';
import { findBrakes, isHeld } from './brakes.js';
import { copyLanded } from './copy-landed.js';
import { runCopies } from './copying.js';
import { Desk } from './desk.js';
import { runDuplicates } from './duplicating.js';
import { finishRenames } from './finish-renames.js';
import { runFlags } from './flagging.js';
import { foreseeLooks } from './foresee.js';
import { withoutDoubt, withoutMoved } from './hold-back.js';
import { already, failed, outcomeOf, type Refusal, type Report, skipped } from './judgement.js';
import { LandedMessages } from './landed.js';
import { type DeskJob, laneJobs, workOfCopies } from './lane-jobs.js';
import { runCreate, runDelete, runRename } from './mailbox-lines.js';
import { runMoves } from './moving.js';
import { runPairs, runUnpairs } from './pairing.js';
import { rehearse } from './rehearse.js';
import { runRemovals } from './removing.js';
import { settleInterrupted } from './settle-interrupted.js';
import { settleRematch } from './settle-rematch.js';
import { sortOut } from './sort-out.js';
import { Whereabouts } from './whereabouts.js';

/**
 * Runs actions: any subset of a plan, in any order, any number of times, however old. Each is checked against what both
 * sides have now; deletions are asked about live once more. Decides nothing: an action that does not fit is skipped.
 */
export async function applyActions(
  repository: Repository,
  actions: readonly Action[],
  options: ApplyOptions = {},
): Promise<ApplyReport> {
  return new Run(repository, options).run(actions);
}

class Run {
  readonly #repository: Repository;
  readonly #options: ApplyOptions;
  readonly #operation: string;
  readonly #counts: Record<Result, number> = { done: 0, already: 0, skipped: 0, failed: 0, held: 0 };
  readonly #reported = new Set<string>();
  readonly #problems: Problem[] = [];
  /** Mailboxes that failed in this run, and why: nothing more is done in them. */
  readonly #broken = new Map<MailboxName, string>();
  readonly #whereabouts: Whereabouts;
  /** Mailboxes that were matched anew in this run, and why: nothing leaves them on account of base. */
  readonly #matchedAnew = new Map<MailboxName, string>();
  #total = 0;

  constructor(repository: Repository, options: ApplyOptions) {
    this.#repository = repository;
    this.#options = options;
    this.#operation = operationId(repository);
    this.#whereabouts = new Whereabouts(repository.store);
  }

  readonly #report: Report = (action: Action, refusal?: Refusal) => {
    const outcome = outcomeOf(action, refusal);
    this.#counts[outcome.result]++;
    this.#reported.add(action.id);
    this.#options.onOutcome?.(outcome);
    const done = this.#reported.size;
    this.#options.progress?.({ what: 'apply', mailbox: action.mailbox, done, total: this.#total });
  };

  async run(given: readonly Action[]): Promise<ApplyReport> {
    const actions = this.#unique(given);
    this.#total = actions.length;
    if (!this.#options.dryRun) this.#problems.push(...(await finishRenames(this.#repository)));
    await this.#observe();
    const { maxDelete, deletedBefore: before = [] } = this.#options;
    const limits = { before, ...(maxDelete === undefined ? {} : { maxDelete }) };
    const brakes = await findBrakes(this.#repository, actions, limits);
    const free = actions.filter(action => {
      if (!isHeld(action, brakes)) return true;
      this.#report(action, { result: 'held', reason: 'too many deletions at once' });
      return false;
    });
    let stopped: PosternError | undefined;
    if (this.#options.dryRun) await rehearse(this.#repository, free, this.#report);
    else stopped = await this.#perform(free);
    return {
      operation: this.#operation,
      counts: this.#counts,
      brakes,
      problems: this.#problems,
      ...(stopped === undefined ? {} : { stopped }),
    };
  }

  /** In the order of execution, each id once. */
  #unique(given: readonly Action[]): Action[] {
    const rank = new Map(OPS.map((op, index) => [op, index]));
    const seen = new Set<string>();
    const actions: Action[] = [];
    for (const action of given) {
      if (seen.has(action.id)) this.#report(action, already('the line stands twice in the plan'));
      else actions.push(action);
      seen.add(action.id);
    }
    this.#reported.clear();
    return actions.sort((a, b) => rank.get(a.op)! - rank.get(b.op)! || compareText(a.mailbox, b.mailbox));
  }

  async #observe(): Promise<void> {
    const { fetched, scanned, allowEmpty } = this.#options;
    const seen = { remote: fetched, local: scanned };
    const observations = [];
    for (const side of SIDES) {
      if (seen[side] !== undefined) {
        this.#noteUnseen(side, seen[side]);
        continue;
      }
      const observation = await observeSide(this.#repository, side, { ...this.#progress() });
      observations.push(observation);
      this.#problems.push(...observation.problems);
      this.#noteUnseen(side, observation);
    }
    await guardSides(this.#repository, observations, allowEmpty);
  }

  #noteUnseen(side: SideName, { unread, unseen }: Unseen): void {
    for (const mailbox of unread) this.#broken.set(mailbox, 'the mailbox could not be read');
    this.#whereabouts.noteUnseen(side, unseen);
  }

  #progress(): { progress?: Progress } {
    return this.#options.progress === undefined ? {} : { progress: this.#options.progress };
  }

  async #perform(actions: readonly Action[]): Promise<PosternError | undefined> {
    const { store, clock, worker } = this.#repository;
    const started = clock.now();
    let isLogged = actions.length > 0;
    const log = async (ended?: number) => {
      const value = {
        started,
        ...worker,
        actions: actions.length,
        ...(ended === undefined ? {} : { ended, counts: { ...this.#counts } }),
      };
      await store.write([{ put: 'log', mailbox: '', key: this.#operation, value }], { durable: false });
    };
    try {
      if (isLogged) await log();
      const { inDoubt, operations } = await settleInterrupted(this.#repository, this.#operation);
      isLogged ||= operations > 0;
      const { first, pairs, journeys, duplicates, rest, last } = sortOut(actions);
      const landed = new LandedMessages(actions);
      for (const action of first) {
        const run = action.to === undefined ? runCreate : runRename;
        const mailboxes = action.to === undefined ? [action.mailbox] : [action.mailbox, action.to];
        await this.#guarded(mailboxes, [action], () =>
          this.#step(() => run(this.#repository, action, this.#report)),
        );
      }
      await this.#each(pairs, await this.#rematched(), desk =>
        this.#pairUp(desk, pairs.get(desk.mailbox) ?? []),
      );
      for (const moves of journeys) await this.#move(moves, inDoubt);
      for (const copies of duplicates) await this.#copy(copies, inDoubt);
      await this.#whereabouts.prepareFor([...rest.values()].flat());
      await eachInLanes(
        this.#repository,
        { jobs: laneJobs(rest, landed), uses: SIDES },
        async (repository, jobs) => {
          for (const job of jobs)
            await this.#at(repository, job, desk => this.#carryOut(desk, job.actions, { inDoubt, landed }));
        },
      );
      for (const action of last) {
        await this.#guarded([action.mailbox], [action], () =>
          this.#step(() => runDelete(this.#repository, action, this.#report)),
        );
      }
    } catch (error) {
      if (!(error instanceof PosternError)) throw error;
      return error;
    } finally {
      if (isLogged) await log(clock.now()).catch(() => undefined);
    }
    return undefined;
  }

  async #rematched(): Promise<MailboxName[]> {
    const records = await this.#repository.store.all('mailbox', '');
    return [...records.values()].filter(record => record.rematch !== undefined).map(record => record.mailbox);
  }

  /** Opens mailbox after mailbox, and closes each when its work is done. */
  async #each(
    work: ReadonlyMap<MailboxName, readonly Action[]>,
    also: readonly MailboxName[],
    carryOut: (desk: Desk) => Promise<void>,
  ): Promise<void> {
    for (const mailbox of [...new Set([...work.keys(), ...also])].sort(compareText))
      await this.#at(this.#repository, { mailbox, actions: work.get(mailbox) ?? [] }, carryOut);
  }

  async #at(
    repository: Repository,
    { mailbox, actions, work }: DeskJob,
    carryOut: (desk: Desk) => Promise<void>,
  ): Promise<void> {
    await this.#guarded([mailbox], actions, async () => {
      const desk = await Desk.open(repository, mailbox, this.#operation, work);
      await carryOut(desk);
      await desk.finish();
    });
  }

  /** A failure that concerns one mailbox fails what is left of it, and the run goes on without it. */
  async #guarded(
    mailboxes: readonly MailboxName[],
    actions: readonly Action[],
    work: () => Promise<void>,
  ): Promise<void> {
    try {
      const broken = mailboxes.find(mailbox => this.#broken.has(mailbox));
      if (broken !== undefined) {
        const reason = this.#broken.get(broken) ?? bug('no reason');
        throw new PosternError('mailbox-unreadable', reason, { mailbox: broken });
      }
      await work();
    } catch (error) {
      if (!isOneMailboxOnly(error)) throw error;
      const named = mailboxes.filter(mailbox => mailbox === error.mailbox);
      for (const mailbox of named.length > 0 ? named : mailboxes) {
        if (!this.#broken.has(mailbox)) this.#problems.push({ mailbox, reason: error.message });
        this.#broken.set(mailbox, this.#broken.get(mailbox) ?? error.message);
      }
      for (const action of actions) {
        if (!this.#reported.has(action.id)) this.#report(action, failed(error.message));
      }
    }
  }

  async #pairUp(desk: Desk, actions: readonly Action[]): Promise<void> {
    if (desk.record.rematch !== undefined) this.#matchedAnew.set(desk.mailbox, desk.record.rematch);
    await this.#step(async () => {
      await runPairs(desk, actions, this.#report);
      await settleRematch(desk);
    });
  }

  async #move(all: readonly Action[], inDoubt: ReadonlySet<string>): Promise<void> {
    const actions = withoutDoubt(all, inDoubt, this.#report);
    if (actions.length === 0) return;
    const { mailbox, to } = actions[0] ?? bug('a journey without actions');
    const target = to ?? bug('a journey without a target');
    await this.#guarded([mailbox, target], actions, async () => {
      const journey = {
        from: await Desk.open(this.#repository, mailbox, this.#operation),
        to: await Desk.open(this.#repository, target, this.#operation),
      };
      await this.#inSteps(actions, part => runMoves(journey, part, this.#report));
      await journey.from.finish();
      await journey.to.finish();
    });
  }

  async #copy(all: readonly Action[], inDoubt: ReadonlySet<string>): Promise<void> {
    const actions = withoutDoubt(all, inDoubt, this.#report);
    if (actions.length === 0) return;
    const { op, to: target = bug('a copy without a target') } = actions[0] ?? bug('no copies');
    const work = workOfCopies(actions, op === 'copy-local' ? 'local' : 'remote');
    await this.#guarded([target], actions, async () => {
      const desk = await Desk.open(this.#repository, target, this.#operation, work);
      await this.#inSteps(actions, async part => {
        await desk.bring(part);
        await runDuplicates(desk, part, this.#report);
      });
      await desk.finish();
    });
  }

  async #carryOut(
    desk: Desk,
    actions: readonly Action[],
    { inDoubt, landed }: { readonly inDoubt: ReadonlySet<string>; readonly landed: LandedMessages },
  ): Promise<void> {
    const telling = { report: this.#report, landed };
    const elsewhere = this.#whereabouts;
    const of = (op: Action['op']) => actions.filter(action => action.op === op);
    await this.#step(() => foreseeLooks(desk, actions, landed));
    for (const op of ['download', 'upload'] as const) {
      for (const part of inSteps(withoutDoubt(of(op), inDoubt, this.#report))) {
        await this.#step(async () => {
          await desk.bring(part);
          const copies = await withoutMoved(desk, part, { report: this.#report, elsewhere });
          await runCopies(desk, await copyLanded(desk, copies, telling), telling);
        });
      }
    }
    for (const op of ['flag-local', 'flag-remote'] as const)
      await this.#inSteps(of(op), part => runFlags(desk, part, this.#report));
    const reason = this.#matchedAnew.get(desk.mailbox);
    for (const op of ['delete-local', 'delete-remote'] as const) {
      if (reason === undefined)
        await this.#inSteps(of(op), part => runRemovals(desk, part, { report: this.#report, elsewhere }));
      else
        for (const action of of(op))
          this.#report(action, skipped(`nothing is deleted here in this round: ${reason}`));
    }
    await this.#step(() => runUnpairs(desk, of('unpair'), this.#report));
  }

  #step<T>(act: () => Promise<T>): Promise<T> {
    return (this.#repository.steps ?? openSteps).run(act);
  }

  async #inSteps(actions: readonly Action[], run: (part: readonly Action[]) => Promise<void>): Promise<void> {
    for (const part of inBatches(actions)) await this.#step(() => run(part));
  }
}

/** Sortable and unique: the time in UTC and eight random digits. */
function operationId(repository: Repository): string {
  const stamp = new Date(repository.clock.now()).toISOString().replace(/[-:]|\.\d+/g, '');
  return `${stamp}-${repository.random()}`;
}
