import type { Decision } from '../merge/decision.js';
import { mergeMailbox } from '../merge/merge-mailbox.js';
import { otherSide, SIDES, type SideName } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Blocked } from '../model/view.js';
import { loadUnsettled } from '../observe/load-view.js';
import { editionsOf, MailboxMemory } from '../observe/mailbox-memory.js';
import { arePairsIntact } from '../observe/settled-pairs.js';
import type { MailboxRecord } from '../state/records.js';
import type { Repository } from '../state/repository.js';
import type { Store } from '../state/store.js';
import type { Portion } from './portions.js';

/** About so many new messages are planned and carried out at once, so that memory does not grow with the account. */
export const AT_ONCE = 3_000;

/** A mailbox that is left for later, and how many new messages it has. */
export interface Later {
  readonly mailbox: MailboxName;
  /** Where they are. */
  readonly side: SideName;
  readonly messages: number;
}

export interface Waiting {
  /** So many messages need not wait. */
  readonly most: number;
  /** A mailbox that had mail on both sides waits for more than so many. */
  readonly large: number;
  /** A mailbox of which some were brought just now: it waits for any. */
  readonly filling?: MailboxName;
}

/**
 * Mailboxes that can be merged and carried out after all others, so that not all new messages are in memory at once: all of
 * their messages that were never on both sides came to one of them. None can wait where a message may have moved into one of them, or
 * where one of them may be another one renamed: that is, where anything happened but that messages came to that same side.
 */
export async function whatCanWait(
  { store }: Repository,
  records: readonly MailboxRecord[],
  { most, large, filling }: Waiting,
): Promise<readonly Later[]> {
  const waiting: Later[] = [];
  const known: MailboxRecord[] = [];
  const from = new Set<SideName>();
  let inHand = 0;
  for (const record of records) {
    const { mailbox, rematch, missing } = record;
    if (missing !== undefined) return [];
    const news =
      rematch === undefined
        ? await newsIn(store, record, filling === mailbox ? undefined : large)
        : undefined;
    if (news === undefined) {
      known.push(record);
      continue;
    }
    const { side, messages, isWhole } = news;
    from.add(side);
    if (isWhole && inHand + messages <= most) inHand += messages;
    else waiting.push({ mailbox, side, messages });
  }
  const [source, ...otherSources] = from;
  if (waiting.length === 0 || source === undefined || otherSources.length > 0) return [];
  for (const record of known) {
    if (!record.quiet && !(await isCalm(store, record, source))) return [];
  }
  return waiting;
}

/** One command asks before each portion. */
const calm = new MailboxMemory<true>();

/** Whether all there is to say of a mailbox is that messages came to that side, or that something stays where it is. */
async function isCalm(store: Store, record: MailboxRecord, source: SideName): Promise<boolean> {
  const { mailbox } = record;
  const stamp = JSON.stringify([source, record, editionsOf(store, mailbox)]);
  if (calm.recall(store, mailbox, stamp)) return true;
  const { decisions, blocked, waiting = [] } = mergeMailbox(await loadUnsettled(store, record));
  const areCalm = decisions.every(decision => keepsPlaces(decision, source)) && waiting.length === 0;
  if (!areCalm || (blocked.length > 0 && !(await areUnreadableNews(store, record, source, blocked))))
    return false;
  calm.note(store, mailbox, stamp, true);
  return true;
}

/** Whether what is blocked are messages that came to that side and cannot be read: nothing that was there is in doubt. */
async function areUnreadableNews(
  store: Store,
  record: MailboxRecord,
  source: SideName,
  blocked: readonly Blocked[],
): Promise<boolean> {
  const unreadable = record.sides[source]?.unreadable ?? {};
  if (record.sides[otherSide(source)]?.unreadable !== undefined) return false;
  if (!blocked.every(({ key }) => key !== undefined && unreadable[key] !== undefined)) return false;
  return arePairsIntact(store, record);
}

/** New messages of a mailbox, and the side they are on. */
export interface News {
  readonly side: SideName;
  readonly messages: number;
  /** There is nothing else in it. */
  readonly isWhole: boolean;
}

/**
 * Undefined where there is more to say of a mailbox than that messages came to one side: to a mailbox that has nothing on the other
 * one; or more than `large` to one of which the other side has nothing but what came from there (a first sync that was cut short).
 */
export async function newsIn(
  store: Store,
  record: MailboxRecord,
  large: number | undefined,
): Promise<News | undefined> {
  const { mailbox, sides } = record;
  const pairs = await store.count('pair', mailbox);
  const [side, ...others] = SIDES.filter(one => (sides[one]?.cursor.count ?? 0) > 0);
  if (pairs === 0) {
    const messages = side === undefined ? 0 : (sides[side]?.cursor.count ?? 0);
    return side === undefined || others.length > 0 ? undefined : { side, messages, isWhole: true };
  }
  if (SIDES.some(one => sides[one] === undefined)) return undefined;
  const counts = { remote: await store.count('remote', mailbox), local: await store.count('local', mailbox) };
  const full = SIDES.find(one => counts[one] === pairs);
  if (full === undefined) return undefined;
  const from = otherSide(full);
  const messages = counts[from] - pairs;
  if (large !== undefined && (messages <= large || !(await arePairsIntact(store, record)))) return undefined;
  return { side: from, messages, isWhole: false };
}

/** Whether it still can. What happened meanwhile may have to do with it: then the next plan is about everything. */
export async function canStillWait(
  repository: Repository,
  { mailboxes: names, part }: Portion,
  { mailboxes, large }: { readonly mailboxes: readonly MailboxName[] | undefined; readonly large: number },
): Promise<boolean> {
  const records = [...(await repository.store.all('mailbox', '')).values()];
  const wanted = records.filter(({ mailbox }) => mailboxes === undefined || mailboxes.includes(mailbox));
  const [filling] = part === undefined ? [] : names;
  const now = { most: 0, large, ...(filling === undefined ? {} : { filling }) };
  const waiting = new Set((await whatCanWait(repository, wanted, now)).map(({ mailbox }) => mailbox));
  return names.every(name => waiting.has(name));
}

/** Whether it is about a message that came to this side, or that stays where it is. */
function keepsPlaces(decision: Decision, source: SideName): boolean {
  if (decision.kind === 'copy') {
    return !decision.restores && decision.instead === undefined && decision.to === otherSide(source);
  }
  return ['pair', 'flag', 'create-mailbox'].includes(decision.kind);
}

export function messagesIn(waiting: readonly Later[]): number {
  return waiting.reduce((sum, { messages }) => sum + messages, 0);
}
