import { PosternError } from '../../model/error.js';
import type { Epoch, MessageKey, Row } from '../../model/row.js';
import type { CopyOutcome, MoveOutcome } from '../side.js';
import { verify } from './expected-rows.js';
import { demandEpoch, type Opened, type Place } from './selection.js';
import { copyAlong, finishMove, moveAway, type NewUid, type Transferred } from './transfer.js';
import { keyOf, uidOf } from './uid-set.js';

export interface RelocationRequest {
  readonly opened: Opened;
  readonly epoch: Epoch;
  readonly to: Place;
  /** What the caller takes for the UIDVALIDITY of `to`: rows under another one would be read as other messages. */
  readonly toEpoch: Epoch | undefined;
  readonly rows: readonly Row[];
  /** Rows that are in `to` already, for an earlier move was cut short there: by key, the key they have there. */
  readonly arrived?: ReadonlyMap<MessageKey, MessageKey>;
}

/** Moves messages: each is looked at first and left alone when it is not the expected one. */
export async function moveMessages(request: RelocationRequest): Promise<readonly MoveOutcome[]> {
  const { arrived, toEpoch, rows } = request;
  if (arrived === undefined || toEpoch === undefined) return relocate(request, 'move', moveAway);
  const copies = new Map<number, NewUid>();
  for (const { key } of rows) {
    const uid = uidOf(arrived.get(key) ?? key);
    if (!arrived.has(key) || uid === undefined) throw unknownUid(request.to);
    copies.set(uidOf(key) ?? 0, { epoch: toEpoch, uid });
  }
  return relocate(request, 'move', victims => finishMove(victims, copies));
}

function unknownUid({ mailbox }: Place): PosternError {
  return new PosternError('snapshot-incomplete', `no message of ${mailbox} has such a UID`);
}

/** Copies messages: each is looked at first and left alone when it is not the expected one. */
export async function copyMessages(request: RelocationRequest): Promise<readonly CopyOutcome[]> {
  const outcomes = await relocate(request, 'copy', copyAlong);
  return outcomes.map(outcome => (outcome.kind === 'marked' ? { ...outcome, kind: 'done' } : outcome));
}

async function relocate(
  request: RelocationRequest,
  how: 'move' | 'copy',
  act: typeof moveAway,
): Promise<readonly MoveOutcome[]> {
  const { opened, epoch, to, rows } = request;
  const { session, selection } = opened;
  const { place } = selection;
  demandEpoch(selection, epoch);
  if (how === 'move' && selection.readOnly) {
    return rows.map(() => refused('the server opens the mailbox for reading only'));
  }
  if (place.raw === to.raw) return rows.map(() => refused(`it is in ${to.mailbox} already`));
  const expected = rows.map(row => ({ row, flags: 'any' as const }));
  const { live, others } = await verify(opened, epoch, expected);
  const outcomes = await act({ session, place, live }, to);
  return rows.map(row => {
    const other = others.get(row.key);
    if (other !== undefined) return other;
    const uid = uidOf(row.key)!;
    return relocated(outcomes.get(uid)!, copied => rowThere(row, live.get(uid)!, copied, request.toEpoch));
  });
}

function relocated(outcome: Transferred, rowOf: (copied: NewUid) => Row | undefined): MoveOutcome {
  if (outcome.kind !== 'done' && outcome.kind !== 'marked') return outcome;
  const row = outcome.copied === undefined ? undefined : rowOf(outcome.copied);
  return row === undefined ? { kind: outcome.kind } : { kind: outcome.kind, row };
}

/** What a message is in the mailbox it came to; its mod-sequence there is not known yet. */
function rowThere(expected: Row, live: Row, copied: NewUid, toEpoch: Epoch | undefined): Row | undefined {
  if (copied.epoch !== toEpoch) return undefined;
  const { modseq: _, ...lasting } = live;
  return { ...lasting, key: keyOf(copied.uid), identity: expected.identity };
}

function refused(reason: string): MoveOutcome {
  return { kind: 'refused', reason };
}
