import type { Action } from '../model/action.js';
import { otherSide, type SideName } from '../model/by-side.js';
import { bug } from '../model/error.js';
import { hasFlag, protects } from '../model/flags.js';
import { type End, isEdited } from '../model/pair.js';
import type { MessageKey } from '../model/row.js';
import type { DeliveryBatch, Slot } from '../side/side.js';
import { inStretches } from './batches.js';
import { CopyDelivery, type DeliveryJob, type Telling } from './copy-delivery.js';
import { targetOf } from './copy-target.js';
import type { Desk } from './desk.js';
import { already, type Refusal, skipped } from './judgement.js';
import { noteLanded } from './note-landed.js';
import { endOf } from './pairing.js';

/** A batch ends at this many messages or wire octets, whichever comes first; one large message is a batch of its own. */
const MESSAGES_A_BATCH = 512;
const OCTETS_A_BATCH = 16 * 1024 * 1024;
/** How often a mailbox that grows while we look is looked at again before its deliveries wait for the next run. */
const LOOKS = 3;

/**
 * Runs `download` or `upload` lines of one mailbox, batch by batch. Where names are chosen before a delivery, the bytes of one batch
 * come in while the one before it is published.
 */
export async function runCopies(desk: Desk, actions: readonly Action[], telling: Telling): Promise<void> {
  const [first] = actions;
  if (first === undefined) return;
  const { keys, largestBatch = MESSAGES_A_BATCH } = desk.repository.sides[targetOf(first)];
  const sizeOf = (action: Action) =>
    desk.row(otherSide(targetOf(first)), sourceOf(action))?.identity.size ?? 0;
  let last: Promise<void> = Promise.resolve();
  let underWay: ReadonlySet<MessageKey> = new Set();
  for (const batch of inStretches(actions, { most: largestBatch, octets: OCTETS_A_BATCH }, sizeOf)) {
    const sources = new Set(batch.map(action => sourceOf(action).key));
    // Two lines about one message: the second has to see what the first did.
    if (keys === 'uid' || [...sources].some(key => underWay.has(key))) await last;
    underWay = sources;
    const next = new CopyBatch(desk, telling, last).begin(batch);
    const [before, begun] = await Promise.allSettled([last, next]);
    const delivery = begun.status === 'fulfilled' ? begun.value : undefined;
    if (before.status === 'rejected') {
      await delivery?.abandon();
      throw before.reason;
    }
    if (begun.status === 'rejected') throw begun.reason;
    last = delivery?.deliver() ?? Promise.resolve();
  }
  await last;
}

function sourceOf(action: Action): End {
  return endOf(action, otherSide(targetOf(action)));
}

/** Whether a copy may be made, judged by what both sides were just seen to have; a conflict's old pair may be replaced. */
export function checkCopy(desk: Desk, action: Action): Refusal | undefined {
  const target = targetOf(action);
  const source = otherSide(target);
  const end = endOf(action, source);
  if (!desk.has(source)) return skipped(`the mailbox is not on the ${source} side`);
  if (end.epoch !== desk.epoch(source)) return skipped('its UIDVALIDITY is another one now');
  const row = desk.row(source, end);
  if (row === undefined) return skipped(`the message is no longer on the ${source} side`);
  const note = action.message;
  if (note?.digest !== row.identity.digest || note.size !== row.identity.size) {
    return skipped('another message is there now, or its content changed');
  }
  if (!desk.has(target)) return skipped(`the mailbox is not on the ${target} side`);
  const pair = desk.pairAt(source, end);
  if (pair !== undefined) {
    const partner = desk.row(target, pair[target]);
    const edited = isEdited(pair, source, row) || (partner !== undefined && isEdited(pair, target, partner));
    if (partner !== undefined && !edited) return already('it is on both sides');
    if (pair.marked && hasFlag(row.flags, '\\Deleted') && !protects(pair.flags, row.flags)) {
      return skipped('it was moved or removed, and only waits to be expunged');
    }
    const named = action[target];
    if (named === undefined || named.key !== pair[target].key || named.epoch !== pair[target].epoch) {
      return skipped(`it was on the ${target} side before and is gone there: plan again`);
    }
  }
  if (desk.unpairedLike(target, row.identity) !== undefined) {
    return skipped(`a message like it is on the ${target} side and not paired yet: plan again`);
  }
  return undefined;
}

class CopyBatch {
  readonly #desk: Desk;
  readonly #telling: Telling;
  /** The delivery before it. */
  readonly #last: Promise<void>;

  constructor(desk: Desk, telling: Telling, last: Promise<void>) {
    this.#desk = desk;
    this.#telling = telling;
    this.#last = last;
  }

  /** Takes the bytes in; undefined where nothing is left to deliver. */
  async begin(actions: readonly Action[]): Promise<CopyDelivery | undefined> {
    const target = targetOf(actions[0] ?? bug('an empty batch'));
    let jobs = this.#check(actions);
    for (let look = 1; jobs.length > 0; look++) {
      await this.#desk.begin();
      const batch = await this.#desk.repository.sides[target].deliver(this.#desk.mailbox);
      const delivery = new CopyDelivery(this.#desk, this.#telling, target, batch);
      try {
        const slots = await batch.prepare(jobs.length);
        if (!this.#isOutdated(target, batch, slots)) {
          await delivery.take(jobs, slots);
          return delivery;
        }
      } catch (error) {
        await delivery.abandon();
        throw error;
      }
      await delivery.abandon();
      if (look === LOOKS) {
        this.#giveUp(jobs);
        break;
      }
      await this.#last;
      await this.#desk.refresh(target);
      jobs = this.#check(jobs.map(job => job.action));
    }
    return undefined;
  }

  #check(actions: readonly Action[]): DeliveryJob[] {
    const jobs: DeliveryJob[] = [];
    const source = otherSide(targetOf(actions[0] ?? bug('an empty batch')));
    const brought = new Set<MessageKey>();
    for (const action of actions) {
      const end = sourceOf(action);
      const refusal = brought.has(end.key)
        ? skipped('another line is about the same message')
        : checkCopy(this.#desk, action);
      if (refusal === undefined) {
        brought.add(end.key);
        jobs.push({ action, row: this.#desk.row(source, end) ?? bug('no row') });
      } else {
        if (refusal.result === 'already') this.#noteThere(action);
        this.#telling.report(action, refusal);
      }
    }
    return jobs;
  }

  /** What an earlier run delivered serves the lines for other mailboxes as well. */
  #noteThere(action: Action): void {
    if (!this.#telling.landed.isShared(action)) return;
    const target = targetOf(action);
    const pair = this.#desk.pairAt(otherSide(target), endOf(action, otherSide(target)));
    const there = pair === undefined ? undefined : this.#desk.row(target, pair[target]);
    if (there !== undefined) noteLanded(this.#desk, this.#telling.landed, action, there);
  }

  /** Mail came in since the snapshot: one of these messages may be among it (another postern, an earlier try). */
  #isOutdated(target: SideName, batch: DeliveryBatch, slots: readonly Slot[]): boolean {
    if (batch.epoch !== this.#desk.epoch(target)) return true;
    const known = this.#desk.uidNext(target);
    const next = slots[0]?.uidFrom;
    return known !== undefined && next !== undefined && next > known;
  }

  #giveUp(jobs: readonly DeliveryJob[]): void {
    for (const { action } of jobs)
      this.#telling.report(action, skipped('the mailbox keeps changing: run it again'));
  }
}
