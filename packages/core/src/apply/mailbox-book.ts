import { type BySide, bySide, SIDES, type SideName } from '../model/by-side.js';
import { type End, endName, isSettled, type Pair, pairKey } from '../model/pair.js';
import { type Epoch, type MessageKey, type Row, withPartner, withPartnerOf } from '../model/row.js';
import { RowsByDigest } from './rows-by-digest.js';

/** Messages and pairs of a mailbox in memory: all of them, or those that some work is about. */
export class MailboxBook {
  readonly #epochs: BySide<Epoch | undefined>;
  readonly #rows = bySide(() => new Map<MessageKey, Row>());
  /** By `pairKey`, which is the name of the remote end. */
  readonly #pairs = new Map<string, Pair>();
  readonly #byLocalEnd = new Map<string, Pair>();
  readonly #unpaired = bySide(() => new RowsByDigest());
  readonly #counts: Partial<Record<SideName, Map<string, number>>> = {};

  /** Keys are valid under these epochs; undefined where a side has no such mailbox. */
  constructor(epochs: BySide<Epoch | undefined>) {
    this.#epochs = epochs;
  }

  /** What the state has: pairs come before the rows they are about. */
  fill(pairs: Iterable<Pair>, rows: BySide<Iterable<Row>>): void {
    for (const pair of pairs) this.#index(pair);
    for (const side of SIDES) {
      for (const row of rows[side]) {
        this.#rows[side].set(row.key, row);
        this.#noteUnpaired(side, row);
      }
    }
  }

  row(side: SideName, { epoch, key }: End): Row | undefined {
    return epoch === this.#epochs[side] ? this.#rows[side].get(key) : undefined;
  }

  get hasPairs(): boolean {
    return this.#pairs.size > 0;
  }

  pairs(): Iterable<Pair> {
    return this.#pairs.values();
  }

  pairAt(side: SideName, end: End): Pair | undefined {
    return (side === 'remote' ? this.#pairs : this.#byLocalEnd).get(endName(end));
  }

  /** How many messages of a side had this digest when it was first asked, paired or not. */
  countLike(side: SideName, digest: string): number {
    let counts = this.#counts[side];
    if (counts === undefined) {
      counts = new Map();
      for (const { identity } of this.#rows[side].values())
        counts.set(identity.digest, (counts.get(identity.digest) ?? 0) + 1);
      this.#counts[side] = counts;
    }
    return counts.get(digest) ?? 0;
  }

  unpairedOf(side: SideName, digest: string): Row[] {
    return this.#unpaired[side].of(digest);
  }

  /** Both ends must be in no other pair. Gives the local message where it learns who its partner is. */
  addPair(pair: Pair): Row | undefined {
    this.#index(pair);
    for (const side of SIDES) {
      const row = this.row(side, pair[side]);
      if (row !== undefined) this.#unpaired[side].delete(row);
    }
    const local = this.row('local', pair.local);
    if (local === undefined || local.partner === pair.remote.key) return undefined;
    const told = withPartner(local, pair.remote.key);
    this.#rows.local.set(told.key, told);
    return told;
  }

  dropPair(pair: Pair): void {
    this.#unindex(pair);
    for (const side of SIDES) {
      const row = this.row(side, pair[side]);
      if (row !== undefined) this.#noteUnpaired(side, row);
    }
  }

  /** Gives the row that was there before, and the new one as it is kept: its partner is not forgotten. */
  putRow(side: SideName, row: Row): { readonly before: Row | undefined; readonly value: Row } {
    const before = this.#forgetUnpaired(side, row.key);
    const value = withPartnerOf(row, before);
    this.#rows[side].set(row.key, value);
    this.#noteUnpaired(side, value);
    return { before, value };
  }

  /** Whether there was one. */
  dropRow(side: SideName, key: MessageKey): boolean {
    this.#forgetUnpaired(side, key);
    return this.#rows[side].delete(key);
  }

  /** Whether every message in it is in a pair whose ends are as it says. */
  isSettled(): boolean {
    const { size } = this.#pairs;
    if (this.#byLocalEnd.size !== size || SIDES.some(side => this.#rows[side].size !== size)) return false;
    for (const pair of this.#pairs.values()) if (!this.#isSettled(pair)) return false;
    return true;
  }

  /** The messages of a side that are in no pair. */
  unpairedKeys(side: SideName): MessageKey[] {
    const epoch = this.#epochs[side];
    const keys = [...this.#rows[side].keys()];
    return epoch === undefined ? keys : keys.filter(key => this.pairAt(side, { epoch, key }) === undefined);
  }

  /** Forgets the messages of settled pairs; and of one side those in no pair as well. */
  shed(side: SideName): void {
    for (const pair of this.#pairs.values()) {
      if (!this.#isSettled(pair)) continue;
      this.#unindex(pair);
      for (const one of SIDES) this.#rows[one].delete(pair[one].key);
    }
    for (const key of this.unpairedKeys(side)) this.dropRow(side, key);
  }

  #isSettled(pair: Pair): boolean {
    return isSettled(
      pair,
      bySide(side => this.row(side, pair[side])),
    );
  }

  #index(pair: Pair): void {
    this.#pairs.set(pairKey(pair), pair);
    this.#byLocalEnd.set(endName(pair.local), pair);
  }

  #unindex(pair: Pair): void {
    this.#pairs.delete(pairKey(pair));
    this.#byLocalEnd.delete(endName(pair.local));
  }

  #noteUnpaired(side: SideName, row: Row): void {
    const epoch = this.#epochs[side];
    if (epoch !== undefined && this.pairAt(side, { epoch, key: row.key }) !== undefined) return;
    this.#unpaired[side].add(row);
  }

  #forgetUnpaired(side: SideName, key: MessageKey): Row | undefined {
    const before = this.#rows[side].get(key);
    if (before !== undefined) this.#unpaired[side].delete(before);
    return before;
  }
}
