import type { Epoch, MessageKey } from '../../model/row.js';
import type { Removal, RemoveOutcome } from '../side.js';
import { verify } from './expected-rows.js';
import { goneOf } from './look.js';
import { openFresh } from './opening.js';
import { demandEpoch, type Opened, type Place } from './selection.js';
import { expungeAll, markAll, moveAway, type Transferred } from './transfer.js';
import { uidOf } from './uid-set.js';

export interface RemovalRequest {
  readonly opened: Opened;
  readonly epoch: Epoch;
  readonly removals: readonly Removal[];
  /** Where removed messages go; undefined where they are expunged. */
  readonly trash: Place | undefined;
  /** They are marked \Deleted and stay. */
  readonly marksOnly: boolean;
}

/**
 * Removes messages: each is looked at first and left alone when it is not the expected one. Only these UIDs are ever
 * expunged; where the server cannot do that (no UIDPLUS, RFC 4315) they are marked \Deleted and stay.
 */
export async function removeMessages(request: RemovalRequest): Promise<readonly RemoveOutcome[]> {
  const { opened, epoch, removals } = request;
  const { session, selection } = opened;
  const { place } = selection;
  demandEpoch(selection, epoch);
  if (selection.readOnly) {
    return removals.map(() => ({ kind: 'refused', reason: 'the server opens the mailbox for reading only' }));
  }
  const expected = removals.map(({ expect, content }) => ({ row: expect, flags: 'same' as const, content }));
  const trash = request.trash?.raw === place.raw ? undefined : request.trash;
  const guarded = trash === undefined && session.condstore;
  const { live, others, isRecent } = await verify(opened, epoch, expected, guarded);
  const victims = { session, place, live };
  const outcomes = await (request.marksOnly
    ? markAll(victims)
    : trash === undefined
      ? expungeAll(victims)
      : moveAway(victims, trash));
  const isStopped = (key: MessageKey) => outcomes.get(uidOf(key)!)?.kind === 'changed';
  // What could not be marked may have gone since it was looked at.
  const stopped = isRecent ? expected.map(({ row }) => row.key).filter(isStopped) : [];
  if (stopped.length > 0) await openFresh(session, place, 'write');
  const gone = await goneOf(session, selection, stopped, new Set());
  return removals.map(({ expect: { key } }) => {
    if (gone.has(key)) return { kind: 'gone' };
    return others.get(key) ?? removed(outcomes.get(uidOf(key)!)!, trash);
  });
}

function removed(outcome: Transferred, trash: Place | undefined): RemoveOutcome {
  switch (outcome.kind) {
    case 'done':
      return { kind: 'done', ...(trash === undefined ? {} : { where: trash.mailbox }) };
    case 'marked':
      return { kind: 'marked' };
    default:
      return outcome;
  }
}
