import { type Action, isDeletion } from '../model/action.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Repository } from '../state/repository.js';

/** More deletions than this, and than this share of what base has, are held back (DESIGN §7). */
const MAILBOX_BRAKE = { atLeast: 20, share: 0.25 };
const ACCOUNT_BRAKE = { atLeast: 50, share: 0.1 };

/** A brake that holds deletions back. */
export interface BrakeReport {
  /** Absent: the whole account. */
  readonly mailbox?: MailboxName;
  readonly deletions: number;
  /** Messages base has there. */
  readonly of: number;
  readonly allowed: number;
}

export interface BrakeOptions {
  /** Takes the place of every limit. */
  readonly maxDelete?: number;
  /** Deletions the same command has carried out already: they count, and so does what base had then. */
  readonly before?: readonly Action[];
}

/** Counts the deletions of a list of actions against what base has, and tells which brakes they set off. */
export async function findBrakes(
  repository: Repository,
  actions: Iterable<Action>,
  { maxDelete, before = [] }: BrakeOptions = {},
): Promise<BrakeReport[]> {
  const deletions = new Map<MailboxName, Set<string>>();
  const earlier = new Map<MailboxName, number>();
  for (const { mailbox } of before) earlier.set(mailbox, (earlier.get(mailbox) ?? 0) + 1);
  for (const action of [...before, ...actions]) {
    if (!isDeletion(action.op)) continue;
    const ids = deletions.get(action.mailbox);
    if (ids === undefined) deletions.set(action.mailbox, new Set([action.id]));
    else ids.add(action.id);
  }
  const limit = (of: number, brake: typeof MAILBOX_BRAKE) =>
    maxDelete ?? Math.max(brake.atLeast, Math.floor(of * brake.share));
  const brakes: BrakeReport[] = [];
  let total = 0;
  for (const [mailbox, ids] of deletions) {
    total += ids.size;
    if (ids.size <= limit(0, MAILBOX_BRAKE)) continue;
    const of = (await repository.store.count('pair', mailbox)) + (earlier.get(mailbox) ?? 0);
    if (ids.size > limit(of, MAILBOX_BRAKE)) {
      brakes.push({ mailbox, deletions: ids.size, of, allowed: limit(of, MAILBOX_BRAKE) });
    }
  }
  if (total > limit(0, ACCOUNT_BRAKE)) {
    let of = before.length;
    for (const mailbox of await repository.store.partitions('pair'))
      of += await repository.store.count('pair', mailbox);
    if (total > limit(of, ACCOUNT_BRAKE))
      brakes.push({ deletions: total, of, allowed: limit(of, ACCOUNT_BRAKE) });
  }
  return brakes;
}

/** Whether a brake keeps this action from running. */
export function isHeld(action: Action, brakes: readonly BrakeReport[]): boolean {
  if (!isDeletion(action.op)) return false;
  return brakes.some(brake => brake.mailbox === undefined || brake.mailbox === action.mailbox);
}
