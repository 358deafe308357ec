import { PosternError } from '../../model/error.js';
import { canStore, type Flags, isFlag, type PermanentFlags } from '../../model/flags.js';
import { identityOf } from '../../model/identity.js';
import { WireEncoder } from '../../model/line-ends.js';
import { MessageDigester } from '../../model/message-digester.js';
import type { Row } from '../../model/row.js';
import type { DeliveryBatch, DeliveryOutcome, Letter, Slot, StagedLetter } from '../side.js';
import { type AppendResult, appendMany, type Outgoing } from './append.js';
import { foreignAmong, isAllThatCame } from './append-check.js';
import { readAppendLimit } from './append-limit.js';
import { CommandRefused } from './error-words.js';
import { fetch, UID_ONLY } from './fetch.js';
import { openAnyhow } from './opening.js';
import { permanentFlagsOf } from './permanent-flags.js';
import type { Opened, Place, Selection } from './selection.js';
import type { Session } from './session.js';
import { keyOf, LARGEST_UID } from './uid-set.js';
import { findDelivered } from './window-search.js';

interface Staged {
  readonly slot: Slot;
  readonly letter: StagedLetter;
  /** Without octets where it has too many to be sent. */
  readonly outgoing: Outgoing;
  /** Octets in wire form. */
  readonly size: number;
}

/** Larger messages are not sent: they could not be held in memory, nor written in one piece. */
const LARGEST_SENT = 1024 ** 3;

/** Deliveries into one mailbox by APPEND. What is staged waits in memory; the caller bounds a batch. */
export class ImapDelivery implements DeliveryBatch {
  readonly epoch: Selection['epoch'];
  readonly #sessions: () => Promise<Session>;
  readonly #place: Place;
  readonly #storable: PermanentFlags;
  readonly #limit: number | undefined;
  readonly #uidFrom: number;
  /** Messages the mailbox had. */
  readonly #before: number;
  readonly #staged = new Map<Slot, Staged>();
  #spent = false;

  private constructor(parts: {
    sessions: () => Promise<Session>;
    selection: Selection;
    uidFrom: number;
    limit: number | undefined;
  }) {
    this.epoch = parts.selection.epoch;
    this.#sessions = parts.sessions;
    this.#place = parts.selection.place;
    this.#storable = permanentFlagsOf(parts.selection);
    this.#limit = parts.limit;
    this.#uidFrom = parts.uidFrom;
    this.#before = parts.selection.exists;
  }

  /** The mailbox is SELECTed: appending to the selected mailbox is faster, and it tells what can be stored. */
  static async begin(
    sessions: () => Promise<Session>,
    { session, selection }: Opened,
  ): Promise<ImapDelivery> {
    const uidFrom = selection.uidNext ?? (await lastUid(session, selection)) + 1;
    return new ImapDelivery({
      sessions,
      selection,
      uidFrom,
      limit: await readAppendLimit(session, selection.place),
    });
  }

  /** What SELECT said the mailbox can store. */
  get permanentFlags(): PermanentFlags {
    return this.#storable;
  }

  async prepare(count: number): Promise<readonly Slot[]> {
    return Array.from({ length: count }, () => ({ uidFrom: this.#uidFrom }));
  }

  async stage(slot: Slot, letter: Letter): Promise<void> {
    const wire = new WireEncoder();
    const most = Math.min(this.#limit ?? LARGEST_SENT, LARGEST_SENT);
    const chunks: Buffer[] = [];
    let size = 0;
    let tooLarge: MessageDigester | undefined;
    for await (const chunk of letter.chunks) {
      const octets = wire.encode(chunk);
      size += octets.length;
      if (size <= most) {
        // A side may hand out its buffers again: what is kept must be ours.
        chunks.push(Buffer.from(octets));
        continue;
      }
      tooLarge ??= digesterOf(chunks.splice(0));
      tooLarge.update(octets);
    }
    const octets = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    const { identity, envelope } = tooLarge?.finish() ?? identityOf(octets);
    const { content } = identity;
    if (content === undefined) throw new PosternError('failed', 'a message could not be hashed');
    const staged: StagedLetter = { identity: { ...identity, content }, envelope };
    const flags = letter.flags.filter(flag => isFlag(flag) && canStore(this.#storable, flag));
    const outgoing = { octets, flags, date: letter.date };
    this.#staged.set(slot, { slot, letter: staged, outgoing, size });
  }

  async inspect(): Promise<ReadonlyMap<Slot, StagedLetter>> {
    return new Map([...this.#staged].map(([slot, { letter }]) => [slot, letter]));
  }

  async discard(slot: Slot): Promise<void> {
    this.#staged.delete(slot);
  }

  async abandon(): Promise<void> {
    this.#staged.clear();
    this.#spent = true;
  }

  async publish(): Promise<readonly DeliveryOutcome[]> {
    const staged = this.#spent ? [] : [...this.#staged.values()];
    await this.abandon();
    const sendable: Staged[] = [];
    const refused = new Map<Staged, string>();
    const session = staged.length === 0 ? undefined : await this.#ready();
    for (const each of staged) {
      const why = typeof session === 'string' ? session : this.#unsendable(each, session!);
      if (why === undefined) sendable.push(each);
      else refused.set(each, why);
    }
    const results = sendable.length === 0 ? [] : await this.#send(session as Session, sendable);
    const byStaged = new Map(sendable.map((each, at) => [each, results[at]!]));
    return staged.map(each => byStaged.get(each) ?? refusal(each.slot, refused.get(each)!));
  }

  /** A session with the mailbox selected as it was, or why nothing can be sent. */
  async #ready(): Promise<Session | string> {
    try {
      const session = await this.#sessions();
      const selection = await openAnyhow(session, this.#place, 'write');
      return selection.epoch === this.epoch
        ? session
        : 'the mailbox was replaced meanwhile, nothing was sent';
    } catch (error) {
      if (error instanceof PosternError) return `nothing was sent: ${error.message}`;
      throw error;
    }
  }

  #unsendable({ outgoing, size }: Staged, session: Session): string | undefined {
    if (this.#limit !== undefined && size > this.#limit) {
      return `it has ${size} octets, the server takes ${this.#limit} at most`;
    }
    if (size > LARGEST_SENT) return `it has ${size} octets, ${LARGEST_SENT} at most can be sent`;
    if (outgoing.octets.includes(0) && !session.has('BINARY'))
      return 'it has NUL octets, which the server cannot store';
    return undefined;
  }

  async #send(session: Session, staged: readonly Staged[]): Promise<DeliveryOutcome[]> {
    const expected = { place: this.#place, epoch: this.epoch, uidFrom: this.#uidFrom };
    const told = await appendMany(
      session,
      expected,
      staged.map(each => each.outgoing),
    );
    const results = await this.#verified(session, staged, told);
    const claimed = new Set(results.flatMap(result => (result.kind === 'stored' ? [result.uid] : [])));
    const unnamed = staged.filter((_each, at) => results[at]!.kind === 'unnamed');
    const found = await this.#search(session, unnamed, claimed);
    return staged.map((each, at) => this.#outcome(each, results[at]!, found.get(each)));
  }

  /** A UID the server named is not believed where another message has it. */
  async #verified(
    session: Session,
    staged: readonly Staged[],
    results: readonly AppendResult[],
  ): Promise<readonly AppendResult[]> {
    const named = new Map<number, Staged>();
    for (const [at, result] of results.entries())
      if (result.kind === 'stored') named.set(result.uid, staged[at]!);
    const added = (session.selection?.exists ?? 0) - this.#before;
    if (named.size === 0 || isAllThatCame([...named.keys()], { from: this.#uidFrom, added })) return results;
    const identities = new Map([...named].map(([uid, { letter }]) => [uid, letter.identity]));
    const wrong = await foreignAmong(session, this.#place.mailbox, identities);
    return results.map(result =>
      result.kind === 'stored' && wrong.has(result.uid) ? { kind: 'unnamed', flags: result.flags } : result,
    );
  }

  /** Where the server did not say which UIDs it gave, they are looked up by what the messages are. */
  async #search(
    session: Session,
    unnamed: readonly Staged[],
    claimed: ReadonlySet<number>,
  ): Promise<ReadonlyMap<Staged, number>> {
    if (unnamed.length === 0) return new Map();
    const window = { mailbox: this.#place.mailbox, uidFrom: this.#uidFrom, claimed };
    try {
      const uids = await findDelivered(
        session,
        window,
        unnamed.map(each => each.letter.identity),
      );
      return new Map(unnamed.flatMap((each, at) => (uids[at] === undefined ? [] : [[each, uids[at]]])));
    } catch (error) {
      if (error instanceof CommandRefused || (error instanceof PosternError && error.code !== 'failed'))
        return new Map();
      throw error;
    }
  }

  #outcome(staged: Staged, result: AppendResult, found: number | undefined): DeliveryOutcome {
    const { slot } = staged;
    switch (result.kind) {
      case 'refused':
        return refusal(slot, result.reason);
      case 'unknown':
        return { slot, kind: 'unknown', reason: result.reason };
      case 'stored':
        return { slot, kind: 'done', row: rowFrom(staged, { uid: result.uid, flags: result.flags }) };
      case 'unnamed':
        return found === undefined
          ? { slot, kind: 'unknown', reason: 'the server took it and did not say under which UID' }
          : { slot, kind: 'done', row: rowFrom(staged, { uid: found, flags: result.flags }) };
    }
  }
}

function digesterOf(chunks: readonly Buffer[]): MessageDigester {
  const digester = new MessageDigester();
  for (const chunk of chunks) digester.update(chunk);
  return digester;
}

function refusal(slot: Slot, reason: string): DeliveryOutcome {
  return { slot, kind: 'refused', reason };
}

function rowFrom({ letter, outgoing }: Staged, { uid, flags }: { uid: number; flags: Flags }): Row {
  return {
    key: keyOf(uid),
    flags,
    date: outgoing.date,
    identity: letter.identity,
    envelope: letter.envelope,
  };
}

/** The largest UID in use; 0 in an empty mailbox. For servers that do not say UIDNEXT (RFC 3501 §7.1). */
async function lastUid(session: Session, selection: Selection): Promise<number> {
  if (selection.exists === 0) return 0;
  let last = 0;
  await fetch(session, { mailbox: selection.place.mailbox, set: '*', columns: UID_ONLY }, ({ uid }) => {
    last = Math.max(last, uid);
  });
  if (last > 0 && last < LARGEST_UID) return last;
  throw new PosternError(
    'snapshot-incomplete',
    `the server does not say which UIDs new messages of ${selection.place.mailbox} get`,
  );
}
