import type { Action } from '../model/action.js';
import { otherSide, SIDES, type SideName } from '../model/by-side.js';
import type { MessageKey } from '../model/row.js';
import type { Desk } from './desk.js';
import type { LandedMessages } from './landed.js';

/** With more copies before them than this, or than so many octets, looks would be too old when it is their turn. */
const MOST_COPIES = 100;
const MOST_OCTETS = 1024 * 1024;

/** Tells the sides what the lines of a mailbox will ask of them, so that one at a distance is asked once. */
export async function foreseeLooks(
  desk: Desk,
  actions: readonly Action[],
  landed: LandedMessages,
): Promise<void> {
  const copies = actions.filter(isCopying);
  if (copies.length > MOST_COPIES) return;
  // A plan may say any size.
  await desk.bring(copies);
  const octets = copies.reduce((sum, action) => sum + (sizeOf(desk, action) ?? 0), 0);
  if (octets > MOST_OCTETS) return;
  for (const side of SIDES) {
    if (!desk.has(side)) continue;
    const isRead = (action: Action) =>
      isCopying(action) &&
      writtenSide(action) !== side &&
      !landed.isShared(action) &&
      sizeOf(desk, action) !== undefined;
    const looks: MessageKey[] = [];
    const gone: MessageKey[] = [];
    const bodies: MessageKey[] = [];
    let writes = false;
    for (const action of actions) {
      writes ||= writtenSide(action) === side;
      const end = action[side];
      if (end === undefined || end.epoch !== desk.epoch(side) || action.keep !== undefined) continue;
      if (action.op.startsWith('flag-')) looks.push(end.key);
      else if (action.op === `delete-${side}`) looks.push(end.key);
      else if (action.op === `delete-${otherSide(side)}`) gone.push(end.key);
      else if (isRead(action)) bodies.push(end.key);
    }
    if (looks.length + gone.length + bodies.length === 0) continue;
    const questions = { looks, gone, bodies, writes };
    await desk.repository.sides[side].foresee(desk.mailbox, desk.epoch(side), questions);
  }
}

function isCopying({ op }: Action): boolean {
  return op === 'download' || op === 'upload';
}

/** Of the message that is copied, as it was last seen; undefined where it is not known (any more). */
function sizeOf(desk: Desk, action: Action): number | undefined {
  const source = otherSide(writtenSide(action));
  const end = action[source];
  return end && desk.row(source, end)?.identity.size;
}

function writtenSide({ op }: Action): SideName {
  return op === 'upload' || op.endsWith('-remote') ? 'remote' : 'local';
}
