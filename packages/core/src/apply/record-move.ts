import { otherSide, type SideName } from '../model/by-side.js';
import { applyDelta, DELETION_MARK } from '../model/flags.js';
import type { End, Pair } from '../model/pair.js';
import type { Row } from '../model/row.js';
import { pairArrival } from './arrival.js';
import type { Desk } from './desk.js';
import type { Journey } from './journey.js';

/** The highest UID there is (RFC 9051 §2.3.1.1): no mailbox gets there. */
const LAST_UID = 4_294_967_295;

export interface MovedMessage {
  readonly on: SideName;
  /** `marked`: it was copied, and only marked \Deleted in the mailbox it was to leave. */
  readonly outcome: 'done' | 'marked';
  /** As it was in the mailbox it left. */
  readonly victim: Row;
  /** What it is in the other mailbox; undefined while nobody can tell. */
  readonly arrived: Row | undefined;
  /** The same message there on the other side; undefined where that is gone, or another one. */
  readonly partner: Row | undefined;
  /** Its pair in the mailbox it left. */
  readonly before: Pair | undefined;
}

/** Records a move on both desks; the caller commits them together. */
export function recordMove(journey: Journey, moved: MovedMessage): void {
  const { from, to } = journey;
  const { on, victim, arrived, partner, before } = moved;
  if (moved.outcome === 'done') {
    if (before !== undefined) from.dropPair(before);
    from.dropRow(on, victim.key);
  } else recordMark(from, moved);
  if (arrived === undefined) return;
  if (partner === undefined) to.putRow(on, arrived);
  else pairArrival(to, { on, arrived, partner, before });
}

/** It stays under its mark, which base has too: whoever takes the mark back gets the message back. */
function recordMark(from: Desk, { on, victim, before }: MovedMessage): void {
  const flags = applyDelta(victim.flags, DELETION_MARK);
  from.putRow(on, { ...victim, flags });
  if (before !== undefined) from.putPair({ ...before, flags, marked: true });
  else if (from.has(otherSide(on))) {
    const ends = {
      [on]: { epoch: from.epoch(on), key: victim.key },
      [otherSide(on)]: absentEnd(from, on, victim),
    } as unknown as Pick<Pair, 'remote' | 'local'>;
    from.putPair({ ...ends, flags, identity: victim.identity, marked: true });
  }
}

/** The end of a message that is not on that side: without it the marked one would look new. */
function absentEnd(from: Desk, on: SideName, { key }: Row): End {
  const other = otherSide(on);
  const isFile = from.repository.sides[other].keys === 'file';
  const absent = isFile ? `marked-${from.epoch(on)}-${key}` : String(LAST_UID - Number(key));
  return { epoch: from.epoch(other), key: absent as End['key'] };
}
