import type { BrakeReport } from '../apply/brakes.js';
import { findBrakes } from '../apply/brakes.js';
import { mergeMailbox } from '../merge/merge-mailbox.js';
import type { Action } from '../model/action.js';
import { agreedFlags } from '../model/agreed-flags.js';
import { sameFlags } from '../model/flags.js';
import type { MailboxName } from '../model/mailbox.js';
import { type Pair, pairKey } from '../model/pair.js';
import type { Problem } from '../model/row.js';
import type { Blocked, MailboxView } from '../model/view.js';
import { guardSides } from '../observe/guard-sides.js';
import { loadView } from '../observe/load-view.js';
import { observeSide } from '../observe/observe-side.js';
import { unpairedDigests } from '../observe/unpaired-digests.js';
import { actionsOf, sortActions } from '../plan/build-plan.js';
import type { PlanHeader } from '../plan/write-plan.js';
import type { MailboxRecord } from '../state/records.js';
import type { Progress, Repository } from '../state/repository.js';
import type { Change } from '../state/store.js';

export interface PlanOptions {
  /** Only these; all when absent. */
  readonly mailboxes?: readonly MailboxName[];
  readonly allowEmpty?: boolean;
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
  readonly rematch: readonly { readonly mailbox: MailboxName; readonly reason: string }[];
}

/**
 * Scans the local side, merges it with the last fetch and base, and makes the plan. Writes to neither side: only the state
 * learns what the scan saw.
 */
export async function makePlan(repository: Repository, options: PlanOptions = {}): Promise<Plan> {
  const { store } = repository;
  const meta = await store.get('meta', '', 'repository');
  const local = await observeSide(repository, 'local', options);
  const fetched = meta?.fetched;
  if (fetched !== undefined) await guardSides(repository, [local], options.allowEmpty);
  const result = await mergeAll(repository, options, local.unread);
  const actions = fetched === undefined ? [] : sortActions(result.actions);
  const blocked = fetched === undefined ? [] : result.blocked;
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
    problems: local.problems,
    fetched,
    brakes: await findBrakes(repository, actions, undefined),
    interrupted: await countIntents(repository),
    rematch: result.rematch,
  };
}

interface Merged {
  readonly actions: Action[];
  readonly blocked: Blocked[];
  readonly rematch: { mailbox: MailboxName; reason: string }[];
}

async function mergeAll(
  repository: Repository,
  options: PlanOptions,
  unread: ReadonlySet<MailboxName>,
): Promise<Merged> {
  const { store } = repository;
  const elsewhere = {
    remote: await unpairedDigests(store, 'remote'),
    local: await unpairedDigests(store, 'local'),
  };
  const merged: Merged = { actions: [], blocked: [], rematch: [] };
  for (const record of (await store.all('mailbox', '')).values()) {
    const { mailbox } = record;
    if (options.mailboxes !== undefined && !options.mailboxes.includes(mailbox)) continue;
    if (record.rematch !== undefined) merged.rematch.push({ mailbox, reason: record.rematch });
    if (unread.has(mailbox)) {
      merged.blocked.push({ mailbox, reason: 'the mailbox could not be read: nothing is planned for it' });
      continue;
    }
    if (record.quiet) continue;
    options.progress?.({ what: 'compare', mailbox, done: 0, total: 0 });
    const view = await refreshBase(repository, await loadView(store, record));
    const { decisions, blocked } = mergeMailbox(view, (side, digest, not) => {
      for (const other of elsewhere[side].get(digest) ?? []) if (other !== not.mailbox) return other;
      return undefined;
    });
    const epochs = { remote: record.sides.remote?.cursor.epoch, local: record.sides.local?.cursor.epoch };
    merged.actions.push(...actionsOf(decisions, { repository: repository.id, epochs }));
    merged.blocked.push(...blocked);
    if (decisions.length === 0 && blocked.length === 0) await markQuiet(repository, record);
  }
  return merged;
}

/** Where both sides agree on flags and base does not know it yet, base learns it: there is nothing to do for anybody. */
async function refreshBase(repository: Repository, view: MailboxView): Promise<MailboxView> {
  const { remote, local } = view.sides;
  if (remote === undefined || local === undefined || view.rematch !== undefined) return view;
  const permanent = { remote: remote.permanentFlags, local: local.permanentFlags };
  const changes: Change[] = [];
  const pairs = view.pairs.map((pair): Pair => {
    const rows = {
      remote: pair.remote.epoch === remote.cursor.epoch ? remote.rows.get(pair.remote.key) : undefined,
      local: pair.local.epoch === local.cursor.epoch ? local.rows.get(pair.local.key) : undefined,
    };
    if (rows.remote === undefined || rows.local === undefined) return pair;
    const flags = agreedFlags(pair.flags, { remote: rows.remote.flags, local: rows.local.flags }, permanent);
    if (sameFlags(flags, pair.flags)) return pair;
    const next = { ...pair, flags };
    changes.push({ put: 'pair', mailbox: view.mailbox, key: pairKey(next), value: next });
    return next;
  });
  if (changes.length > 0) await repository.store.write(changes, { durable: false });
  return { ...view, pairs };
}

async function markQuiet(repository: Repository, record: MailboxRecord): Promise<void> {
  if (record.rematch !== undefined || record.sides.remote === undefined || record.sides.local === undefined)
    return;
  await repository.store.write(
    [{ put: 'mailbox', mailbox: '', key: record.mailbox, value: { ...record, quiet: true } }],
    { durable: false },
  );
}

async function countIntents(repository: Repository): Promise<number> {
  let count = 0;
  for (const mailbox of await repository.store.partitions('intent')) {
    count += (await repository.store.all('intent', mailbox)).size;
  }
  return count;
}
