import type { Action } from '../model/action.js';
import { agreedFlags } from '../model/agreed-flags.js';
import { otherSide, type SideName } from '../model/by-side.js';
import { bug } from '../model/error.js';
import { type Flags, hasFlag, protects } from '../model/flags.js';
import { isEdited, type Pair } from '../model/pair.js';
import type { MessageKey, Row } from '../model/row.js';
import {
  type DeliveryBatch,
  type DeliveryOutcome,
  type Letter,
  LetterNotKept,
  type Slot,
  type StagedLetter,
} from '../side/side.js';
import { arrivedWrong } from './arrived-wrong.js';
import { targetOf } from './copy-target.js';
import type { Desk } from './desk.js';
import { already, failed, type Refusal, type Report, skipped } from './judgement.js';
import type { LandedMessages } from './landed.js';
import { noteLanded } from './note-landed.js';
import { endOf } from './pairing.js';

/** A batch ends at this many messages or wire octets, whichever comes first; one large message is a batch of its own. */
const MESSAGES_A_BATCH = 512;
const OCTETS_A_BATCH = 16 * 1024 * 1024;
/** How often a mailbox that grows while we look is looked at again before its deliveries wait for the next run. */
const LOOKS = 3;

/** So many letters in a row that cannot be kept end the work in a mailbox: their bytes would travel for nothing. */
const LOST_CAUSE = 4;

interface Job {
  readonly action: Action;
  readonly row: Row;
}

/** What copies tell of themselves. */
interface Telling {
  readonly report: Report;
  readonly landed: LandedMessages;
}

/** Runs `download` or `upload` lines of one mailbox, batch by batch. */
export async function runCopies(desk: Desk, actions: readonly Action[], telling: Telling): Promise<void> {
  for (const batch of batches(desk, actions)) await new CopyBatch(desk, telling).run(batch);
}

function* batches(desk: Desk, actions: readonly Action[]): Generator<readonly Action[]> {
  let batch: Action[] = [];
  let octets = 0;
  for (const action of actions) {
    const source = otherSide(targetOf(action));
    const size = desk.row(source, endOf(action, source))?.identity.size ?? 0;
    if (batch.length > 0 && (batch.length >= MESSAGES_A_BATCH || octets + size > OCTETS_A_BATCH)) {
      yield batch;
      batch = [];
      octets = 0;
    }
    batch.push(action);
    octets += size;
  }
  if (batch.length > 0) yield batch;
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

  constructor(desk: Desk, telling: Telling) {
    this.#desk = desk;
    this.#telling = telling;
  }

  async run(actions: readonly Action[]): Promise<void> {
    const target = targetOf(actions[0] ?? bug('an empty batch'));
    let jobs = this.#check(actions);
    for (let look = 1; jobs.length > 0; look++) {
      await this.#desk.begin();
      const batch = await this.#desk.repository.sides[target].deliver(this.#desk.mailbox);
      try {
        const slots = await batch.prepare(jobs.length);
        if (this.#isOutdated(target, batch, slots)) {
          await batch.abandon();
          if (look === LOOKS) return this.#giveUp(jobs);
          await this.#desk.refresh(target);
          jobs = this.#check(jobs.map(job => job.action));
          continue;
        }
        await new Delivery(this.#desk, this.#telling, target, batch).run(jobs, slots);
        return;
      } finally {
        await batch.abandon();
      }
    }
  }

  #check(actions: readonly Action[]): Job[] {
    const jobs: Job[] = [];
    const source = otherSide(targetOf(actions[0] ?? bug('an empty batch')));
    for (const action of actions) {
      const refusal = checkCopy(this.#desk, action);
      if (refusal === undefined)
        jobs.push({ action, row: this.#desk.row(source, endOf(action, source)) ?? bug('no row') });
      else {
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

  #giveUp(jobs: readonly Job[]): void {
    for (const { action } of jobs)
      this.#telling.report(action, skipped('the mailbox keeps changing: run it again'));
  }
}

interface Staged {
  readonly job: Job;
  readonly slot: Slot;
  /** The source's, at the moment of reading. Nothing else of the letter is kept: it holds the bytes. */
  readonly flags: Flags;
  readonly what: StagedLetter;
  readonly intent: string;
}

/** One batch that is under way: intents, bytes, publication, base records, in this order (SAFETY §3.1, §3.2). */
class Delivery {
  readonly #desk: Desk;
  readonly #report: Report;
  readonly #landed: LandedMessages;
  readonly #target: SideName;
  readonly #source: SideName;
  readonly #batch: DeliveryBatch;
  /** Letters in a row that could not be kept. */
  #notKept = 0;
  #lost: LetterNotKept | undefined;

  constructor(desk: Desk, { report, landed }: Telling, target: SideName, batch: DeliveryBatch) {
    this.#desk = desk;
    this.#report = report;
    this.#landed = landed;
    this.#target = target;
    this.#source = otherSide(target);
    this.#batch = batch;
  }

  async run(jobs: readonly Job[], slots: readonly Slot[]): Promise<void> {
    const intents = jobs.map((job, index) => this.#intend(job, slots[index] ?? bug('no slot')));
    await this.#desk.commit({ durable: true });
    const places = new Map<MessageKey, number>(jobs.map((job, index) => [job.row.key, index]));
    const staged: Staged[] = [];
    const settled = new Set<number>();
    const { sides } = this.#desk.repository;
    await sides[this.#source].read(
      this.#desk.mailbox,
      this.#desk.epoch(this.#source),
      jobs.map(job => job.row),
      async letter => {
        const index = places.get(letter.key);
        if (index === undefined || settled.has(index)) return;
        settled.add(index);
        const job = jobs[index]!;
        const slot = slots[index]!;
        const what = await this.#stage(slot, letter);
        if (what instanceof LetterNotKept) {
          this.#desk.clearIntent(intents[index]!);
          this.#report(job.action, failed(what.message));
          return;
        }
        const refusal = arrivedWrong(job.row, what.identity);
        if (refusal === undefined)
          staged.push({ job, slot, flags: letter.flags, what, intent: intents[index]! });
        else {
          await this.#batch.discard(slot);
          this.#desk.clearIntent(intents[index]!);
          this.#report(job.action, refusal);
        }
      },
    );
    for (const [index, job] of jobs.entries()) {
      if (settled.has(index)) continue;
      this.#desk.clearIntent(intents[index]!);
      this.#report(job.action, skipped(`it could not be read on the ${this.#source} side, or is gone`));
    }
    const outcomes = await this.#batch.publish();
    for (const [index, entry] of staged.entries()) {
      this.#conclude(entry, outcomes[index] ?? bug('a delivery without an outcome'));
    }
    // Where a power cut forgets a delivery, its intent is there again and leads to it; one whose answer was lost says so in its intent.
    await this.#desk.commit({ durable: outcomes.some(({ kind }) => kind === 'unknown') });
    if (this.#lost !== undefined) throw this.#lost;
  }

  /** One letter that cannot be kept leaves the others their chance; several in a row are the disk's fault. */
  async #stage(slot: Slot, letter: Letter): Promise<StagedLetter | LetterNotKept> {
    if (this.#lost !== undefined) return this.#lost;
    try {
      const what = await this.#batch.stage(slot, letter);
      this.#notKept = 0;
      return what;
    } catch (error) {
      if (!(error instanceof LetterNotKept)) throw error;
      if (++this.#notKept === LOST_CAUSE) this.#lost = error;
      return error;
    }
  }

  #intend(job: Job, slot: Slot): string {
    const { repository, operation, mailbox } = this.#desk;
    const id = `${operation}/${job.action.id}`;
    this.#desk.putIntent(id, {
      operation,
      side: this.#target,
      mailbox,
      source: { epoch: this.#desk.epoch(this.#source), key: job.row.key },
      identity: job.row.identity,
      epoch: this.#batch.epoch,
      ...(slot.key === undefined ? {} : { key: slot.key }),
      ...(slot.uidFrom === undefined ? {} : { uidFrom: slot.uidFrom }),
      begun: repository.clock.now(),
    });
    return id;
  }

  #conclude(entry: Staged, outcome: DeliveryOutcome): void {
    const { job, what, intent } = entry;
    switch (outcome.kind) {
      case 'done': {
        this.#record(entry, outcome.row);
        noteLanded(this.#desk, this.#landed, job.action, outcome.row);
        this.#desk.clearIntent(intent);
        this.#report(job.action);
        return;
      }
      case 'refused':
        this.#desk.clearIntent(intent);
        this.#report(job.action, failed(outcome.reason));
        return;
      case 'unknown':
        this.#desk.putIntent(intent, {
          operation: this.#desk.operation,
          side: this.#target,
          mailbox: this.#desk.mailbox,
          source: { epoch: this.#desk.epoch(this.#source), key: job.row.key },
          identity: what.identity,
          epoch: this.#batch.epoch,
          ...(outcome.slot.uidFrom === undefined ? {} : { uidFrom: outcome.slot.uidFrom }),
          ...(outcome.slot.key === undefined ? {} : { key: outcome.slot.key }),
          begun: this.#desk.repository.clock.now(),
          lost: this.#desk.repository.clock.now(),
        });
        this.#report(
          job.action,
          failed(`it may have been delivered, the answer was lost: ${outcome.reason}`),
        );
        return;
    }
  }

  #record({ job, flags: seen, what }: Staged, delivered: Row): void {
    const target = this.#target;
    const source = this.#source;
    const { content } = what.identity;
    const origin: Row = { ...job.row, flags: seen, identity: { content, ...job.row.identity } };
    this.#desk.putRow(target, delivered);
    this.#desk.putRow(source, origin);
    const ends = {
      [target]: { epoch: this.#batch.epoch, key: delivered.key },
      [source]: { epoch: this.#desk.epoch(source), key: origin.key },
    } as Pick<Pair, 'remote' | 'local'>;
    const flags = { [target]: delivered.flags, [source]: origin.flags } as Record<
      SideName,
      readonly string[]
    >;
    const remote = target === 'remote' ? delivered : origin;
    this.#desk.putPair({
      flags: agreedFlags([], flags, this.#desk.permanent()),
      identity: what.identity,
      ...ends,
      ...(remote.identity.digest === what.identity.digest ? {} : { remoteDigest: remote.identity.digest }),
    });
  }
}
