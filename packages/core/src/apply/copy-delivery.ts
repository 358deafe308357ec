import type { Action } from '../model/action.js';
import { agreedFlags } from '../model/agreed-flags.js';
import { otherSide, type SideName } from '../model/by-side.js';
import { bug } from '../model/error.js';
import type { Flags } from '../model/flags.js';
import { type MessageKey, type Row, withPartner } from '../model/row.js';
import {
  type DeliveryBatch,
  type DeliveryOutcome,
  type Letter,
  LetterNotKept,
  type Slot,
  type StagedLetter,
} from '../side/side.js';
import { arrivedWrong } from './arrived-wrong.js';
import type { Desk } from './desk.js';
import { failed, type Refusal, type Report, skipped } from './judgement.js';
import type { LandedMessages } from './landed.js';
import { noteLanded } from './note-landed.js';

/** So many letters in a row that cannot be kept end the work in a mailbox: their bytes would travel for nothing. */
const LOST_CAUSE = 4;

/** A message that is to be copied, as it was seen last. */
export interface DeliveryJob {
  readonly action: Action;
  readonly row: Row;
}

/** What copies tell of themselves. */
export interface Telling {
  readonly report: Report;
  readonly landed: LandedMessages;
}

interface Taken {
  readonly job: DeliveryJob;
  readonly slot: Slot;
  /** The source's, at the moment of reading. Nothing else of the letter is kept: it holds the bytes. */
  readonly flags: Flags;
  readonly intent: string;
}

interface Staged extends Taken {
  readonly what: StagedLetter;
}

/**
 * One batch that is under way: intents and bytes (`take`), then publication and base records (`deliver`), in this order (SAFETY §3.1,
 * §3.2). The next one may take while this one delivers, where the side chooses names beforehand.
 */
export class CopyDelivery {
  readonly #desk: Desk;
  readonly #report: Report;
  readonly #landed: LandedMessages;
  readonly #target: SideName;
  readonly #source: SideName;
  readonly #batch: DeliveryBatch;
  #taken: readonly Taken[] = [];
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

  async take(jobs: readonly DeliveryJob[], slots: readonly Slot[]): Promise<void> {
    const intents = jobs.map((job, index) => this.#intend(job, slots[index] ?? bug('no slot')));
    await this.#desk.commit({ durable: true });
    const places = new Map<MessageKey, number>(jobs.map((job, index) => [job.row.key, index]));
    const taken: Taken[] = [];
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
        const entry = {
          job: jobs[index]!,
          slot: slots[index]!,
          flags: letter.flags,
          intent: intents[index]!,
        };
        const lost = await this.#stage(entry.slot, letter);
        if (lost === undefined) taken.push(entry);
        else this.#giveUp(entry, failed(lost.message));
      },
    );
    for (const [index, job] of jobs.entries()) {
      if (settled.has(index)) continue;
      this.#desk.clearIntent(intents[index]!);
      this.#report(job.action, skipped(`it could not be read on the ${this.#source} side, or is gone`));
    }
    this.#taken = taken;
  }

  async deliver(): Promise<void> {
    try {
      await this.#publish();
    } finally {
      await this.abandon();
    }
  }

  /** Does nothing after `deliver`. */
  abandon(): Promise<void> {
    return this.#batch.abandon();
  }

  async #publish(): Promise<void> {
    const staged = await this.#inspect();
    const outcomes = await this.#batch.publish();
    for (const [index, entry] of staged.entries()) {
      this.#conclude(entry, outcomes[index] ?? bug('a delivery without an outcome'));
    }
    // Where a power cut forgets a delivery, its intent is there again and leads to it; one whose answer was lost says so in its intent.
    await this.#desk.commit({ durable: outcomes.some(({ kind }) => kind === 'unknown') });
    if (this.#lost !== undefined) throw this.#lost;
  }

  /** Those that are what they should be; the others are not delivered. */
  async #inspect(): Promise<Staged[]> {
    const found = await this.#batch.inspect();
    const staged: Staged[] = [];
    for (const entry of this.#taken) {
      const what = found.get(entry.slot) ?? bug('a letter that nobody knows');
      if (what instanceof LetterNotKept) {
        this.#noteLost(what);
        this.#giveUp(entry, failed(what.message));
        continue;
      }
      this.#notKept = 0;
      const refusal = arrivedWrong(entry.job.row, what.identity);
      if (refusal === undefined) staged.push({ ...entry, what });
      else {
        await this.#batch.discard(entry.slot);
        this.#giveUp(entry, refusal);
      }
    }
    return staged;
  }

  #giveUp({ job, intent }: Taken, refusal: Refusal): void {
    this.#desk.clearIntent(intent);
    this.#report(job.action, refusal);
  }

  /** One letter that cannot be kept leaves the others their chance; several in a row are the disk's fault. */
  async #stage(slot: Slot, letter: Letter): Promise<LetterNotKept | undefined> {
    if (this.#lost !== undefined) return this.#lost;
    try {
      await this.#batch.stage(slot, letter);
      this.#notKept = 0;
      return undefined;
    } catch (error) {
      if (!(error instanceof LetterNotKept)) throw error;
      this.#noteLost(error);
      return error;
    }
  }

  #noteLost(error: LetterNotKept): void {
    if (++this.#notKept === LOST_CAUSE) this.#lost = error;
  }

  #intend(job: DeliveryJob, slot: Slot): string {
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
    const rows = { [target]: delivered, [source]: origin } as Record<SideName, Row>;
    const { remote, local } = rows;
    this.#desk.putRow('remote', remote);
    this.#desk.putRow('local', withPartner(local, remote.key));
    const epoch = (side: SideName) => (side === target ? this.#batch.epoch : this.#desk.epoch(source));
    const flags = { remote: remote.flags, local: local.flags };
    this.#desk.putPair({
      flags: agreedFlags([], flags, this.#desk.permanent()),
      identity: what.identity,
      remote: { epoch: epoch('remote'), key: remote.key },
      local: { epoch: epoch('local'), key: local.key },
      ...(remote.identity.digest === what.identity.digest ? {} : { remoteDigest: remote.identity.digest }),
    });
  }
}
