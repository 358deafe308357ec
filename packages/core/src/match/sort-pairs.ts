import { type BySide, otherSide, SIDES, type SideName } from '../model/by-side.js';
import { isEdited, type Pair } from '../model/pair.js';
import type { Row, Snapshot } from '../model/row.js';
import type { MailboxView } from '../model/view.js';

/** A pair with the rows that are there. */
export interface PairInView {
  readonly pair: Pair;
  readonly rows: BySide<Row | undefined>;
}

export interface SortedPairs {
  /** Pairs that base vouches for. */
  readonly valid: readonly PairInView[];
  /** Pairs that prove nothing any more; their ends are matched anew. */
  readonly void: readonly PairInView[];
  /** Rows that no valid pair holds. */
  readonly unpaired: BySide<readonly Row[]>;
}

/** Sorts the pairs of a mailbox that is on both sides into those that count and those that do not. */
export function sortPairs(view: MailboxView, snapshots: BySide<Snapshot>): SortedPairs {
  const taken = { remote: new Set<Row>(), local: new Set<Row>() };
  const valid: PairInView[] = [];
  const voided: PairInView[] = [];
  for (const pair of view.pairs) {
    const rowOf = (side: SideName) =>
      pair[side].epoch === snapshots[side].cursor.epoch
        ? snapshots[side].rows.get(pair[side].key)
        : undefined;
    const rows = { remote: rowOf('remote'), local: rowOf('local') };
    if (isVoid(view, snapshots, pair, rows)) {
      voided.push({ pair, rows });
      continue;
    }
    valid.push({ pair, rows });
    for (const side of SIDES) {
      const row = rows[side];
      if (row !== undefined) taken[side].add(row);
    }
  }
  const free = (side: SideName) => [...snapshots[side].rows.values()].filter(row => !taken[side].has(row));
  return { valid, void: voided, unpaired: { remote: free('remote'), local: free('local') } };
}

/** An end under another epoch says nothing; in a rematch round only pairs whose two ends still agree count. */
function isVoid(
  view: MailboxView,
  snapshots: BySide<Snapshot>,
  pair: Pair,
  rows: BySide<Row | undefined>,
): boolean {
  if (SIDES.some(side => pair[side].epoch !== snapshots[side].cursor.epoch)) return true;
  if (view.rematch === undefined) return false;
  if (SIDES.some(side => snapshots[side].unreadable.has(pair[side].key))) return false;
  if (rows.remote === undefined || rows.local === undefined) return true;
  return isEdited(pair, 'remote', rows.remote) || isEdited(pair, 'local', rows.local);
}

/**
 * Rows to match: those that no valid pair holds, and the live end of a pair whose other end is gone. When that message is
 * there under another key, the pair's place is taken over.
 */
export function rowsToMatch(pairs: SortedPairs, snapshots: BySide<Snapshot>): BySide<readonly Row[]> {
  const rows = { remote: [...pairs.unpaired.remote], local: [...pairs.unpaired.local] };
  for (const { pair, rows: ends } of pairs.valid) {
    for (const side of SIDES) {
      const row = ends[side];
      const other = otherSide(side);
      const gone = ends[other] === undefined && !snapshots[other].unreadable.has(pair[other].key);
      if (row !== undefined && gone && !isEdited(pair, side, row)) rows[side].push(row);
    }
  }
  return rows;
}
