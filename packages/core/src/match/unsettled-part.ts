import { type BySide, bySide, SIDES, type SideName } from '../model/by-side.js';
import { isSettled, type Pair } from '../model/pair.js';
import type { Epoch, MessageKey, Row, Snapshot } from '../model/row.js';
import type { MailboxView } from '../model/view.js';

type Rows = ReadonlyMap<MessageKey, Row>;

/** What is left of pairs and rows. */
interface Rest {
  readonly pairs: readonly Pair[];
  readonly rows: BySide<Rows>;
}

/** The rest, and what it was made of. */
interface Found {
  readonly rows: BySide<Rows>;
  readonly epochs: BySide<Epoch>;
  readonly rest: Rest;
}

/** One command asks several times for the same. */
const found = new WeakMap<readonly Pair[], Found>();

/**
 * A view without the pairs that are settled and their messages: merging it comes to the same, for what is settled takes part
 * in nothing. The view itself where base does not count.
 */
export function unsettledPart(view: MailboxView): MailboxView {
  const { remote, local } = view.sides;
  if (remote === undefined || local === undefined || view.rematch !== undefined) return view;
  const snapshots = { remote, local };
  const { pairs, rows } = restOf(view.pairs, snapshots);
  return {
    ...view,
    pairs,
    sides: { remote: { ...remote, rows: rows.remote }, local: { ...local, rows: rows.local } },
  };
}

/**
 * Whether every message of the mailbox is in a pair of two, given what is unsettled in it: then changes are all there can be
 * to say about it from now on. A pair whose one end only waits under its mark is none.
 */
export function isInPairs({ pairs, sides, rematch }: MailboxView): boolean {
  const { remote, local } = sides;
  if (remote === undefined || local === undefined || rematch !== undefined) return false;
  const snapshots = { remote, local };
  return SIDES.every(side => {
    const { rows, unreadable, cursor } = snapshots[side];
    if (unreadable.size > 0 || rows.size !== pairs.length) return false;
    return pairs.every(pair => pair[side].epoch === cursor.epoch && rows.has(pair[side].key));
  });
}

function restOf(pairs: readonly Pair[], snapshots: BySide<Snapshot>): Rest {
  if (SIDES.some(side => snapshots[side].unreadable.size > 0)) return findRest(pairs, snapshots);
  const known = found.get(pairs);
  const isSame = (side: SideName) =>
    known?.rows[side] === snapshots[side].rows && known.epochs[side] === snapshots[side].cursor.epoch;
  if (known !== undefined && SIDES.every(isSame)) return known.rest;
  const rest = findRest(pairs, snapshots);
  const rows = bySide(side => snapshots[side].rows);
  found.set(pairs, { rows, epochs: bySide(side => snapshots[side].cursor.epoch), rest });
  return rest;
}

function findRest(all: readonly Pair[], snapshots: BySide<Snapshot>): Rest {
  const settled = bySide(() => new Set<MessageKey>());
  const pairs = all.filter(pair => {
    if (!isSettledIn(snapshots, pair)) return true;
    for (const side of SIDES) settled[side].add(pair[side].key);
    return false;
  });
  const everything = { pairs: all, rows: bySide(side => snapshots[side].rows) };
  // Pairs that share a message are for whoever sees all of them.
  const count = all.length - pairs.length;
  if (SIDES.some(side => settled[side].size < count)) return everything;
  if (pairs.some(pair => SIDES.some(side => settled[side].has(pair[side].key)))) return everything;
  return { pairs, rows: bySide(side => without(snapshots[side].rows, settled[side])) };
}

function without(rows: Rows, settled: ReadonlySet<MessageKey>): Rows {
  const rest = new Map<MessageKey, Row>();
  if (settled.size === rows.size) return rest;
  for (const [key, row] of rows) if (!settled.has(key)) rest.set(key, row);
  return rest;
}

function isSettledIn(snapshots: BySide<Snapshot>, pair: Pair): boolean {
  for (const side of SIDES) {
    const { cursor, unreadable } = snapshots[side];
    if (pair[side].epoch !== cursor.epoch || unreadable.has(pair[side].key)) return false;
  }
  return isSettled(pair, {
    remote: snapshots.remote.rows.get(pair.remote.key),
    local: snapshots.local.rows.get(pair.local.key),
  });
}
