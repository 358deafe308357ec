import type { Decision } from '../merge/decision.js';
import { mergeMailbox } from '../merge/merge-mailbox.js';
import { otherSide, SIDES, type SideName } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import { loadUnsettled } from '../observe/load-view.js';
import type { MailboxRecord } from '../state/records.js';
import type { Repository } from '../state/repository.js';
import type { Store } from '../state/store.js';
import type { Portion } from './portions.js';

/** About so many new messages are planned and carried out at once, so that memory does not grow with the account. */
export const AT_ONCE = 10_000;

/** A mailbox whose messages are all new, and that is left for later. */
export interface Later {
  readonly mailbox: MailboxName;
  readonly messages: number;
}

/**
 * Mailboxes that can be merged and carried out after all others, so that not all new messages are in memory at once: none of
 * their messages was ever here, and all are on one side only. None can wait where a message may have moved into one of them, or
 * where one of them may be another one renamed: that is, where anything happened but that messages came to that same side.
 */
export async function whatCanWait(
  { store }: Repository,
  records: readonly MailboxRecord[],
  most: number,
  filling?: Filling,
): Promise<readonly Later[]> {
  const waiting: Later[] = [];
  const known: MailboxRecord[] = [];
  const from = new Set<SideName>();
  let inHand = 0;
  for (const record of records) {
    const { mailbox, rematch, missing } = record;
    if (missing !== undefined) return [];
    if (filling?.mailbox === mailbox && (await isStillFilling(store, record, filling.side))) {
      from.add(filling.side);
      waiting.push({ mailbox, messages: 0 });
      continue;
    }
    const [side, ...others] = SIDES.filter(one => (record.sides[one]?.cursor.count ?? 0) > 0);
    const isNew = side !== undefined && others.length === 0 && rematch === undefined;
    if (!isNew || (await store.count('pair', mailbox)) > 0) {
      known.push(record);
      continue;
    }
    from.add(side);
    const messages = record.sides[side]?.cursor.count ?? 0;
    if (inHand + messages <= most) inHand += messages;
    else waiting.push({ mailbox, messages });
  }
  const [source, ...otherSources] = from;
  if (waiting.length === 0 || source === undefined || otherSources.length > 0) return [];
  for (const record of known) {
    if (record.quiet) continue;
    const { decisions, blocked, waiting: inDoubt = [] } = mergeMailbox(await loadUnsettled(store, record));
    const isCalm = decisions.every(decision => keepsPlaces(decision, source));
    if (!isCalm || blocked.length > 0 || inDoubt.length > 0) return [];
  }
  return waiting;
}

/** A mailbox of which a part was carried out, and the side its messages come from. */
interface Filling {
  readonly mailbox: MailboxName;
  readonly side: SideName;
}

/** Whether the other side has nothing but what came from this one. */
async function isStillFilling(
  store: Store,
  { mailbox, rematch, sides }: MailboxRecord,
  side: SideName,
): Promise<boolean> {
  const pairs = await store.count('pair', mailbox);
  if (pairs === 0 || rematch !== undefined || SIDES.some(one => sides[one] === undefined)) return false;
  return (await store.count(otherSide(side), mailbox)) === pairs;
}

/** Whether it still can. What happened meanwhile may have to do with it: then the next plan is about everything. */
export async function canStillWait(
  repository: Repository,
  { mailboxes: names, part }: Portion,
  mailboxes: readonly MailboxName[] | undefined,
): Promise<boolean> {
  const records = [...(await repository.store.all('mailbox', '')).values()];
  const wanted = records.filter(({ mailbox }) => mailboxes === undefined || mailboxes.includes(mailbox));
  const [mailbox] = names;
  const filling = part === undefined || mailbox === undefined ? undefined : { mailbox, side: part.side };
  const waiting = new Set((await whatCanWait(repository, wanted, 0, filling)).map(({ mailbox }) => mailbox));
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
