import { type BySide, SIDES } from '../model/by-side.js';
import { isSettled, type Pair } from '../model/pair.js';
import type { MessageKey, Row, Snapshot } from '../model/row.js';
import type { MailboxView } from '../model/view.js';

/**
 * A view without the pairs that are settled and their messages: merging it comes to the same, for what is settled takes part
 * in nothing. The view itself where base does not count, or where pairs share a message.
 */
export function unsettledPart(view: MailboxView): MailboxView {
  const { remote, local } = view.sides;
  if (remote === undefined || local === undefined || view.rematch !== undefined) return view;
  const snapshots = { remote, local };
  const settled = { remote: new Set<MessageKey>(), local: new Set<MessageKey>() };
  const pairs = view.pairs.filter(pair => {
    if (!isSettledIn(snapshots, pair)) return true;
    for (const side of SIDES) settled[side].add(pair[side].key);
    return false;
  });
  const count = view.pairs.length - pairs.length;
  if (SIDES.some(side => settled[side].size < count)) return view;
  if (pairs.some(pair => SIDES.some(side => settled[side].has(pair[side].key)))) return view;
  const rest = (snapshot: Snapshot, known: ReadonlySet<MessageKey>): Snapshot => {
    const rows = new Map<MessageKey, Row>();
    if (known.size < snapshot.rows.size) {
      for (const [key, row] of snapshot.rows) if (!known.has(key)) rows.set(key, row);
    }
    return { ...snapshot, rows };
  };
  return {
    ...view,
    pairs,
    sides: { remote: rest(remote, settled.remote), local: rest(local, settled.local) },
  };
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
