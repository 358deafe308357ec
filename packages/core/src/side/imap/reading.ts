import type { Clock } from '../../model/clock.js';
import { PosternError } from '../../model/error.js';
import { printable } from '../../model/escape-text.js';
import { type Flags, sameFlags } from '../../model/flags.js';
import type { Glimpse, MessageKey, Row } from '../../model/row.js';
import { type Changes, type Earlier, NO_ROWS, pick, type TakeRows } from '../earlier.js';
import type { Seen } from '../side.js';
import { type Description, describe, descriptionFault, withState } from './describe.js';
import { SaidBye } from './error-words.js';
import { existingUids } from './existing.js';
import { type Columns, type Fetched, fetch, flagColumns, identityColumns, rowColumns } from './fetch.js';
import { fetchSets } from './fetch-sets.js';
import type { Foresight, OpenedAhead } from './open-ahead.js';
import { demandEpoch, type Opened, type Selection } from './selection.js';
import type { Session } from './session.js';
import type { UidRanges } from './uid-ranges.js';
import { keyOf, uidOf, uidSets } from './uid-set.js';

const ATTEMPTS = 3;
/** Up to this many messages a first snapshot takes everything in one pass. */
const ONE_PASS = 50_000;
/** Messages described by one command. */
const DESCRIBED_AT_ONCE = 5_000;
/** More unreadable messages than this are no accident of single messages: the snapshot is refused. */
const MOST_UNREADABLE = 1_000;
/** One record is sought in the time that so many keys are listed. */
const LACKING_SHARE = 8;

export interface ReadingRequest {
  /** The mailbox, opened for reading just now. */
  readonly opened: OpenedAhead;
  /** Opens it again, after the server said BYE. */
  readonly reopen: () => Promise<Opened>;
  readonly seen: Seen | undefined;
  /** Of a mailbox that has no earlier snapshot. */
  readonly take: TakeRows | undefined;
  readonly clock: Clock;
}

/** What changed, and how many messages there are. */
export interface Reread extends Pick<Changes, 'rows' | 'taken' | 'before' | 'gone' | 'unreadable'> {
  readonly count: number;
}

interface State {
  readonly flags: Flags;
  readonly modseq: string | undefined;
}

/** Messages that were listed: all of them, or those that changed since the earlier snapshot. */
interface Listed {
  readonly uids: readonly number[];
  /** How many there are in all. */
  readonly count: number;
  /** What the earlier snapshot had of those it had. */
  readonly known: ReadonlyMap<MessageKey, Glimpse>;
  /** Rows of these, by key. */
  readonly rows: Earlier['rows'];
  /** Rows of the earlier snapshot that are no more, where these are not simply the ones that are not listed. */
  readonly gone?: readonly MessageKey[];
}

/** One reading of the open mailbox, over several attempts where it changes meanwhile. */
export class Reading {
  readonly #request: ReadingRequest;
  #session: Session;
  #selection: Selection;
  readonly #earlier: Earlier | undefined;
  /** What was asked ahead, for the first attempt. */
  #foresight: Foresight | undefined;
  readonly #descriptions = new Map<number, Description>();
  readonly #faults = new Map<number, string>();
  readonly #states = new Map<number, State>();
  /** Messages whose rows were handed over, as they were then. */
  readonly #handedOver = new Map<number, State>();
  /** Messages over which the server said BYE: not asked about again. */
  readonly #deadly = new Set<number>();
  /** How often the server said BYE: from then on messages are described set by set. */
  #byes = 0;

  constructor(request: ReadingRequest, selection: Selection, earlier: Earlier | undefined) {
    this.#request = request;
    this.#session = request.opened.session;
    this.#foresight = selection.changes === 0 ? request.opened.foresight : undefined;
    this.#selection = selection;
    this.#earlier = earlier;
  }

  /** The session it is read over now. */
  get session(): Session {
    return this.#session;
  }

  async complete(): Promise<Reread> {
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
      const listed = await this.#listed(incremental);
      const still =
        this.#session.faults === faults && this.#selection.changes === changes && !this.#isOutdated();
      if (listed !== undefined && byes === this.#byes && still && listed.count === this.#selection.exists)
        return this.#result(listed);
    }
    return this.#rescue(this.#session.faults !== before);
  }

  async #listed(since: string | undefined): Promise<Listed | undefined> {
    try {
      const listed = await this.#list(since);
      await this.#describe(listed);
      return listed;
    } catch (error) {
      if (!(error instanceof SaidBye) || this.#byes > 0) throw error;
      await this.#reopen();
      return undefined;
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
    const since = this.#earlier?.cursor.highestModseq;
    return this.#session.condstore && this.#selection.highestModseq !== undefined ? since : undefined;
  }

  /** Fills in the flags of all messages, or of those that changed. */
  async #list(since: string | undefined): Promise<Listed> {
    this.#states.clear();
    if (since !== undefined && this.#selection.exists > 0) {
      const changed = await this.#listChanges(since);
      if (changed !== undefined) return changed;
      this.#states.clear();
    }
    const before = await this.#before();
    if (this.#selection.exists > 0) {
      const onePass =
        this.#byes === 0 &&
        this.#earlier === undefined &&
        this.#selection.exists <= (this.#request.take === undefined ? ONE_PASS : DESCRIBED_AT_ONCE) &&
        this.#descriptions.size === 0;
      await this.#fetchAll(onePass ? rowColumns(this.#session) : flagColumns(this.#session));
    }
    return { uids: sorted(this.#states.keys()), count: this.#states.size, ...before };
  }

  /** What the earlier snapshot had, of all messages. */
  async #before(): Promise<Pick<Listed, 'known' | 'rows'>> {
    const earlier = this.#earlier;
    if (earlier === undefined) return { known: NO_ROWS, rows: async () => NO_ROWS };
    return { known: await earlier.glimpses(), rows: keys => earlier.rows(keys) };
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
   * What changed in the messages of the earlier snapshot and what is new (RFC 7162 §3.1.4), where that is proven to be all:
   * together as many as the server has; where some went, the UIDs that exist say which.
   */
  async #listChanges(since: string): Promise<Listed | undefined> {
    const earlier = this.#earlier!;
    if (earlier.unreadable.size > 0) return undefined;
    const foresight = this.#foresight;
    this.#foresight = undefined;
    if (foresight === undefined) await this.#fetchAll(flagColumns(this.#session), since);
    else for (const fetched of foresight.rows.splice(0)) this.#take(fetched);
    const known = await earlier.rows([...this.#states.keys()].map(keyOf));
    const count = earlier.size + this.#states.size - known.size;
    if (count === this.#selection.exists) return this.#changed(count, known, []);
    const existing = foresight?.existing ?? (await existingUids(this.#session, this.#selection));
    const gone = await this.#gone(earlier, existing);
    for (const uid of this.#states.keys()) if (!existing.has(uid)) this.#states.delete(uid);
    const fresh = [...this.#states.keys()].filter(uid => !known.has(keyOf(uid))).length;
    if (earlier.size - gone.length + fresh !== existing.size) return undefined;
    return this.#changed(existing.size, known, gone);
  }

  /** Rows of the earlier snapshot that are no more: sought where no UID is, and where that is in too many places among all. */
  async #gone(earlier: Earlier, existing: UidRanges): Promise<readonly MessageKey[]> {
    const { uidNext } = this.#selection;
    const lacking =
      uidNext === undefined ? undefined : existing.lacking(uidNext, earlier.size / LACKING_SHARE);
    if (lacking !== undefined) return [...(await earlier.rows(lacking.map(keyOf))).keys()];
    return [...(await earlier.keys())].filter(key => !existing.has(uidOf(key)!));
  }

  #changed(count: number, known: Changes['rows'], gone: readonly MessageKey[]): Listed {
    return { uids: sorted(this.#states.keys()), count, known, rows: async keys => pick(known, keys), gone };
  }

  async #describe({ uids, known }: Listed): Promise<void> {
    const isMissing = (uid: number) =>
      !this.#descriptions.has(uid) && !this.#deadly.has(uid) && !this.#isHandedOver(uid);
    const missing = uids.filter(uid => isMissing(uid) && !known.has(keyOf(uid)));
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
        done: () => this.#handOver(),
      },
    );
  }

  /** What was described need not be kept: the caller takes it. */
  async #handOver(): Promise<void> {
    const { take } = this.#request;
    if (take === undefined) return;
    const rows = new Map<MessageKey, Row>();
    for (const [uid, description] of this.#descriptions) {
      const state = this.#states.get(uid);
      if (state === undefined) continue;
      rows.set(keyOf(uid), withState(description, state));
      this.#handedOver.set(uid, state);
    }
    this.#descriptions.clear();
    await take(rows);
  }

  /** Whether the server said something new of a message whose row was handed over. */
  #isOutdated(): boolean {
    const isOld = (uid: number) => this.#states.has(uid) && !this.#isHandedOver(uid);
    return [...this.#handedOver.keys()].some(uid => isOld(uid) && !this.#descriptions.has(uid));
  }

  /** Whether the caller has its row as it is now. */
  #isHandedOver(uid: number): boolean {
    const [then, now] = [this.#handedOver.get(uid), this.#states.get(uid)];
    if (then === undefined || now === undefined) return false;
    return sameFlags(then.flags, now.flags) && then.modseq === now.modseq;
  }

  /**
   * The mailbox cannot be listed without lines that make no sense. What exists is asked in a way that does not describe
   * the messages; those that have no readable description are reported, each by its UID.
   */
  async #rescue(faulty: boolean): Promise<Reread> {
    const { place } = this.#selection;
    const existing = await existingUids(this.#session, this.#selection);
    const uids = [...existing];
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
    return this.#result({ uids, count: existing.size, ...(await this.#before()) });
  }

  async #result({ uids, count, known, rows: rowsOf, gone }: Listed): Promise<Reread> {
    const changed = uids.filter(
      uid => !this.#isHandedOver(uid) && this.#hasChanged(uid, known.get(keyOf(uid))),
    );
    // One whose flags the server does not say in a readable way has no row any more.
    const lasting = changed.filter(uid => this.#states.has(uid)).map(keyOf);
    const before = await rowsOf(lasting.filter(key => known.has(key)));
    const rows = new Map<MessageKey, Row>();
    const unreadable = new Map<MessageKey, string>();
    for (const uid of changed) {
      const key = keyOf(uid);
      const row = this.#row(uid, before.get(key));
      if (row !== undefined) rows.set(key, row);
      else unreadable.set(key, this.#faults.get(uid) ?? 'the server does not describe it');
    }
    const left = gone ?? this.#notAmong(uids, [...known.keys()], unreadable);
    const handed = [...this.#handedOver.keys()].filter(uid => !rows.has(keyOf(uid)));
    const withdrawn = handed.filter(uid => !this.#isHandedOver(uid)).map(keyOf);
    const taken = handed.length - withdrawn.length;
    return { count, rows, taken, before, gone: [...left, ...withdrawn], unreadable };
  }

  /** Those of the keys that are not listed, or cannot be read any more. */
  #notAmong(
    uids: readonly number[],
    keys: readonly MessageKey[],
    unreadable: ReadonlyMap<MessageKey, string>,
  ): readonly MessageKey[] {
    if (keys.length === 0) return keys;
    const listed = new Set(uids.map(keyOf));
    return keys.filter(key => !listed.has(key) || unreadable.has(key));
  }

  #hasChanged(uid: number, known: Glimpse | undefined): boolean {
    const state = this.#states.get(uid);
    if (known === undefined || state === undefined) return true;
    const { flags, modseq } = state;
    return !sameFlags(known.flags, flags) || (modseq !== undefined && modseq !== known.modseq);
  }

  #row(uid: number, before: Row | undefined): Row | undefined {
    const state = this.#states.get(uid);
    if (state === undefined) return undefined;
    const { flags, modseq } = state;
    if (before !== undefined) return { ...before, flags, ...(modseq === undefined ? {} : { modseq }) };
    const description = this.#descriptions.get(uid);
    return description === undefined ? undefined : withState(description, state);
  }
}

function sorted(uids: Iterable<number>): number[] {
  return [...uids].sort((a, b) => a - b);
}
