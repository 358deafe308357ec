import { isInPairs } from '../match/unsettled-part.js';
import type { Decision } from '../merge/decision.js';
import { digestsToFind, findCopies } from '../merge/find-copies.js';
import { findRenames } from '../merge/find-renames.js';
import { mergeMailbox } from '../merge/merge-mailbox.js';
import { TWO_WAY } from '../merge/policy.js';
import { type Relocation, relocate } from '../merge/relocate.js';
import { agreedFlags } from '../model/agreed-flags.js';
import { type BySide, bySide, otherSide, type SideName } from '../model/by-side.js';
import { sameFlags } from '../model/flags.js';
import type { MailboxName } from '../model/mailbox.js';
import { type Pair, pairKey } from '../model/pair.js';
import type { Blocked, MailboxView } from '../model/view.js';
import { loadPart } from '../observe/load-part.js';
import { loadUnsettled } from '../observe/load-view.js';
import { type UnpairedMessages, unpairedMessages } from '../observe/unpaired.js';
import type { MailboxRecord } from '../state/records.js';
import type { Progress, Repository } from '../state/repository.js';
import type { Change } from '../state/store.js';
import { findOriginals } from './find-originals.js';
import type { Portion } from './portions.js';
import { type Later, whatCanWait } from './what-can-wait.js';

export interface MergeOptions {
  /** Only these; all when absent. */
  readonly mailboxes?: readonly MailboxName[];
  /** Mailboxes nothing is concluded about, because they could not be read. */
  readonly unread?: ReadonlySet<MailboxName>;
  /** About so many messages at once: mailboxes that can wait are left for later where there are more. */
  readonly most?: number;
  /** Only this, which waited for the others: its messages may be copies of what is elsewhere since. */
  readonly portion?: Portion;
  readonly progress?: Progress;
}

export interface MergedAccount {
  readonly decisions: readonly Decision[];
  readonly blocked: readonly Blocked[];
  readonly wanted: Relocation['wanted'];
  readonly rematch: readonly { readonly mailbox: MailboxName; readonly reason: string }[];
  /** Mailboxes that were merged and have every message in a pair of two. */
  readonly inPairs: ReadonlySet<MailboxName>;
  /** The mailboxes that were looked at as a whole. */
  readonly records: readonly MailboxRecord[];
  /** Others that decisions may name. */
  readonly elsewhere: readonly MailboxRecord[];
  /** Mailboxes that were left for later. */
  readonly later: readonly Later[];
}

/** Merges every mailbox that is not quiet, then looks across them. Only base's flags are written, where both sides agree. */
export async function mergeAccount(
  repository: Repository,
  options: MergeOptions = {},
): Promise<MergedAccount> {
  const { store } = repository;
  const views: MailboxView[] = [];
  const inPairs = new Set<MailboxName>();
  const rematch: { mailbox: MailboxName; reason: string }[] = [];
  const unreadable: Blocked[] = [];
  const records: MailboxRecord[] = [];
  const elsewhere: MailboxRecord[] = [];
  const { most, portion } = options;
  const part = portion?.part;
  const all = [...(await store.all('mailbox', '')).values()].filter(
    ({ mailbox }) => options.mailboxes === undefined || options.mailboxes.includes(mailbox),
  );
  const later = most === undefined ? [] : await whatCanWait(repository, all, { most, large: most });
  const waiting = new Set(later.map(({ mailbox }) => mailbox));
  for (const record of all) {
    const { mailbox } = record;
    if (waiting.has(mailbox)) continue;
    if (portion !== undefined && !portion.mailboxes.includes(mailbox)) {
      elsewhere.push(record);
      continue;
    }
    if (record.rematch !== undefined) rematch.push({ mailbox, reason: record.rematch });
    (part === undefined ? records : elsewhere).push(record);
    if (options.unread?.has(mailbox) || record.faults !== undefined) {
      unreadable.push({ mailbox, reason: 'the mailbox could not be read: nothing is planned for it' });
      continue;
    }
    if (record.quiet) continue;
    options.progress?.({ what: 'compare', mailbox, done: 0, total: 0 });
    if (part !== undefined) {
      views.push(await loadPart(store, record, part));
      continue;
    }
    const view = await refreshBase(repository, await loadUnsettled(store, record));
    views.push(view);
    if (isInPairs(view)) inPairs.add(mailbox);
  }
  const renames = findRenames(views);
  const merges = [{ decisions: renames.decisions, blocked: [] }, ...renames.views.map(mergeMailbox)];
  const mayDelete = (on: SideName) => (repository.policy ?? TWO_WAY)[on].deletes;
  const deletes = merges.some(({ decisions }) =>
    decisions.some(decision => decision.kind === 'delete' && mayDelete(decision.on)),
  );
  const unpaired: BySide<UnpairedMessages> = deletes
    ? await unpairedMessages(store)
    : bySide(() => new Map());
  const relocation = relocate(merges, (side, digest, not) => {
    // A deletion that is forbidden anyway need not wait for anything.
    if (!mayDelete(otherSide(side))) return undefined;
    for (const { mailbox } of unpaired[side].get(digest) ?? []) if (mailbox !== not) return mailbox;
    return undefined;
  });
  const originals = await findOriginals(store, digestsToFind(relocation.decisions), {
    views: renames.views,
    records: [...records, ...elsewhere],
    part,
  });
  const decisions = findCopies(relocation.decisions, originals);
  return {
    ...relocation,
    decisions,
    blocked: [...relocation.blocked, ...unreadable],
    rematch,
    records,
    elsewhere,
    inPairs,
    later,
  };
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
