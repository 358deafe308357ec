import { type BySide, SIDES, type SideName } from './by-side.js';
import { type Flags, sameFlags } from './flags.js';
import type { Identity } from './identity.js';
import type { Epoch, MessageKey, Row } from './row.js';

/** Where one end of a pair is, within the pair's mailbox. */
export interface End {
  readonly epoch: Epoch;
  readonly key: MessageKey;
}

/**
 * A base record: this remote message IS that local one, and these were the flags both had when they last agreed.
 * Never a reason to delete unless both live sides confirm it (P3).
 */
export interface Pair {
  readonly remote: End;
  readonly local: End;
  /** Flags both sides last agreed on, and flags that one of them cannot store. */
  readonly flags: Flags;
  /** What both ends are; `content` is the local bytes' where they were seen. */
  readonly identity: Identity;
  /** The digest on the remote, where its header excerpt hashes to another one than the bytes do. */
  readonly remoteDigest?: string;
  /** Paired although sizes differ: contents are compared before anything is removed through it. */
  readonly weak?: boolean;
  /** The server cannot expunge one message alone; it was marked \Deleted and the local end is gone. */
  readonly marked?: boolean;
}

/** The key of a pair's record: its remote end, so that a message has one pair at most. */
export function pairKey(pair: Pair): string {
  return endName(pair.remote);
}

export function endName({ epoch, key }: End): string {
  return `${epoch}:${key}`;
}

/** Whether both ends are there as the pair says: a merge has nothing to say about it, whatever else is in the mailbox. */
export function isSettled(pair: Pair, rows: BySide<Row | undefined>): boolean {
  return SIDES.every(side => {
    const row = rows[side];
    return row !== undefined && sameFlags(row.flags, pair.flags) && !isEdited(pair, side, row);
  });
}

/** Whether a row holds other bytes than the pair recorded for that end. */
export function isEdited(pair: Pair, side: SideName, row: Row): boolean {
  const known = pair.identity;
  if (side === 'local' && row.identity.content !== undefined && known.content !== undefined) {
    return row.identity.content !== known.content;
  }
  const digest = side === 'remote' ? (pair.remoteDigest ?? known.digest) : known.digest;
  return row.identity.digest !== digest;
}
