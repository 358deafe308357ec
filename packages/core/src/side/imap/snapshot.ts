import type { Clock } from '../../model/clock.js';
import { PosternError } from '../../model/error.js';
import { printable } from '../../model/escape-text.js';
import { type Flags, type PermanentFlags, sameFlags } from '../../model/flags.js';
import type { MessageKey, Row, Snapshot } from '../../model/row.js';
import type { Seen } from '../side.js';
import { demandRoom } from './demand-room.js';
import { type Description, describe, descriptionFault, withState } from './describe.js';
import { CommandRefused, SaidBye } from './error-words.js';
import { existingUids } from './existing.js';
import {
  type Columns,
  type Fetched,
  fetch,
  fetchSets,
  flagColumns,
  identityColumns,
  rowColumns,
} from './fetch.js';
import { readStatus } from './listing.js';
import { storable } from './permanent-flags.js';
import { cursorOf, demandEpoch, type Opened, type Selection } from './selection.js';
import type { Session } from './session.js';
import { atom, quoted } from './tokens.js';
import { keyOf, uidOf, uidSets } from './uid-set.js';

export interface SnapshotRequest {
  /** The mailbox, opened for reading just now. */
  readonly opened: Opened;
  /** Opens it again, after the server said BYE. */
  readonly reopen: () => Promise<Opened>;
  readonly known: Snapshot | undefined;
  readonly seen: Seen | undefined;
  readonly clock: Clock;
  /** What the mailbox can store, as SELECT said earlier; asked now where it is undefined and EXAMINE did not say. */
  readonly permanentFlags: PermanentFlags | undefined;
  /** Messages the last listing saw in it. */
  readonly listedCount: number | undefined;
}

const ATTEMPTS = 3;
/** Up to this many messages a first snapshot takes everything in one pass. */
const ONE_PASS = 50_000;
/** Messages described by one command. */
const DESCRIBED_AT_ONCE = 5_000;
/** More unreadable messages than this are no accident of single messages: the snapshot is refused. */
const MOST_UNREADABLE = 1_000;

interface State {
  readonly flags: Flags;
  readonly modseq: string | undefined;
}

/** All messages of a mailbox, read from the server and proven complete (SAFETY §3.6, §3.7). */
export async function takeSnapshot(request: SnapshotRequest): Promise<Snapshot> {
  const { selection } = request.opened;
  demandRoom(selection);
  await doubtEmptiness(request, selection);
  const announced = { ...selection };
  const known = trusted(request.known, announced);
  const reading = new Reading(request, selection, known);
  const { rows, unreadable } =
    known !== undefined && unchanged(known, announced) ? known : await listed(reading, selection);
  const permanentFlags = await storable(
    reading.session,
    announced,
    request.permanentFlags ?? request.known?.permanentFlags,
  );
  return {
    mailbox: selection.place.mailbox,
    cursor: cursorOf(announced, rows.size + unreadable.size),
    permanentFlags,
    rows,
    unreadable,
  };
}

/** A listing that is refused concerns this mailbox, not the others. */
async function listed(
  reading: Reading,
  { place }: Selection,
): Promise<Pick<Snapshot, 'rows' | 'unreadable'>> {
  try {
    return await reading.complete();
  } catch (cause) {
    if (!(cause instanceof CommandRefused) || cause.code === 'try-later') throw cause;
    const reason = `the server does not list ${place.mailbox}: ${cause.words}`;
    throw new PosternError('mailbox-unreadable', reason, { cause });
  }
}

/** What the caller still has, unless the server went backwards or this is another mailbox by the same name. */
function trusted(known: Snapshot | undefined, now: Selection): Snapshot | undefined {
  if (known === undefined) return undefined;
  const { epoch, uidNext, highestModseq, mailboxId } = known.cursor;
  const sameMailbox = mailboxId === undefined || now.mailboxId === undefined || mailboxId === now.mailboxId;
  const forward =
    (uidNext === undefined || now.uidNext === undefined || now.uidNext >= uidNext) &&
    (highestModseq === undefined ||
      now.highestModseq === undefined ||
      !lower(now.highestModseq, highestModseq));
  return epoch === now.epoch && sameMailbox && forward ? known : undefined;
}

function lower(a: string, b: string): boolean {
  return BigInt(a) < BigInt(b);
}

function unchanged(known: Snapshot, now: Selection): boolean {
  const { count, uidNext, highestModseq } = known.cursor;
  const stands = uidNext !== undefined && uidNext === now.uidNext && count === now.exists;
  return stands && highestModseq !== undefined && highestModseq === now.highestModseq;
}

/** A mailbox that had mail and seems empty is asked about in another way: an empty answer must not be an accident. */
async function doubtEmptiness(request: SnapshotRequest, selection: Selection): Promise<void> {
  const { opened, known, listedCount } = request;
  const { session } = opened;
  const { place } = selection;
  const before = Math.max(listedCount ?? 0, known?.rows.size ?? 0);
  if (selection.exists > 0 || before === 0) return;
  let count: number | undefined;
  await session.command({
    effect: 'STATUS',
    target: place.mailbox,
    command: 'STATUS',
    attributes: [quoted(place.raw), [atom('MESSAGES'), atom('UIDVALIDITY')]],
    untagged: {
      STATUS: answer => {
        count = readStatus(answer.attributes?.[1])?.count;
      },
    },
  });
  if (count === 0) return;
  throw new PosternError(
    'snapshot-incomplete',
    `the server opens ${place.mailbox} as empty, but its STATUS says ${count ?? 'nothing'}`,
  );
}

/** One reading of the open mailbox, over several attempts where it changes meanwhile. */
class Reading {
  readonly #request: SnapshotRequest;
  #session: Session;
  #selection: Selection;
  readonly #known: Snapshot | undefined;
  readonly #descriptions = new Map<number, Description>();
  readonly #faults = new Map<number, string>();
  readonly #states = new Map<number, State>();
  /** Messages over which the server said BYE: not asked about again. */
  readonly #deadly = new Set<number>();
  /** How often the server said BYE: from then on messages are described set by set. */
  #byes = 0;

  constructor(request: SnapshotRequest, selection: Selection, known: Snapshot | undefined) {
    this.#request = request;
    this.#session = request.opened.session;
    this.#selection = selection;
    this.#known = known;
  }

  /** The session it is read over now. */
  get session(): Session {
    return this.#session;
  }

  async complete(): Promise<Pick<Snapshot, 'rows' | 'unreadable'>> {
    const { place } = this.#selection;
    const before = this.#session.faults;
    for (let attempt = 1; attempt <= ATTEMPTS + Math.min(this.#byes, ATTEMPTS); attempt++) {
      if (attempt > 1) {
        await this.#request.clock.sleep(100 * attempt);
        await this.#session.command({ effect: 'NOOP', target: place.mailbox, command: 'NOOP' });
      }
      const { faults } = this.#session;
      const { changes } = this.#selection;
      const byes = this.#byes;
      const incremental = attempt === 1 ? this.#changesSince() : undefined;
      const uids = await this.#listed(incremental);
      const still = this.#session.faults === faults && this.#selection.changes === changes;
      if (byes === this.#byes && still && uids.length === this.#selection.exists) return this.#result(uids);
    }
    return this.#rescue(this.#session.faults !== before);
  }

  async #listed(since: string | undefined): Promise<readonly number[]> {
    try {
      const uids = await this.#list(since);
      await this.#describe(uids);
      return uids;
    } catch (error) {
      if (!(error instanceof SaidBye) || this.#byes > 0) throw error;
      await this.#reopen();
      return [];
    }
  }

  async #reopen(): Promise<Session> {
    this.#byes++;
    const { epoch } = this.#selection;
    const { session, selection } = await this.#request.reopen();
    demandEpoch(selection, epoch);
    this.#session = session;
    this.#selection = selection;
    return session;
  }

  /** The mod-sequence to ask for changes since, where that is possible. */
  #changesSince(): string | undefined {
    const since = this.#known?.cursor.highestModseq;
    return this.#session.condstore && this.#selection.highestModseq !== undefined ? since : undefined;
  }

  /** Fills in the flags of every message and returns the UIDs, sorted. */
  async #list(since: string | undefined): Promise<number[]> {
    this.#states.clear();
    if (this.#selection.exists === 0) return [];
    if (since !== undefined && (await this.#listChanges(since))) return sorted(this.#states.keys());
    this.#states.clear();
    const onePass =
      this.#byes === 0 &&
      this.#known === undefined &&
      this.#selection.exists <= ONE_PASS &&
      this.#descriptions.size === 0;
    await this.#fetchAll(onePass ? rowColumns(this.#session) : flagColumns(this.#session));
    return sorted(this.#states.keys());
  }

  async #fetchAll(columns: Columns, changedSince?: string): Promise<void> {
    const { mailbox } = this.#selection.place;
    const request = { mailbox, set: '1:*', columns, ...(changedSince === undefined ? {} : { changedSince }) };
    await fetch(this.#session, request, fetched => this.#take(fetched));
  }

  #take(fetched: Fetched): void {
    const { uid, flags, modseq } = fetched;
    if (flags !== undefined)
      this.#states.set(uid, { flags, modseq: modseq ?? this.#states.get(uid)?.modseq });
    this.#request.seen?.(this.#states.size);
    const description = describe(fetched);
    if (description !== undefined) this.#descriptions.set(uid, description);
    else if (fetched.header !== undefined) this.#faults.set(uid, descriptionFault(fetched)!);
  }

  /**
   * Known messages, what changed in them and what is new (RFC 7162 §3.1.4). True when that is proven to be all: as many
   * as the server has; where some went, the UIDs that exist say which.
   */
  async #listChanges(since: string): Promise<boolean> {
    const known = this.#known!;
    if (known.unreadable.size > 0) return false;
    await this.#fetchAll(flagColumns(this.#session), since);
    for (const row of known.rows.values()) {
      const uid = uidOf(row.key)!;
      if (!this.#states.has(uid)) this.#states.set(uid, { flags: row.flags, modseq: row.modseq });
    }
    if (this.#states.size === this.#selection.exists) return true;
    const existing = await existingUids(this.#session, this.#selection);
    for (const uid of this.#states.keys()) if (!existing.has(uid)) this.#states.delete(uid);
    return this.#states.size === existing.size;
  }

  async #describe(uids: readonly number[]): Promise<void> {
    const isMissing = (uid: number) => !this.#descriptions.has(uid) && !this.#deadly.has(uid);
    const missing = uids.filter(uid => isMissing(uid) && this.#knownRow(uid) === undefined);
    if (missing.length === 0) return;
    const sets = uidSets(missing, { messages: DESCRIBED_AT_ONCE, among: uids });
    const { mailbox } = this.#selection.place;
    await fetchSets(
      this.#session,
      { mailbox, sets, columns: identityColumns(this.#session) },
      {
        take: fetched => {
          if (this.#states.has(fetched.uid)) this.#take(fetched);
        },
        refused: (uid, reason) => {
          this.#faults.set(uid, reason);
          if (this.#byes > 0) this.#deadly.add(uid);
        },
        reopen: () => this.#reopen(),
      },
    );
  }

  #knownRow(uid: number): Row | undefined {
    return this.#known?.rows.get(keyOf(uid));
  }

  /**
   * The mailbox cannot be listed without lines that make no sense. What exists is asked in a way that does not describe
   * the messages; those that have no readable description are reported, each by its UID.
   */
  async #rescue(faulty: boolean): Promise<Pick<Snapshot, 'rows' | 'unreadable'>> {
    const { place } = this.#selection;
    const existing = await existingUids(this.#session, this.#selection);
    const uids = sorted(existing);
    for (const uid of this.#states.keys()) if (!existing.has(uid)) this.#states.delete(uid);
    const lost = uids.filter(uid => !this.#states.has(uid));
    if (lost.length > 0 && (!faulty || lost.length > MOST_UNREADABLE)) {
      throw new PosternError(
        'snapshot-incomplete',
        `the server lists ${this.#states.size} of the ${existing.size} messages of ${place.mailbox}`,
      );
    }
    const why = `the server describes it in a way that cannot be read: ${printable(this.#session.lastFault)}`;
    for (const uid of lost) this.#faults.set(uid, why);
    return this.#result(uids);
  }

  #result(uids: readonly number[]): Pick<Snapshot, 'rows' | 'unreadable'> {
    const rows = new Map<MessageKey, Row>();
    const unreadable = new Map<MessageKey, string>();
    for (const uid of uids) {
      const key = keyOf(uid);
      const row = this.#row(uid);
      if (row !== undefined) rows.set(key, row);
      else unreadable.set(key, this.#faults.get(uid) ?? 'the server does not describe it');
    }
    return { rows, unreadable };
  }

  #row(uid: number): Row | undefined {
    const state = this.#states.get(uid);
    if (state === undefined) return undefined;
    const { flags, modseq } = state;
    const known = this.#knownRow(uid);
    if (
      known !== undefined &&
      sameFlags(known.flags, flags) &&
      (modseq === undefined || modseq === known.modseq)
    ) {
      return known;
    }
    if (known !== undefined) return { ...known, flags, ...(modseq === undefined ? {} : { modseq }) };
    const description = this.#descriptions.get(uid);
    return description === undefined ? undefined : withState(description, state);
  }
}

function sorted(uids: Iterable<number>): number[] {
  return [...uids].sort((a, b) => a - b);
}
