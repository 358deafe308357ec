import { type Action, isDelivery, sideWritten } from '../model/action.js';
import { otherSide, SIDES, type SideName } from '../model/by-side.js';
import type { MessageKey, Row } from '../model/row.js';
import type { Foreseen } from '../side/side.js';
import { targetOf } from './copy-target.js';
import type { Desk } from './desk.js';
import type { LandedMessages } from './landed.js';

/** With more to be copied before them than this, or more octets, looks would be too old when it is their turn. */
const MOST_READ = 100;
const MOST_UPLOADED = 20;
const MOST_OCTETS = 1024 * 1024;

/** Tells the sides what the lines of a mailbox will ask of them, so that one at a distance is asked once. */
export async function foreseeLooks(
  desk: Desk,
  actions: readonly Action[],
  landed: LandedMessages,
): Promise<void> {
  const copies = actions.filter(({ op }) => isDelivery(op));
  if (copies.length > MOST_READ) return;
  if (copies.filter(({ op }) => op === 'upload').length > MOST_UPLOADED) return;
  // What a plan says of sizes is not believed.
  await desk.bring(copies);
  const octets = copies.reduce((sum, action) => sum + (sizeOf(desk, action) ?? 0), 0);
  if (octets > MOST_OCTETS) return;
  for (const side of SIDES) {
    const cursor = desk.record.sides[side]?.cursor;
    if (cursor === undefined) continue;
    const questions = { cursor, ...questionsFor(desk, side, actions, landed) };
    const { looks, gone, bodies } = questions;
    if (looks.length + gone.length + bodies.length > 0)
      await desk.repository.sides[side].foresee(desk.mailbox, cursor.epoch, questions);
  }
}

function questionsFor(
  desk: Desk,
  side: SideName,
  actions: readonly Action[],
  landed: LandedMessages,
): Omit<Foreseen, 'cursor'> {
  const looks: Row[] = [];
  const gone: MessageKey[] = [];
  const bodies: MessageKey[] = [];
  for (const action of actions) {
    const { op, keep } = action;
    const end = action[side];
    if (end === undefined || end.epoch !== desk.epoch(side) || keep !== undefined) continue;
    if (op.startsWith('flag-') || op === `delete-${side}`) {
      const row = desk.row(side, end);
      if (row !== undefined) looks.push(row);
    } else if (op === `delete-${otherSide(side)}`) gone.push(end.key);
    else if (isDelivery(op) && targetOf(action) !== side && !landed.isShared(action)) {
      if (sizeOf(desk, action) !== undefined) bodies.push(end.key);
    }
  }
  return { looks, gone, bodies, writes: actions.some(({ op }) => sideWritten(op) === side) };
}

/** Of the message that is copied, as it was last seen; undefined where it is not known (any more). */
function sizeOf(desk: Desk, action: Action): number | undefined {
  const source = otherSide(targetOf(action));
  const end = action[source];
  return end && desk.row(source, end)?.identity.size;
}
