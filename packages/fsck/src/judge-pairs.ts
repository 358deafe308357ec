import { type BySide, otherSide, SIDES, type SideName } from '@postern/core/model/by-side.js';
import { hasFlag } from '@postern/core/model/flags.js';
import { sameMessage } from '@postern/core/model/identity.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import { isEdited, type Pair, pairKey } from '@postern/core/model/pair.js';
import type { Row, Snapshot } from '@postern/core/model/row.js';
import { type Finding, finding } from './findings.js';

export interface JudgedPairs {
  /** Pairs that the live sides bear out: a rebuilt state may take them over. */
  readonly borneOut: readonly Pair[];
  /** Pairs of which an end is gone, or both are. */
  readonly halves: readonly HalfPair[];
  readonly findings: readonly Finding[];
}

/** A pair of which an end is gone. */
export interface HalfPair {
  readonly pair: Pair;
  readonly gone: SideName;
  /** What the other end is now. */
  readonly other: 'as-recorded' | 'changed' | 'gone';
}

type Verdict = 'borne-out' | 'doubtful' | Finding | HalfPair;

/**
 * Holds pairs against what both sides have now. A pair is borne out when both ends are there and are what it says they
 * are, and nothing says that they are two messages. Pure.
 */
export function judgePairs(
  mailbox: MailboxName,
  pairs: readonly Pair[],
  snapshots: BySide<Snapshot | undefined>,
): JudgedPairs {
  const borneOut: Pair[] = [];
  const halves: HalfPair[] = [];
  const findings: Finding[] = [];
  for (const rivals of byLocalEnd(pairs)) {
    const verdicts = rivals.map(pair => [pair, judgePair(mailbox, pair, snapshots)] as const);
    const standing = verdicts.filter(([, verdict]) => verdict === 'borne-out').map(([pair]) => pair);
    if (rivals.length === 1) {
      borneOut.push(...standing);
      for (const [, verdict] of verdicts) {
        if (typeof verdict === 'string') continue;
        if ('gone' in verdict) halves.push(verdict);
        else findings.push(verdict);
      }
      continue;
    }
    const best = standing.length === 1 ? standing : standing.filter(pair => isProven(pair, snapshots));
    if (best.length === 1) borneOut.push(best[0]!);
    const { key } = rivals[0]!.local;
    const ends = rivals.map(({ remote }) => remote.key).join(', ');
    findings.push(
      finding('pair-duplicate-end', `local ${key} is paired with remote ${ends}`, { mailbox, key }),
    );
  }
  return { borneOut, halves, findings };
}

function judgePair(mailbox: MailboxName, pair: Pair, snapshots: BySide<Snapshot | undefined>): Verdict {
  const place = { mailbox, key: pairKey(pair) };
  if (SIDES.some(side => snapshots[side] !== undefined && snapshots[side].cursor.epoch !== pair[side].epoch))
    return 'doubtful';
  const rows = rowsOf(pair, snapshots);
  const unreadable = SIDES.filter(side => snapshots[side]?.unreadable.has(pair[side].key));
  for (const side of SIDES) {
    if (rows[side] !== undefined || unreadable.includes(side)) continue;
    const other = otherSide(side);
    if (side === 'local' && isMarked(pair, rows.remote)) return 'borne-out';
    const left = rows[other];
    if (left === undefined && !unreadable.includes(other)) return { pair, gone: side, other: 'gone' };
    const changed = left !== undefined && isEdited(pair, other, left);
    return { pair, gone: side, other: changed ? 'changed' : 'as-recorded' };
  }
  const { remote, local } = rows;
  if (remote !== undefined && isEdited(pair, 'remote', remote))
    return finding('pair-crossed', `remote ${remote.key} is another message than the pair recorded`, place);
  if (local !== undefined && isEdited(pair, 'local', local))
    return finding('pair-edited', `${local.key} holds other bytes than both sides agreed on`, place);
  // An end that cannot be read is there all the same.
  if (remote === undefined || local === undefined) return 'borne-out';
  return judgeEnds(pair, remote, local) ?? finding('pair-crossed', crossing(remote, local), place);
}

/** The deletion was done as far as the server can do it: no end is missing. */
function isMarked(pair: Pair, remote: Row | undefined): boolean {
  const marked = pair.marked === true && remote !== undefined && hasFlag(remote.flags, '\\Deleted');
  return marked && !isEdited(pair, 'remote', remote);
}

/** Whether two ends that are what the pair recorded are one message; undefined when they are certainly not. */
function judgeEnds(pair: Pair, remote: Row, local: Row): 'borne-out' | 'doubtful' | undefined {
  if (remote.identity.content !== undefined && local.identity.content !== undefined)
    return sameMessage(remote.identity, local.identity) === 'yes' ? 'borne-out' : undefined;
  // Header excerpts of malformed messages hash differently from their bytes, but the Message-ID stays.
  if (remote.identity.digest !== local.identity.digest)
    return remote.identity.messageId === local.identity.messageId ? 'borne-out' : undefined;
  return remote.identity.size === local.identity.size || pair.weak ? 'borne-out' : 'doubtful';
}

function crossing(remote: Row, local: Row): string {
  return `remote ${remote.key} and local ${local.key} are two messages`;
}

function isProven(pair: Pair, snapshots: BySide<Snapshot | undefined>): boolean {
  const { remote, local } = rowsOf(pair, snapshots);
  return (
    remote !== undefined && local !== undefined && sameMessage(remote.identity, local.identity) === 'yes'
  );
}

function rowsOf(pair: Pair, snapshots: BySide<Snapshot | undefined>): BySide<Row | undefined> {
  return {
    remote: snapshots.remote?.rows.get(pair.remote.key),
    local: snapshots.local?.rows.get(pair.local.key),
  };
}

/** Pairs in groups that share the local end; the remote end is in a record's key, and cannot be shared. */
function byLocalEnd(pairs: readonly Pair[]): Iterable<readonly Pair[]> {
  const groups = new Map<string, Pair[]>();
  for (const pair of pairs) {
    const end = `${pair.local.epoch}:${pair.local.key}`;
    const group = groups.get(end);
    if (group === undefined) groups.set(end, [pair]);
    else group.push(pair);
  }
  return groups.values();
}
