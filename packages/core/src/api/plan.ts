import { type BrakeReport, findBrakes } from '../apply/brakes.js';
import { filterDecisions, type Permitted, TWO_WAY } from '../merge/policy.js';
import type { Action } from '../model/action.js';
import type { BySide } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Epoch, Problem } from '../model/row.js';
import type { Blocked } from '../model/view.js';
import { followRenames } from '../observe/follow-renames.js';
import { guardSides } from '../observe/guard-sides.js';
import { type Observation, observeSide } from '../observe/observe-side.js';
import { actionsOf, sortActions } from '../plan/build-plan.js';
import type { PlanHeader } from '../plan/write-plan.js';
import { type MailboxRecord, unquiet, WHOLLY_QUIET } from '../state/records.js';
import type { Progress, Repository } from '../state/repository.js';
import { countInFlight, findInterruptions, type Interruption } from './find-interruptions.js';
import { type MergedAccount, mergeAccount } from './merge-account.js';
import type { Portion } from './portions.js';
import type { Later } from './what-can-wait.js';

export interface PlanOptions {
  /** Only these; all when absent. */
  readonly mailboxes?: readonly MailboxName[];
  readonly allowEmpty?: boolean;
  /** What this very process saw of the local side just now: it is looked at anew when absent. */
  readonly local?: Observation;
  /** About so many new messages at once; the plan says what is left for later. */
  readonly most?: number;
  /** Only this, which was left for later. */
  readonly portion?: Portion;
  readonly progress?: Progress;
}

export interface Plan {
  readonly header: PlanHeader;
  readonly actions: readonly Action[];
  readonly blocked: readonly Blocked[];
  readonly problems: readonly Problem[];
  /** When the remote was last fetched, milliseconds since the epoch; undefined: never, and the plan is empty. */
  readonly fetched: number | undefined;
  /** Brakes an apply of this plan would set off. */
  readonly brakes: readonly BrakeReport[];
  /** Deliveries that were under way when an earlier apply ended; the next apply finds out what became of them. */
  readonly interrupted: number;
  /** Applies that were cut short: what they left in flight, or what became of it. */
  readonly interruptions: readonly Interruption[];
  /** How many decisions the configured policy left out. */
  readonly withheld: number;
  readonly rematch: readonly { readonly mailbox: MailboxName; readonly reason: string }[];
  /** Mailboxes left for later; none unless `most` was given. */
  readonly later: readonly Later[];
}

/**
 * Scans the local side, merges it with the last fetch and base, and makes the plan. Writes to neither side: only the state
 * learns what the scan saw.
 */
export async function makePlan(repository: Repository, options: PlanOptions = {}): Promise<Plan> {
  const { store } = repository;
  const meta = await store.get('meta', '', 'repository');
  const local = options.local ?? (await observeSide(repository, 'local', options));
  const fetched = meta?.fetched;
  if (fetched !== undefined) await guardSides(repository, [local], options.allowEmpty);
  await followRenames(store);
  const merged = await mergeAccount(repository, { ...options, unread: local.unread });
  const permitted = filterDecisions(merged.decisions, repository.policy ?? TWO_WAY);
  const actions = fetched === undefined ? [] : sortActions(await actionsFor(repository, merged, permitted));
  const blocked = fetched === undefined ? [] : merged.blocked;
  const interruptions = await findInterruptions(store);
  return {
    header: {
      repository: repository.id,
      remote: repository.sides.remote.address,
      local: repository.sides.local.address,
      created: new Date(repository.clock.now()).toISOString(),
      blocked: blocked.length,
    },
    actions,
    blocked,
    problems: fetched === undefined ? local.problems : [...local.problems, ...permitted.problems],
    fetched,
    withheld: fetched === undefined ? 0 : permitted.withheld.length,
    brakes: await findBrakes(repository, actions),
    interrupted: countInFlight(interruptions),
    interruptions,
    rematch: merged.rematch,
    later: merged.later,
  };
}

/**
 * The plan lines, and the mailboxes the merge has nothing to say about are noted as quiet. One that the policy silences is
 * not: the policy may change.
 */
async function actionsFor(
  repository: Repository,
  merged: MergedAccount,
  permitted: Permitted,
): Promise<Action[]> {
  const busy = new Set<string>();
  for (const decision of merged.decisions) {
    busy.add(decision.mailbox);
    if ('to' in decision && decision.kind !== 'copy') busy.add(decision.to);
  }
  for (const { mailbox } of merged.blocked) busy.add(mailbox);
  const epochs = new Map<string, BySide<Epoch | undefined>>();
  for (const { mailbox, sides } of [...merged.records, ...merged.elsewhere])
    epochs.set(mailbox, { remote: sides.remote?.cursor.epoch, local: sides.local?.cursor.epoch });
  for (const record of merged.records) {
    if (!busy.has(record.mailbox))
      await markQuiet(
        repository,
        record,
        merged.inPairs.has(record.mailbox) ? WHOLLY_QUIET : { quiet: true },
      );
  }
  // Lines name mailboxes as they are after the plan's own renames: what stays keeps its epoch.
  for (const decision of merged.decisions) {
    if (decision.kind !== 'rename-mailbox') continue;
    const [old, now] = [epochs.get(decision.mailbox), epochs.get(decision.to)];
    epochs.set(decision.to, { remote: now?.remote ?? old?.remote, local: now?.local ?? old?.local });
  }
  return actionsOf(permitted.decisions, {
    repository: repository.id,
    epochs: mailbox => epochs.get(mailbox) ?? { remote: undefined, local: undefined },
  });
}

async function markQuiet(
  repository: Repository,
  record: MailboxRecord,
  quiet: Partial<MailboxRecord>,
): Promise<void> {
  if (
    record.quiet ||
    record.rematch !== undefined ||
    record.sides.remote === undefined ||
    record.sides.local === undefined
  )
    return;
  await repository.store.write(
    [{ put: 'mailbox', mailbox: '', key: record.mailbox, value: { ...unquiet(record), ...quiet } }],
    { durable: false },
  );
}
