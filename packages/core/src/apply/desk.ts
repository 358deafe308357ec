import type { Action } from '../model/action.js';
import { type BySide, bySide, otherSide, SIDES, type SideName } from '../model/by-side.js';
import { bug } from '../model/error.js';
import { type PermanentFlags, sameFlags } from '../model/flags.js';
import { type Identity, sameMessage } from '../model/identity.js';
import type { MailboxName } from '../model/mailbox.js';
import { type End, type Pair, pairKey } from '../model/pair.js';
import { compareKeys, type Epoch, type MessageKey, type Row } from '../model/row.js';
import type { MailboxView } from '../model/view.js';
import { entriesOf, extendIndex } from '../observe/base-digests.js';
import { FamiliarKeeper } from '../observe/file-names.js';
import { loadRecord, loadView } from '../observe/load-view.js';
import { observeMailbox } from '../observe/observe-mailbox.js';
import { noteLeft, recallLeft } from '../observe/paired-ends.js';
import { isAllSettled } from '../observe/settled-pairs.js';
import { witnessOf } from '../observe/went-back.js';
import { type Intent, type MailboxRecord, unquiet, WHOLLY_QUIET } from '../state/records.js';
import type { Repository } from '../state/repository.js';
import type { Change } from '../state/store.js';
import { type CommitOptions, CommitQueue } from './commit-queue.js';
import { bringOriginals, type DeskWork, type Loaded, loadDesk } from './load-desk.js';
import type { MailboxBook } from './mailbox-book.js';

/**
 * One mailbox while apply works in it: what the state has on it, kept in step with what is done. Changes gather until
 * `commit` writes them in one batch.
 *
 * The generation protocol (DESIGN §5): `begin` makes `pending = g + 1` durable in the state, then in the witnesses; `finish`
 * makes `generation = g + 1` durable in the state, then writes it into the witnesses. State or mail restored from a backup shows as
 * a witness that is behind by more than one of these writes, or ahead. So the last write may be lost: that is one.
 */
export class Desk {
  readonly repository: Repository;
  readonly mailbox: MailboxName;
  readonly operation: string;
  readonly files: FamiliarKeeper;
  #record: MailboxRecord;
  #loaded: Loaded;
  /** Originals of the copies that are made now. */
  #brought: readonly MessageKey[] = [];
  readonly #uidNext: Partial<Record<SideName, number>> = {};
  #changes: Change[] = [];
  readonly #commits = new CommitQueue(options => this.#writeChanges(options));
  #begun = false;
  /** An earlier apply came to no end here: what it recorded is in no index. */
  #resumed = false;
  /** There was no pair when it was opened. */
  #isFirst = false;
  /** Every pair was settled that is not in the book. */
  #isSettledSoFar = false;
  /** What an index is to say of pairs that were put. */
  readonly #added: string[] = [];

  private constructor(repository: Repository, operation: string, record: MailboxRecord, loaded: Loaded) {
    this.repository = repository;
    this.mailbox = record.mailbox;
    this.operation = operation;
    this.#record = record;
    this.#loaded = loaded;
    this.files = new FamiliarKeeper(repository.store, record.mailbox);
  }

  /** With `work`, where it is about these messages alone: then no others are read than it takes. */
  static async open(
    repository: Repository,
    mailbox: MailboxName,
    operation: string,
    work?: DeskWork,
  ): Promise<Desk> {
    const { store } = repository;
    const record = await loadRecord(store, mailbox);
    const loaded = await loadDesk(store, record, work);
    const desk = new Desk(repository, operation, record, loaded);
    desk.#isFirst = loaded.extent !== 'touched' && (await store.count('pair', mailbox)) === 0;
    desk.#isSettledSoFar = desk.#isFirst || (recallLeft(store, mailbox)?.isSettled ?? false);
    await desk.#begin();
    return desk;
  }

  async #begin(): Promise<void> {
    for (const side of SIDES) {
      const next = this.#record.sides[side]?.cursor.uidNext;
      if (next !== undefined) this.#uidNext[side] = next;
    }
    // A cursor knows of nothing that was brought since the last look.
    const left = recallLeft(this.repository.store, this.mailbox);
    if (left?.uidNext !== undefined)
      this.#uidNext[left.side] = Math.max(left.uidNext, this.#uidNext[left.side] ?? 0);
    await this.files.begin();
  }

  /** Takes a fresh snapshot of one side, because the mailbox is not what the last one said. */
  async refresh(side: SideName): Promise<void> {
    const { store } = this.repository;
    await this.commit({ durable: false });
    await observeMailbox(this.repository, side, this.mailbox);
    this.#isSettledSoFar = false;
    this.#record = await loadRecord(store, this.mailbox);
    this.#loaded = await loadDesk(store, this.#record, this.#loaded.copies);
    await this.#bringAgain();
    await this.#begin();
  }

  /** Of a desk for copies to a side: has the originals of these there, and lets go of those before them. */
  async bring(actions: readonly Action[]): Promise<void> {
    const { copies, book } = this.#loaded;
    if (copies === undefined) return;
    const source = otherSide(copies.copiesTo);
    const keys = actions.flatMap(action => action[source]?.key ?? []);
    if (keys.length === this.#brought.length && keys.every((key, at) => key === this.#brought[at])) return;
    book.shed(source);
    this.#brought = keys;
    await this.#bringAgain();
  }

  #bringAgain(): Promise<void> {
    return bringOriginals(this.repository.store, this.#record, this.#loaded, this.#brought);
  }

  async view(): Promise<MailboxView> {
    await this.commit({ durable: false });
    return loadView(this.repository.store, this.#record);
  }

  get record(): MailboxRecord {
    return this.#record;
  }

  has(side: SideName): boolean {
    return this.#record.sides[side] !== undefined;
  }

  epoch(side: SideName): Epoch {
    return (this.#record.sides[side] ?? bug(`no mailbox on the ${side} side`)).cursor.epoch;
  }

  permanent(): BySide<PermanentFlags> {
    return bySide(side => this.#record.sides[side]?.permanentFlags ?? []);
  }

  /** The lowest UID that no known message has; undefined on a side without UIDs. */
  uidNext(side: SideName): number | undefined {
    return this.#uidNext[side];
  }

  isUnreadable(side: SideName, key: MessageKey): boolean {
    return this.#record.sides[side]?.unreadable?.[key] !== undefined;
  }

  row(side: SideName, end: End): Row | undefined {
    return this.#book.row(side, end);
  }

  pairs(): Iterable<Pair> {
    return this.#whole().pairs();
  }

  pairAt(side: SideName, end: End): Pair | undefined {
    return this.#book.pairAt(side, end);
  }

  /** How many messages of a side had this digest when they were last read, paired or not. */
  countLike(side: SideName, digest: string): number {
    return this.#whole().countLike(side, digest);
  }

  /** Unpaired messages of a side that may be the same as this one, in the order of their keys. */
  unpairedRowsLike(side: SideName, identity: Identity): Row[] {
    return this.#book
      .unpairedOf(side, identity.digest)
      .filter(row => sameMessage(row.identity, identity) !== 'no')
      .sort((a, b) => compareKeys(a.key, b.key));
  }

  unpairedLike(side: SideName, identity: Identity): Row | undefined {
    return this.unpairedRowsLike(side, identity)[0];
  }

  /** Records that two ends are one message; whatever pairs they had before are forgotten. */
  putPair(pair: Pair): void {
    const before = new Set(SIDES.flatMap(side => this.pairAt(side, pair[side]) ?? []));
    for (const old of before) this.dropPair(old);
    const known = [...before].flatMap(entriesOf);
    const { mailbox } = this;
    const value = this.#book.addPair(pair);
    this.#loaded.copies?.unpaired?.delete(pair.local.key);
    this.#added.push(...entriesOf(pair).filter(entry => !known.includes(entry)));
    if (value !== undefined) this.#changes.push({ put: 'local', mailbox, key: value.key, value });
    this.#changes.push({ put: 'pair', mailbox, key: pairKey(pair), value: pair });
  }

  dropPair(pair: Pair): void {
    this.#book.dropPair(pair);
    this.#loaded.copies?.unpaired?.add(pair.local.key);
    this.#changes.push({ del: 'pair', mailbox: this.mailbox, key: pairKey(pair) });
  }

  putRow(side: SideName, row: Row): void {
    const { before, value } = this.#book.putRow(side, row);
    if (before !== undefined && !sameFlags(before.flags, row.flags)) this.files.doubt(side, row.key);
    const next = Number(row.key) + 1;
    if (this.#uidNext[side] !== undefined) this.#uidNext[side] = Math.max(this.#uidNext[side], next);
    this.#changes.push({ put: side, mailbox: this.mailbox, key: row.key, value });
  }

  dropRow(side: SideName, key: MessageKey): void {
    this.files.doubt(side, key);
    if (this.#book.dropRow(side, key)) this.#changes.push({ del: side, mailbox: this.mailbox, key });
  }

  putIntent(id: string, intent: Intent): void {
    this.#changes.push({ put: 'intent', mailbox: this.mailbox, key: id, value: intent });
  }

  clearIntent(id: string): void {
    this.#changes.push({ del: 'intent', mailbox: this.mailbox, key: id });
  }

  /** Before the first effect in this mailbox. The changes gathered so far go along. */
  async begin(): Promise<void> {
    if (this.#begun) return;
    this.#begun = true;
    this.#resumed = this.#record.pending !== undefined;
    const pending = this.#record.generation + 1;
    this.#putRecord({ ...unquiet(this.#record), pending });
    await this.commit({ durable: true });
    await this.#writeWitnesses({ durable: true });
  }

  /** After the last effect. */
  async finish(): Promise<void> {
    if (this.#begun) {
      const { pending, formerly: _formerly, ...rest } = this.#record;
      const generation = pending ?? this.#record.generation;
      const before = this.#record;
      this.#putRecord({ ...rest, generation, ...((await this.#isSettled()) ? WHOLLY_QUIET : {}) });
      const additions = { before, after: this.#record, first: this.#isFirst, added: this.#added };
      if (!this.#resumed) this.#changes.push(...(await extendIndex(this.repository.store, additions)));
    }
    await this.commit({ durable: this.#begun });
    if (this.#begun) await this.#writeWitnesses({ durable: false });
    this.#noteLeft();
    await this.repository.store.write(await this.files.changes(), { durable: false });
  }

  #noteLeft(): void {
    const { copies } = this.#loaded;
    if (copies === undefined) return;
    const isSettled = this.#isSettledSoFar && !this.#hasUnsettled();
    const side = copies.copiesTo;
    const uidNext = this.#uidNext[side];
    noteLeft(this.repository.store, this.mailbox, {
      side,
      unpaired: this.#book.unpairedKeys(side),
      isSettled,
      ...(uidNext === undefined ? {} : { uidNext }),
      ...(copies.unpaired === undefined ? {} : { originals: copies.unpaired }),
    });
  }

  /** Whether a merge would find nothing to do: every message of both sides is in a pair whose ends are as it says. */
  async #isSettled(): Promise<boolean> {
    const { rematch, sides } = this.#record;
    if (rematch !== undefined) return false;
    if (SIDES.some(side => sides[side] === undefined || sides[side].unreadable !== undefined)) return false;
    if (this.#loaded.copies === undefined) return this.#book.isSettled();
    await this.commit({ durable: false });
    if (this.#isSettledSoFar && this.#hasUnsettled()) return false;
    return isAllSettled(this.repository.store, this.#record, this.#isSettledSoFar);
  }

  /** Of the pairs that were made for copies. */
  #hasUnsettled(): boolean {
    const { copies } = this.#loaded;
    if (copies !== undefined) this.#book.shed(otherSide(copies.copiesTo));
    return this.#book.hasPairs;
  }

  /** Ends a rematch round: `finish` will say that state and mail belong together again. */
  settleRematch(): void {
    const { rematch: _rematch, ...rest } = unquiet(this.#record);
    this.#putRecord(rest);
  }

  /** Writes what gathered. */
  commit(options: CommitOptions): Promise<void> {
    return this.#commits.commit(options);
  }

  async #writeChanges(options: CommitOptions): Promise<void> {
    const changes = this.#takeChanges();
    if (changes.length === 0) return;
    await this.#makeDurable(changes);
    await this.files.during(() => this.repository.store.write(changes, options));
  }

  /** Commits what two mailboxes share in one batch. */
  async commitWith(other: Desk, options: CommitOptions): Promise<void> {
    const [ours, theirs] = [this.#takeChanges(), other.#takeChanges()];
    const changes = [...ours, ...theirs];
    if (changes.length === 0) return;
    await this.#makeDurable(ours);
    await other.#makeDurable(theirs);
    const write = () => this.repository.store.write(changes, options);
    await this.files.during(() => other.files.during(write));
  }

  /** What changes outside an apply is not among what is known to have changed: within one, `finish` knows. */
  #takeChanges(): readonly Change[] {
    if (this.#changes.length > 0 && !this.#begun && this.#record.touched !== undefined)
      this.#putRecord(unquiet(this.#record));
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  /**
   * A pair must not outlive its message: a file that somebody linked, or that an apply linked and died, may be gone after a
   * power cut, and would then look deleted. Nor its flags: a name that somebody gave may be the old one again.
   */
  async #makeDurable(changes: readonly Change[]): Promise<void> {
    if (!changes.some(change => 'put' in change && change.put === 'pair')) return;
    for (const side of SIDES) if (this.has(side)) await this.repository.sides[side].makeDurable(this.mailbox);
  }

  async #writeWitnesses(options: { readonly durable: boolean }): Promise<void> {
    const { sides, id } = this.repository;
    const witness = witnessOf(id, this.#record);
    for (const side of SIDES)
      if (this.has(side)) await sides[side].writeWitness(this.mailbox, witness, options);
  }

  #putRecord(record: MailboxRecord): void {
    this.#record = record;
    this.#changes.push({ put: 'mailbox', mailbox: '', key: this.mailbox, value: record });
  }

  get #book(): MailboxBook {
    return this.#loaded.book;
  }

  #whole(): MailboxBook {
    const { book, extent } = this.#loaded;
    return extent === 'whole' ? book : bug('a desk for a part of a mailbox is asked about all of it');
  }
}
