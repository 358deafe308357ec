import { PosternError } from '../../model/error.js';
import type { PermanentFlags } from '../../model/flags.js';
import { type Changes, type Earlier, NO_ROWS } from '../earlier.js';
import { demandRoom } from './demand-room.js';
import { CommandRefused } from './error-words.js';
import { readStatus } from './listing.js';
import { storable } from './permanent-flags.js';
import { Reading, type ReadingRequest, type Reread } from './reading.js';
import { cursorOf, type Selection } from './selection.js';
import { atom, quoted } from './tokens.js';

export interface SnapshotRequest extends ReadingRequest {
  readonly earlier: Earlier | undefined;
  /** What the mailbox can store, as SELECT said earlier; asked now where it is undefined and EXAMINE did not say. */
  readonly permanentFlags: PermanentFlags | undefined;
  /** Messages the last listing saw in it. */
  readonly listedCount: number | undefined;
}

/** All messages of a mailbox, read from the server and proven complete (SAFETY §3.6, §3.7), as what changed. */
export async function takeChanges(request: SnapshotRequest): Promise<Changes> {
  const { selection } = request.opened;
  demandRoom(selection);
  await doubtEmptiness(request, selection);
  const announced = { ...selection };
  const earlier = trusted(request.earlier, announced);
  const reading = new Reading(request, selection, earlier);
  const { count, ...found } =
    earlier !== undefined && unchanged(earlier, announced)
      ? asItWas(earlier)
      : await listed(reading, selection);
  const permanentFlags = await storable(
    reading.session,
    announced,
    request.permanentFlags ?? request.earlier?.permanentFlags,
  );
  return {
    mailbox: selection.place.mailbox,
    cursor: cursorOf(announced, count),
    permanentFlags,
    anew: earlier === undefined,
    ...found,
  };
}

function asItWas({ cursor, unreadable }: Earlier): Reread {
  return { count: cursor.count, rows: NO_ROWS, before: NO_ROWS, gone: [], unreadable };
}

/** A listing that is refused concerns this mailbox, not the others. */
async function listed(reading: Reading, { place }: Selection): Promise<Reread> {
  try {
    return await reading.complete();
  } catch (cause) {
    if (!(cause instanceof CommandRefused) || cause.code === 'try-later') throw cause;
    const reason = `the server does not list ${place.mailbox}: ${cause.words}`;
    throw new PosternError('mailbox-unreadable', reason, { cause });
  }
}

/** What the caller still has, unless the server went backwards or this is another mailbox by the same name. */
function trusted(earlier: Earlier | undefined, now: Selection): Earlier | undefined {
  if (earlier === undefined) return undefined;
  const { epoch, uidNext, highestModseq, mailboxId } = earlier.cursor;
  const sameMailbox = mailboxId === undefined || now.mailboxId === undefined || mailboxId === now.mailboxId;
  const forward =
    (uidNext === undefined || now.uidNext === undefined || now.uidNext >= uidNext) &&
    (highestModseq === undefined ||
      now.highestModseq === undefined ||
      !lower(now.highestModseq, highestModseq));
  return epoch === now.epoch && sameMailbox && forward ? earlier : undefined;
}

function lower(a: string, b: string): boolean {
  return BigInt(a) < BigInt(b);
}

/** A message that could not be read may be readable by now: no mod-sequence tells. */
function unchanged(earlier: Earlier, now: Selection): boolean {
  if (earlier.unreadable.size > 0) return false;
  const { count, uidNext, highestModseq } = earlier.cursor;
  const stands = uidNext !== undefined && uidNext === now.uidNext && count === now.exists;
  return stands && highestModseq !== undefined && highestModseq === now.highestModseq;
}

/** A mailbox that had mail and seems empty is asked about in another way: an empty answer must not be an accident. */
async function doubtEmptiness(request: SnapshotRequest, selection: Selection): Promise<void> {
  const { opened, earlier, listedCount } = request;
  const { session } = opened;
  const { place } = selection;
  const before = Math.max(listedCount ?? 0, earlier?.size ?? 0);
  if (selection.exists > 0 || before === 0) return;
  let count: number | undefined;
  await session.command({
    effect: 'STATUS',
    target: place.mailbox,
    command: 'STATUS',
    attributes: [quoted(place.raw), [atom('MESSAGES'), atom('UIDVALIDITY')]],
    untagged: {
      STATUS: answer => {
        count = readStatus(answer.attributes?.[1])?.count;
      },
    },
  });
  if (count === 0) return;
  throw new PosternError(
    'snapshot-incomplete',
    `the server opens ${place.mailbox} as empty, but its STATUS says ${count ?? 'nothing'}`,
  );
}
