import type { Seam } from '@postern/core/model/effect.js';
import { errnoOf, PosternError } from '@postern/core/model/error.js';
import { canStore, NO_FLAGS, type PermanentFlags } from '@postern/core/model/flags.js';
import { identityOf } from '@postern/core/model/identity.js';
import { WireEncoder } from '@postern/core/model/line-ends.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import { type Epoch, type MessageKey, NO_EPOCH, type Row } from '@postern/core/model/row.js';
import type { DeliveryBatch, DeliveryOutcome, Letter, Slot, StagedLetter } from '@postern/core/side/side.js';
import type { MemoryMailbox, MemoryWorld, StoredMessage } from './memory-world.js';

/** What a delivery into a memory side works on. */
export interface DeliveryPlace {
  readonly world: MemoryWorld;
  readonly name: MailboxName;
  readonly mailbox: MemoryMailbox;
  readonly seam: Seam;
  readonly permanentFlags: PermanentFlags;
  readonly withoutUidplus: boolean;
  /** Why the server refuses a message, or undefined. */
  readonly refuse: (mailbox: MailboxName, bytes: Buffer) => string | undefined;
  readonly rowOf: (message: StoredMessage) => Row;
}

interface Staged {
  readonly slot: Slot;
  readonly letter: Letter;
  readonly bytes: Buffer;
  readonly facts: StagedLetter;
}

/** Turns a failed effect into what the port promises; a crash stays a crash. */
export function inPortWords(error: unknown): unknown {
  const errno = errnoOf(error);
  if (errno === undefined || error instanceof PosternError) return error;
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    return new PosternError('disk-full', 'the disk is full', { cause: error });
  }
  if (errno === 'EROFS' || errno === 'EACCES') {
    return new PosternError('read-only', 'the side cannot be written', { cause: error });
  }
  if (errno.startsWith('ECONN') || errno === 'EPIPE' || errno === 'ETIMEDOUT') {
    return new PosternError('unreachable', 'the connection was lost', { cause: error });
  }
  return new PosternError('failed', `the side failed: ${errno}`, { cause: error });
}

async function wireBytes(letter: Letter, each: (bytes: Buffer) => Promise<void>): Promise<void> {
  const encoder = new WireEncoder();
  for await (const chunk of letter.chunks) await each(Buffer.from(encoder.encode(chunk)));
}

function factsOf(bytes: Buffer): StagedLetter {
  const { identity, envelope } = identityOf(bytes);
  return { identity: identity as StagedLetter['identity'], envelope };
}

const factsBySlot = (staged: Iterable<Staged>) =>
  new Map([...staged].map(({ slot, facts }) => [slot, facts]));

const storable = (place: DeliveryPlace, letter: Letter) =>
  letter.flags.length === 0 ? NO_FLAGS : letter.flags.filter(flag => canStore(place.permanentFlags, flag));

/** One APPEND a message; the UIDs are assigned by the world and known at once, or found in the window of new UIDs. */
export class UidDelivery implements DeliveryBatch {
  readonly epoch: Epoch;
  readonly #place: DeliveryPlace;
  readonly #from: number;
  readonly #staged = new Map<Slot, Staged>();
  readonly #claimed = new Set<MessageKey>();

  constructor(place: DeliveryPlace) {
    this.#place = place;
    this.epoch = String(place.mailbox.uidValidity) as Epoch;
    this.#from = place.mailbox.uidNext;
  }

  async prepare(count: number): Promise<readonly Slot[]> {
    return Array.from({ length: count }, () => ({ uidFrom: this.#from }));
  }

  async stage(slot: Slot, letter: Letter): Promise<void> {
    const parts: Buffer[] = [];
    await wireBytes(letter, async bytes => void parts.push(bytes));
    const bytes = Buffer.concat(parts);
    this.#staged.set(slot, { slot, letter, bytes, facts: factsOf(bytes) });
  }

  async inspect(): Promise<ReadonlyMap<Slot, StagedLetter>> {
    return factsBySlot(this.#staged.values());
  }

  async discard(slot: Slot): Promise<void> {
    this.#staged.delete(slot);
  }

  async publish(): Promise<readonly DeliveryOutcome[]> {
    const outcomes: DeliveryOutcome[] = [];
    let lost: string | undefined;
    for (const staged of this.#staged.values()) {
      if (lost !== undefined) {
        outcomes.push({ slot: staged.slot, kind: 'refused', reason: `not sent: ${lost}` });
        continue;
      }
      const outcome = await this.#append(staged);
      if (outcome.kind === 'unknown') lost = outcome.reason;
      outcomes.push(outcome);
    }
    this.#staged.clear();
    return outcomes;
  }

  async abandon(): Promise<void> {
    this.#staged.clear();
  }

  async #append(staged: Staged): Promise<DeliveryOutcome> {
    const { slot, letter, bytes } = staged;
    const { world, name, mailbox, seam, refuse } = this.#place;
    const reason = refuse(name, bytes);
    if (reason !== undefined) return { slot, kind: 'refused', reason };
    const flags = storable(this.#place, letter);
    let assigned: MessageKey | undefined;
    try {
      await seam.run({ surface: 'wire', name: 'APPEND', target: name }, async () => {
        assigned = world.store(mailbox, { bytes, flags, date: letter.date });
        world.traffic.delivered++;
      });
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return { slot, kind: 'unknown', reason: `the answer to APPEND was lost (${errnoOf(error)})` };
    }
    const key = this.#place.withoutUidplus ? this.#search(staged) : assigned;
    const message = key === undefined ? undefined : mailbox.messages.get(key);
    if (message === undefined) return { slot, kind: 'unknown', reason: 'the message was not found again' };
    this.#claimed.add(message.key);
    const row = this.#place.rowOf(message);
    return { slot, kind: 'done', row: { ...row, identity: message.identity } };
  }

  /** SAFETY §3.1(5): the UID window, each candidate claimed once. */
  #search(staged: Staged): MessageKey | undefined {
    for (const message of this.#place.mailbox.messages.values()) {
      if (Number(message.key) < this.#from || this.#claimed.has(message.key)) continue;
      if (message.identity.content === staged.facts.identity.content) return message.key;
    }
    return undefined;
  }
}

/** Written to tmp, synced, linked under a name chosen beforehand, then the directory is synced (SAFETY §3.2). */
export class FileDelivery implements DeliveryBatch {
  readonly epoch = NO_EPOCH;
  readonly #place: DeliveryPlace;
  readonly #staged = new Map<MessageKey, Staged>();

  constructor(place: DeliveryPlace) {
    this.#place = place;
  }

  async prepare(count: number): Promise<readonly Slot[]> {
    return Array.from({ length: count }, () => ({ key: this.#place.world.newName() }));
  }

  async stage(slot: Slot, letter: Letter): Promise<void> {
    const { mailbox } = this.#place;
    const key = slot.key!;
    const put = (bytes: Buffer, synced: boolean) => void mailbox.temporary.set(key, { bytes, synced });
    let bytes: Buffer = Buffer.alloc(0);
    try {
      await this.#effect('open', `tmp/${key}`, () => put(bytes, false));
      await wireBytes(letter, async chunk => {
        bytes = Buffer.concat([bytes, chunk]);
        await this.#effect('write', `tmp/${key}`, () => put(bytes, false));
      });
      await this.#effect('fsync', `tmp/${key}`, () => put(bytes, true));
    } catch (error) {
      if (errnoOf(error) !== undefined) await this.discard(slot);
      throw inPortWords(error);
    }
    this.#staged.set(key, { slot, letter, bytes, facts: factsOf(bytes) });
  }

  async inspect(): Promise<ReadonlyMap<Slot, StagedLetter>> {
    return factsBySlot(this.#staged.values());
  }

  async discard(slot: Slot): Promise<void> {
    this.#staged.delete(slot.key!);
    if (!this.#place.mailbox.temporary.has(slot.key!)) return;
    await this.#effect('unlink', `tmp/${slot.key}`, () => {
      this.#place.mailbox.temporary.delete(slot.key!);
    });
  }

  async publish(): Promise<readonly DeliveryOutcome[]> {
    const outcomes: DeliveryOutcome[] = [];
    for (const staged of this.#staged.values()) outcomes.push(await this.#link(staged));
    const unsynced = outcomes.some(({ kind }) => kind === 'done') ? await this.#syncDirectory() : undefined;
    for (const { slot } of outcomes) await this.discard(slot);
    if (unsynced === undefined) return outcomes;
    return outcomes.map(outcome =>
      outcome.kind === 'done' ? { slot: outcome.slot, kind: 'unknown', reason: unsynced } : outcome,
    );
  }

  async abandon(): Promise<void> {
    for (const { slot } of [...this.#staged.values()]) await this.discard(slot);
  }

  async #link({ slot, letter, bytes }: Staged): Promise<DeliveryOutcome> {
    const { world, mailbox } = this.#place;
    const key = slot.key!;
    const reason = this.#place.refuse(this.#place.name, bytes);
    if (reason !== undefined) return { slot, kind: 'refused', reason };
    if (mailbox.messages.has(key)) return { slot, kind: 'refused', reason: 'the name is taken (EEXIST)' };
    const flags = storable(this.#place, letter);
    try {
      await this.#effect('link', `cur/${key}`, () => {
        world.store(mailbox, { key, bytes, flags, date: letter.date }, { durable: false });
        world.traffic.delivered++;
      });
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return { slot, kind: 'refused', reason: `the file could not be linked (${errnoOf(error)})` };
    }
    return { slot, kind: 'done', row: this.#place.rowOf(mailbox.messages.get(key)!) };
  }

  /** Why the directory could not be synced, or undefined. */
  async #syncDirectory(): Promise<string | undefined> {
    const { messages } = this.#place.mailbox;
    try {
      await this.#effect('fsync-dir', 'cur', () => {
        for (const message of messages.values()) messages.set(message.key, { ...message, durable: true });
      });
      return undefined;
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return `the directory could not be synced (${errnoOf(error)})`;
    }
  }

  #effect(name: string, target: string, act: () => void): Promise<void> {
    const effect = { surface: 'fs', name, target: `${this.#place.name}/${target}` } as const;
    return this.#place.seam.run(effect, async () => act());
  }
}
