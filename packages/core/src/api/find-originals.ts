import type { Original, Originals } from '../merge/find-copies.js';
import { type BySide, bySide, otherSide, SIDES, type SideName } from '../model/by-side.js';
import { bug } from '../model/error.js';
import type { MailboxName } from '../model/mailbox.js';
import { isEdited, type Pair, pairKey } from '../model/pair.js';
import type { Row } from '../model/row.js';
import type { MailboxView } from '../model/view.js';
import { pairsLike, pairsWith } from '../observe/base-digests.js';
import { digestsOfSeveral } from '../observe/digests-of-several.js';
import type { Part } from '../observe/load-part.js';
import type { MailboxRecord } from '../state/records.js';
import type { Store } from '../state/store.js';

/** Where originals are looked for. */
export interface Places {
  /** The mailboxes that were merged. */
  readonly views: readonly MailboxView[];
  readonly records: readonly MailboxRecord[];
  /** What was merged of a mailbox in part: there are no originals in it, but all its messages count. */
  readonly part: Part | undefined;
}

/**
 * Finds the paired messages of some digests: in the mailboxes that were merged, and in those where that was not needed. A
 * merge sees no more of a mailbox than what is unsettled: the rest is looked up by its digests.
 */
export async function findOriginals(
  store: Store,
  wanted: ReadonlySet<string>,
  { views, records, part }: Places,
): Promise<Originals> {
  const found = new Found(wanted);
  if (wanted.size === 0) return found;
  const merged = new Map(views.map(view => [view.mailbox, view]));
  for (const view of views) if (view.mailbox !== part?.mailbox) found.collect(view);
  for (const record of records) {
    if (record.mailbox === part?.mailbox) continue;
    const { quiet, touched, sides } = record;
    const view = merged.get(record.mailbox);
    const isWhole = view !== undefined && SIDES.some(side => sides[side] === undefined);
    if ((!quiet && view === undefined) || isWhole || record.rematch !== undefined) continue;
    const seen = new Set(view?.pairs.map(pairKey));
    const like =
      quiet || touched !== undefined
        ? await pairsLike(store, record, wanted)
        : pairsWith(await store.all('pair', record.mailbox), wanted);
    await found.collectSettled(
      store,
      record,
      like.filter(pair => !seen.has(pairKey(pair))),
    );
  }
  if (part !== undefined && !found.isEmpty) {
    const { mailbox, side } = part;
    const { cursor } =
      records.find(record => record.mailbox === mailbox)?.sides[side] ?? bug('a part of nothing');
    found.countAs(side, mailbox, await digestsOfSeveral(store, mailbox, { side, cursor }));
  }
  return found;
}

class Found implements Originals {
  readonly #wanted: ReadonlySet<string>;
  readonly #originals = bySide(() => new Map<string, Original[]>());
  readonly #counts = bySide(() => new Map<string, Map<MailboxName, number>>());

  constructor(wanted: ReadonlySet<string>) {
    this.#wanted = wanted;
  }

  get isEmpty(): boolean {
    return SIDES.every(side => this.#originals[side].size === 0);
  }

  find(side: SideName, digest: string): readonly Original[] {
    return this.#originals[side].get(digest) ?? [];
  }

  count(side: SideName, mailbox: MailboxName, digest: string): number {
    return this.#counts[side].get(digest)?.get(mailbox) ?? 0;
  }

  collect({ mailbox, pairs, sides, rematch }: MailboxView): void {
    for (const side of SIDES) {
      for (const { identity } of sides[side]?.rows.values() ?? []) {
        if (this.#wanted.has(identity.digest)) this.#note(side, mailbox, identity.digest);
      }
    }
    if (rematch !== undefined) return;
    for (const pair of pairs) {
      if (!this.#wanted.has(pair.identity.digest)) continue;
      const rowOf = (side: SideName) => {
        const snapshot = sides[side];
        return snapshot?.cursor.epoch === pair[side].epoch ? snapshot.rows.get(pair[side].key) : undefined;
      };
      this.#add(mailbox, pair, { remote: rowOf('remote'), local: rowOf('local') });
    }
  }

  /** Notes a mailbox of which each wanted message is the only one of its kind, but for these. */
  countAs(side: SideName, mailbox: MailboxName, several: ReadonlySet<string>): void {
    for (const digest of this.#wanted) {
      this.#note(side, mailbox, digest);
      if (several.has(digest)) this.#note(side, mailbox, digest);
    }
  }

  /** Every settled message is in a pair, so that pairs tell how many there are of a kind. */
  async collectSettled(
    store: Store,
    { mailbox, sides }: MailboxRecord,
    pairs: readonly Pair[],
  ): Promise<void> {
    for (const pair of pairs) {
      const rowOf = async (side: SideName) =>
        sides[side]?.cursor.epoch === pair[side].epoch ? store.get(side, mailbox, pair[side].key) : undefined;
      this.#note('remote', mailbox, pair.remoteDigest ?? pair.identity.digest);
      this.#note('local', mailbox, pair.identity.digest);
      this.#add(mailbox, pair, { remote: await rowOf('remote'), local: await rowOf('local') });
    }
  }

  #add(mailbox: MailboxName, pair: Pair, rows: BySide<Row | undefined>): void {
    const { digest } = pair.identity;
    if (pair.weak) return;
    for (const side of SIDES) {
      const [row, counterpart] = [rows[side], rows[otherSide(side)]];
      if (row === undefined || counterpart === undefined) return;
      if (isEdited(pair, side, row) || isEdited(pair, otherSide(side), counterpart)) return;
      const originals = this.#originals[side].get(digest) ?? [];
      this.#originals[side].set(digest, originals);
      originals.push({ mailbox, row, counterpart });
    }
  }

  #note(side: SideName, mailbox: MailboxName, digest: string): void {
    const counts = this.#counts[side].get(digest) ?? new Map<MailboxName, number>();
    this.#counts[side].set(digest, counts);
    counts.set(mailbox, (counts.get(mailbox) ?? 0) + 1);
  }
}
