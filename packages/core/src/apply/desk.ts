import { type BySide, bySide, SIDES, type SideName } from '../model/by-side.js';
import { bug } from '../model/error.js';
import { type PermanentFlags, sameFlags } from '../model/flags.js';
import { type Identity, sameMessage } from '../model/identity.js';
import type { MailboxName } from '../model/mailbox.js';
import { type End, endName, isSettled, type Pair, pairKey } from '../model/pair.js';
import { compareKeys, type Epoch, type MessageKey, type Row } from '../model/row.js';
import type { MailboxView } from '../model/view.js';
import { digestsOf, extendIndex } from '../observe/base-digests.js';
import { FamiliarKeeper } from '../observe/file-names.js';
import { loadRecord, loadView } from '../observe/load-view.js';
import { observeMailbox } from '../observe/observe-mailbox.js';
import { loadTouchedFor, type MessageKeys } from '../observe/touched-part.js';
import { witnessOf } from '../observe/went-back.js';
import { type Intent, type MailboxRecord, unquiet, WHOLLY_QUIET } from '../state/records.js';
import type { Repository } from '../state/repository.js';
import type { Change } from '../state/store.js';
import { RowsByDigest } from './rows-by-digest.js';

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
  #rows: Record<SideName, Map<MessageKey, Row>> = { remote: new Map(), local: new Map() };
  /** By `pairKey`, which is the name of the remote end. */
  #pairs = new Map<string, Pair>();
  readonly #byLocalEnd = new Map<string, Pair>();
  readonly #unpaired = bySide(() => new RowsByDigest());
  readonly #uidNext: Partial<Record<SideName, number>> = {};
  #counts: Partial<Record<SideName, Map<string, number>>> = {};
  #changes: Change[] = [];
  #begun = false;
  /** An earlier apply came to no end here: what it recorded is in no index. */
  #resumed = false;
  /** All messages of the mailbox are here, not only those that changed. */
  #isWhole = true;
  /** There was no pair when it was opened. */
  #isFirst = false;
  /** Digests of pairs that were put. */
  readonly #added: string[] = [];

  private constructor(repository: Repository, record: MailboxRecord, operation: string) {
    this.repository = repository;
    this.mailbox = record.mailbox;
    this.operation = operation;
    this.#record = record;
    this.files = new FamiliarKeeper(repository.store, record.mailbox);
  }

  /**
   * With `ends`, for work on these messages alone: where they are among those that changed since the mailbox was quiet, no
   * others are read, for each of the others is in a pair of two with nothing to do.
   */
  static async open(
    repository: Repository,
    mailbox: MailboxName,
    operation: string,
    ends?: MessageKeys,
  ): Promise<Desk> {
    const desk = new Desk(repository, await loadRecord(repository.store, mailbox), operation);
    await desk.#load(ends);
    desk.#isFirst = desk.#isWhole && desk.#pairs.size === 0;
    return desk;
  }

  async #load(ends?: MessageKeys): Promise<void> {
    const { store } = this.repository;
    this.#record = await loadRecord(store, this.mailbox);
    this.#counts = {};
    const part = ends === undefined ? undefined : await loadTouchedFor(store, this.#record, ends);
    this.#isWhole = part === undefined;
    this.#pairs =
      part === undefined
        ? new Map(await store.all('pair', this.mailbox))
        : new Map(part.pairs.map(pair => [pairKey(pair), pair]));
    this.#byLocalEnd.clear();
    for (const pair of this.#pairs.values()) this.#byLocalEnd.set(endName(pair.local), pair);
    for (const side of SIDES) {
      const known = this.#record.sides[side];
      const all = async () =>
        (known === undefined ? new Map() : await store.all(side, this.mailbox)) as ReadonlyMap<
          MessageKey,
          Row
        >;
      this.#rows[side] = new Map(part?.sides[side]?.rows ?? (await all()));
      if (known?.cursor.uidNext !== undefined) this.#uidNext[side] = known.cursor.uidNext;
      this.#unpaired[side].clear();
      for (const row of this.#rows[side].values()) this.#noteUnpaired(side, row);
    }
    await this.files.begin();
  }

  /** Takes a fresh snapshot of one side, because the mailbox is not what the last one said. */
  async refresh(side: SideName): Promise<void> {
    await this.commit({ durable: false });
    await observeMailbox(this.repository, side, this.mailbox);
    await this.#load();
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
    return {
      remote: this.#record.sides.remote?.permanentFlags ?? [],
      local: this.#record.sides.local?.permanentFlags ?? [],
    };
  }

  /** The lowest UID that no known message has; undefined on a side without UIDs. */
  uidNext(side: SideName): number | undefined {
    return this.#uidNext[side];
  }

  isUnreadable(side: SideName, key: MessageKey): boolean {
    return this.#record.sides[side]?.unreadable?.[key] !== undefined;
  }

  row(side: SideName, end: End): Row | undefined {
    return this.has(side) && end.epoch === this.epoch(side) ? this.#rows[side].get(end.key) : undefined;
  }

  pairs(): Iterable<Pair> {
    this.#demandWhole();
    return this.#pairs.values();
  }

  pairAt(side: SideName, end: End): Pair | undefined {
    return (side === 'remote' ? this.#pairs : this.#byLocalEnd).get(endName(end));
  }

  /** How many messages of a side had this digest when they were last read, paired or not. */
  countLike(side: SideName, digest: string): number {
    this.#demandWhole();
    let counts = this.#counts[side];
    if (counts === undefined) {
      counts = new Map();
      for (const { identity } of this.#rows[side].values())
        counts.set(identity.digest, (counts.get(identity.digest) ?? 0) + 1);
      this.#counts[side] = counts;
    }
    return counts.get(digest) ?? 0;
  }

  /** Unpaired messages of a side that may be the same as this one, in the order of their keys. */
  unpairedRowsLike(side: SideName, identity: Identity): Row[] {
    return this.#unpaired[side]
      .of(identity.digest)
      .filter(row => sameMessage(row.identity, identity) !== 'no')
      .sort((a, b) => compareKeys(a.key, b.key));
  }

  /** One of them. */
  unpairedLike(side: SideName, identity: Identity): Row | undefined {
    return this.unpairedRowsLike(side, identity)[0];
  }

  /** Records that two ends are one message; whatever pairs they had before are forgotten. */
  putPair(pair: Pair): void {
    for (const side of SIDES) {
      const before = this.pairAt(side, pair[side]);
      if (before !== undefined) this.dropPair(before);
    }
    this.#index(pair);
    for (const side of SIDES) {
      const row = this.row(side, pair[side]);
      if (row !== undefined) this.#unpaired[side].delete(row);
    }
    this.#added.push(...digestsOf(pair));
    this.#changes.push({ put: 'pair', mailbox: this.mailbox, key: pairKey(pair), value: pair });
  }

  dropPair(pair: Pair): void {
    this.#pairs.delete(pairKey(pair));
    this.#byLocalEnd.delete(endName(pair.local));
    for (const side of SIDES) {
      const row = this.row(side, pair[side]);
      if (row !== undefined) this.#noteUnpaired(side, row);
    }
    this.#changes.push({ del: 'pair', mailbox: this.mailbox, key: pairKey(pair) });
  }

  putRow(side: SideName, row: Row): void {
    this.#forgetUnpaired(side, row.key);
    const before = this.#rows[side].get(row.key);
    if (before !== undefined && !sameFlags(before.flags, row.flags)) this.files.doubt(side, row.key);
    this.#rows[side].set(row.key, row);
    this.#noteUnpaired(side, row);
    const next = Number(row.key) + 1;
    if (this.#uidNext[side] !== undefined) this.#uidNext[side] = Math.max(this.#uidNext[side], next);
    this.#changes.push({ put: side, mailbox: this.mailbox, key: row.key, value: row });
  }

  dropRow(side: SideName, key: MessageKey): void {
    this.#forgetUnpaired(side, key);
    this.files.doubt(side, key);
    if (this.#rows[side].delete(key)) this.#changes.push({ del: side, mailbox: this.mailbox, key });
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
      this.#putRecord({ ...rest, generation, ...(this.#isSettled() ? WHOLLY_QUIET : {}) });
      const additions = { before, after: this.#record, first: this.#isFirst, added: this.#added };
      if (!this.#resumed) this.#changes.push(...(await extendIndex(this.repository.store, additions)));
    }
    await this.commit({ durable: this.#begun });
    if (this.#begun) await this.#writeWitnesses({ durable: false });
    await this.repository.store.write(await this.files.changes(), { durable: false });
  }

  /** Whether a merge would find nothing to do: every message of both sides is in a pair whose ends are as it says. */
  #isSettled(): boolean {
    const { rematch, sides } = this.#record;
    if (rematch !== undefined) return false;
    const settled = SIDES.every(
      side =>
        sides[side] !== undefined &&
        sides[side].unreadable === undefined &&
        this.#rows[side].size === this.#pairs.size,
    );
    if (!settled) return false;
    for (const pair of this.#pairs.values()) {
      const rows = { remote: this.row('remote', pair.remote), local: this.row('local', pair.local) };
      if (!isSettled(pair, rows)) return false;
    }
    return true;
  }

  /** Ends a rematch round: `finish` will say that state and mail belong together again. */
  settleRematch(): void {
    const { rematch: _rematch, ...rest } = unquiet(this.#record);
    this.#putRecord(rest);
  }

  async commit(options: { readonly durable: boolean }): Promise<void> {
    if (this.#changes.length === 0) return;
    await this.#beforeCommit();
    const changes = this.#changes;
    this.#changes = [];
    await this.files.during(() => this.repository.store.write(changes, options));
  }

  /** Commits what two mailboxes share in one batch. */
  async commitWith(other: Desk, options: { readonly durable: boolean }): Promise<void> {
    for (const desk of [this, other]) if (desk.#changes.length > 0) await desk.#beforeCommit();
    this.#changes.push(...other.#changes);
    other.#changes = [];
    const changes = this.#changes;
    this.#changes = [];
    if (changes.length === 0) return;
    const write = () => this.repository.store.write(changes, options);
    await this.files.during(() => other.files.during(write));
  }

  /** What changes outside an apply is not among what is known to have changed: within one, `finish` knows. */
  async #beforeCommit(): Promise<void> {
    if (!this.#begun && this.#record.touched !== undefined) this.#putRecord(unquiet(this.#record));
    if (this.#changes.some(change => 'put' in change && change.put === 'pair')) await this.#makeDurable();
  }

  /**
   * A pair must not outlive its message: a file that somebody linked, or that an apply linked and died, may be gone after a
   * power cut, and would then look deleted. Nor its flags: a name that somebody gave may be the old one again.
   */
  async #makeDurable(): Promise<void> {
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

  #index(pair: Pair): void {
    this.#pairs.set(pairKey(pair), pair);
    this.#byLocalEnd.set(endName(pair.local), pair);
  }

  #demandWhole(): void {
    if (!this.#isWhole) bug('a desk for a part of a mailbox is asked about all of it');
  }

  #noteUnpaired(side: SideName, row: Row): void {
    if (this.pairAt(side, { epoch: this.epoch(side), key: row.key }) !== undefined) return;
    this.#unpaired[side].add(row);
  }

  #forgetUnpaired(side: SideName, key: MessageKey): void {
    const before = this.#rows[side].get(key);
    if (before !== undefined) this.#unpaired[side].delete(before);
  }
}
