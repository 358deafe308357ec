import type { SideName } from './by-side.js';
import type { Pair } from './pair.js';
import type { Snapshot } from './row.js';

/** Of the messages base has, this share must be in a mailbox of another name for it to be the same one. */
const ENOUGH = 0.8;

/**
 * Whether a side's mailbox is the one these pairs belong to, under another name: the same keys under the same epoch, with
 * the same messages. A mailbox without pairs is never known again.
 */
export function isSameMailbox(pairs: readonly Pair[], side: SideName, snapshot: Snapshot): boolean {
  if (pairs.length === 0) return false;
  const found = pairs.filter(pair => {
    if (pair[side].epoch !== snapshot.cursor.epoch) return false;
    const row = snapshot.rows.get(pair[side].key);
    const digest = side === 'remote' ? (pair.remoteDigest ?? pair.identity.digest) : pair.identity.digest;
    return row?.identity.digest === digest;
  });
  return found.length >= pairs.length * ENOUGH;
}
