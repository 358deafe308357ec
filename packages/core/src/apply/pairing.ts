import type { Action } from '../model/action.js';
import { adoptedFlags, agreedFlags } from '../model/agreed-flags.js';
import { SIDES, type SideName } from '../model/by-side.js';
import { bug } from '../model/error.js';
import { sameMessage } from '../model/identity.js';
import type { End, Pair } from '../model/pair.js';
import type { Row } from '../model/row.js';
import type { Desk } from './desk.js';
import { already, type Refusal, type Report, skipped } from './judgement.js';

/** Runs `pair` lines: base only, on rows both sides were just seen to have. */
export async function runPairs(desk: Desk, actions: readonly Action[], report: Report): Promise<void> {
  for (const action of actions) {
    const refusal = checkPair(desk, action);
    if (refusal === undefined) {
      await desk.begin();
      desk.putPair(newPair(desk, endOf(action, 'remote'), endOf(action, 'local')));
    }
    report(action, refusal);
  }
}

export function checkPair(desk: Desk, action: Action): Refusal | undefined {
  const rows: Row[] = [];
  const taken: SideName[] = [];
  for (const side of SIDES) {
    const end = endOf(action, side);
    const row = desk.row(side, end);
    if (row === undefined) return skipped(`the message is no longer on the ${side} side`);
    rows.push(row);
    const held = desk.pairAt(side, end);
    if (held === undefined) continue;
    const other = side === 'remote' ? 'local' : 'remote';
    if (held[other].key === endOf(action, other).key && held[other].epoch === endOf(action, other).epoch) {
      return already('they are a pair');
    }
    if (isWhole(desk, held)) taken.push(side);
  }
  const [remote, local] = rows as [Row, Row];
  // Of twins, deliveries that an earlier run left open may have been paired crosswise since the plan was made.
  if (taken.length === 2 && sameMessage(remote.identity, local.identity) !== 'no')
    return already('each is paired with another one like it');
  if (taken.length > 0) return skipped(`the ${taken[0]} message is paired with another one`);
  if (action.message?.digest !== local.identity.digest && action.message?.digest !== remote.identity.digest) {
    return skipped('another message is there now');
  }
  if (sameMessage(remote.identity, local.identity) === 'no') return skipped('they are not the same message');
  return undefined;
}

/** Runs `unpair` lines: base only. The worst it can bring about is that a message is copied again. */
export async function runUnpairs(desk: Desk, actions: readonly Action[], report: Report): Promise<void> {
  for (const action of actions) {
    const refusal = checkUnpair(desk, action);
    if (refusal === undefined) {
      await desk.begin();
      desk.dropPair(desk.pairAt('remote', endOf(action, 'remote')) ?? bug('unpair without a pair'));
    }
    report(action, refusal);
  }
}

export function checkUnpair(desk: Desk, action: Action): Refusal | undefined {
  const pair = desk.pairAt('remote', endOf(action, 'remote'));
  const local = endOf(action, 'local');
  if (pair === undefined || pair.local.key !== local.key || pair.local.epoch !== local.epoch) {
    return already('they are no pair');
  }
  return isWhole(desk, pair) ? skipped('both ends of the pair are there') : undefined;
}

/** Both ends are there, as far as the side can tell. */
export function isWhole(desk: Desk, pair: Pair): boolean {
  return SIDES.every(side => desk.row(side, pair[side]) !== undefined || isInDoubt(desk, pair, side));
}

function isInDoubt(desk: Desk, pair: Pair, side: 'remote' | 'local'): boolean {
  return desk.has(side) && pair[side].epoch === desk.epoch(side) && desk.isUnreadable(side, pair[side].key);
}

/** A base record for two live messages; an older pair of either hands its flags down, unless it may not be trusted. */
export function newPair(desk: Desk, remote: End, local: End): Pair {
  const rows = {
    remote: desk.row('remote', remote) ?? bug('pair without a remote row'),
    local: desk.row('local', local) ?? bug('pair without a local row'),
  };
  const before = desk.pairAt('remote', remote) ?? desk.pairAt('local', local);
  const now = { remote: rows.remote.flags, local: rows.local.flags };
  const flags =
    before === undefined || desk.record.rematch !== undefined
      ? adoptedFlags(now, desk.permanent())
      : agreedFlags(before.flags, now, desk.permanent());
  const compared =
    rows.remote.identity.content !== undefined &&
    rows.remote.identity.content === rows.local.identity.content;
  return {
    remote,
    local,
    flags,
    identity: rows.local.identity,
    ...(rows.remote.identity.digest === rows.local.identity.digest
      ? {}
      : { remoteDigest: rows.remote.identity.digest }),
    ...(compared || rows.remote.identity.size === rows.local.identity.size ? {} : { weak: true }),
  };
}

export function endOf(action: Action, side: 'remote' | 'local'): End {
  return action[side] ?? bug(`"${action.op}" without its ${side} end`);
}
