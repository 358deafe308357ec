import type { Action } from '../model/action.js';
import { otherSide, type SideName } from '../model/by-side.js';
import { bug, isOneMailboxOnly, PosternError } from '../model/error.js';
import { canStore, type Flags, flagsWithout, sameFlags } from '../model/flags.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Epoch, MessageKey, Row } from '../model/row.js';
import type { CopyOutcome, FlagChange, Slot } from '../side/side.js';
import { pairArrival } from './arrival.js';
import type { Desk } from './desk.js';
import { failed, type Refusal, skipped } from './judgement.js';

/** A message that is to be copied on one side into the desk's mailbox. */
export interface CopyJob {
  readonly action: Action;
  readonly from: { readonly mailbox: MailboxName; readonly epoch: Epoch };
  readonly original: Row;
  /** The same message on the other side, in the desk's mailbox. */
  readonly partner: Row;
}

/** How often a mailbox that grows while we look is looked at again. */
const LOOKS = 3;

/**
 * Copies messages within a side and pairs them: no bytes travel. Each comes out with the flags of its partner. Says for
 * each action why nothing was copied, or undefined when it was.
 *
 * A server that was told to copy may do so after we are gone (SAFETY §3.1), so there are intents, as for an upload. A file
 * side is done when it answers.
 */
export async function copyWithin(
  desk: Desk,
  on: SideName,
  jobs: readonly CopyJob[],
): Promise<ReadonlyMap<Action, Refusal | undefined>> {
  if (jobs.length === 0) return new Map();
  return new CopyWithin(desk, on).run(jobs);
}

interface Made {
  readonly job: CopyJob;
  readonly row: Row;
}

class CopyWithin {
  readonly #desk: Desk;
  readonly #on: SideName;
  readonly #results = new Map<Action, Refusal | undefined>();
  /** Copied, but the server did not say under which UID. */
  readonly #unnamed: CopyJob[] = [];
  #slots = new Map<Action, Slot>();

  constructor(desk: Desk, on: SideName) {
    this.#desk = desk;
    this.#on = on;
  }

  async run(jobs: readonly CopyJob[]): Promise<ReadonlyMap<Action, Refusal | undefined>> {
    await this.#desk.begin();
    const ready = this.#side.keys === 'uid' ? await this.#intend(jobs) : jobs;
    const groups = groupsOf(ready);
    for (const [index, group] of groups.entries()) {
      try {
        await this.#copy(group);
      } catch (error) {
        if (!(error instanceof PosternError)) throw error;
        const { code, message } = error;
        const open = group.filter(({ action }) => !this.#results.has(action));
        if (isOneMailboxOnly(error)) {
          for (const { action } of open) this.#settle(action, failed(message));
          continue;
        }
        for (const { action } of [...open, ...groups.slice(index + 1).flat()]) this.#clear(action);
        if (code === 'unreachable') for (const job of open) this.#putIntent(job, { lost: true });
        await this.#desk.commit({ durable: true });
        throw error;
      }
    }
    if (this.#unnamed.length > 0) await this.#findUnnamed();
    await this.#desk.commit({ durable: true });
    return this.#results;
  }

  get #side() {
    return this.#desk.repository.sides[this.#on];
  }

  /** Opens the mailbox to know where the copies will be found, and makes the intents durable. */
  async #intend(jobs: readonly CopyJob[]): Promise<readonly CopyJob[]> {
    let ready = jobs;
    for (let look = 1; ready.length > 0; look++) {
      const batch = await this.#side.deliver(this.#desk.mailbox);
      const slots = await batch.prepare(ready.length);
      const { epoch } = batch;
      await batch.abandon();
      const known = this.#desk.uidNext(this.#on);
      const next = slots[0]?.uidFrom;
      const grew = known !== undefined && next !== undefined && next > known;
      if (epoch === this.#desk.epoch(this.#on) && !grew) {
        this.#slots = new Map(ready.map(({ action }, index) => [action, slots[index] ?? bug('no slot')]));
        for (const job of ready) this.#putIntent(job, { lost: false });
        await this.#desk.commit({ durable: true });
        return ready;
      }
      if (look === LOOKS) {
        for (const { action } of ready)
          this.#settle(action, skipped('the mailbox keeps changing: run it again'));
        return [];
      }
      await this.#desk.refresh(this.#on);
      ready = ready.filter(({ action, partner }) => {
        if (this.#desk.unpairedLike(this.#on, partner.identity) === undefined) return true;
        this.#settle(action, skipped(`a message like it is in ${this.#desk.mailbox} already: plan again`));
        return false;
      });
    }
    return ready;
  }

  #putIntent({ action, partner }: CopyJob, { lost }: { readonly lost: boolean }): void {
    const slot = this.#slots.get(action);
    if (slot === undefined) return;
    const { repository, operation, mailbox } = this.#desk;
    const source = otherSide(this.#on);
    const now = repository.clock.now();
    this.#desk.putIntent(intentOf(operation, action), {
      operation,
      side: this.#on,
      mailbox,
      source: { epoch: this.#desk.epoch(source), key: partner.key },
      identity: partner.identity,
      epoch: this.#desk.epoch(this.#on),
      ...(slot.uidFrom === undefined ? {} : { uidFrom: slot.uidFrom }),
      begun: now,
      ...(lost ? { lost: now } : {}),
    });
  }

  #clear(action: Action): void {
    if (this.#slots.has(action)) this.#desk.clearIntent(intentOf(this.#desk.operation, action));
  }

  #settle(action: Action, refusal?: Refusal): void {
    this.#clear(action);
    this.#results.set(action, refusal);
  }

  async #copy(group: readonly CopyJob[]): Promise<void> {
    const { from } = group[0] ?? bug('an empty group');
    const outcomes = await this.#side.copy({
      mailbox: from.mailbox,
      epoch: from.epoch,
      to: this.#desk.mailbox,
      toEpoch: this.#desk.epoch(this.#on),
      rows: group.map(({ original }) => original),
    });
    const made: Made[] = [];
    for (const [index, job] of group.entries()) {
      const outcome = outcomes[index] ?? bug('a copy without an outcome');
      if (outcome.kind !== 'done') this.#settle(job.action, this.#refusalOf(job, outcome));
      else if (outcome.row !== undefined) made.push({ job, row: outcome.row });
      else this.#noteUnnamed(job);
    }
    await this.#conclude(made);
  }

  #noteUnnamed(job: CopyJob): void {
    this.#unnamed.push(job);
    this.#results.set(job.action, undefined);
  }

  /** What came in since we looked and is like it is the copy; of twins either will do. */
  async #findUnnamed(): Promise<void> {
    await this.#desk.refresh(this.#on);
    const made: Made[] = [];
    const taken = new Set<MessageKey>();
    for (const job of this.#unnamed) {
      const from = this.#slots.get(job.action)?.uidFrom ?? 0;
      const row = this.#desk
        .unpairedRowsLike(this.#on, job.partner.identity)
        .find(({ key }) => Number(key) >= from && !taken.has(key));
      if (row === undefined) {
        this.#putIntent(job, { lost: true });
      } else {
        taken.add(row.key);
        made.push({ job, row });
      }
    }
    await this.#conclude(made);
  }

  /** Gives the copies their flags and pairs them. */
  async #conclude(made: readonly Made[]): Promise<void> {
    for (const { job } of made) this.#settle(job.action);
    const record = (flags: ReadonlyMap<MessageKey, Flags>) => {
      for (const { job, row } of made) this.#record(job, row, flags.get(row.key) ?? row.flags);
    };
    try {
      record(await this.#reflag(made));
    } catch (error) {
      // They are there all the same; the next merge brings the flags.
      record(new Map());
      throw error;
    }
  }

  #refusalOf({ from }: CopyJob, outcome: Exclude<CopyOutcome, { kind: 'done' }>): Refusal {
    if (outcome.kind === 'gone') {
      return skipped(`the message is no longer in ${from.mailbox} on the ${this.#on} side`);
    }
    return outcome.kind === 'changed' ? skipped(outcome.reason) : failed(outcome.reason);
  }

  /** A copy has the flags of its original, and is to have those of the message it stands for. Returns what was reached. */
  async #reflag(made: readonly Made[]): Promise<ReadonlyMap<MessageKey, Flags>> {
    const permanent = this.#desk.permanent()[this.#on];
    const changes = made.flatMap(({ job, row }): FlagChange[] => {
      const wanted = job.partner.flags.filter(flag => canStore(permanent, flag));
      if (sameFlags(wanted, row.flags)) return [];
      const [add, remove] = [flagsWithout(wanted, row.flags), flagsWithout(row.flags, wanted)];
      return [{ key: row.key, add, remove }];
    });
    if (changes.length === 0) return new Map();
    const outcomes = await this.#side.flag(this.#desk.mailbox, this.#desk.epoch(this.#on), changes);
    return new Map(
      changes.flatMap(({ key }, index) => {
        const outcome = outcomes[index];
        return outcome?.kind === 'done' ? [[key, outcome.flags] as const] : [];
      }),
    );
  }

  /** Base has the flags the original had: where they could not be changed yet, they count as changed by the partner. */
  #record({ partner }: CopyJob, copied: Row, flags: Flags): void {
    const { modseq: _before, ...lasting } = copied;
    const arrived = sameFlags(flags, copied.flags) ? copied : { ...lasting, flags };
    pairArrival(this.#desk, { on: this.#on, arrived, partner, before: undefined, base: copied.flags });
  }
}

function intentOf(operation: string, action: Action): string {
  return `${operation}/${action.id}`;
}

/** By the mailbox they are copied from, and no message twice in a group: a server copies each of a set once. */
function groupsOf(jobs: readonly CopyJob[]): CopyJob[][] {
  const groups = new Map<string, { readonly jobs: CopyJob[]; readonly keys: Set<MessageKey> }[]>();
  for (const job of jobs) {
    const { mailbox } = job.from;
    const { key } = job.original;
    const known = groups.get(mailbox) ?? [];
    groups.set(mailbox, known);
    const group = known.find(({ keys }) => !keys.has(key));
    if (group === undefined) known.push({ jobs: [job], keys: new Set([key]) });
    else {
      group.jobs.push(job);
      group.keys.add(key);
    }
  }
  return [...groups.values()].flat().map(group => group.jobs);
}
