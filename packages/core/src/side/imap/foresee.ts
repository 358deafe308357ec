import type { Epoch, MessageKey, Row } from '../../model/row.js';
import type { Foreseen } from '../side.js';
import type { BulkCommand } from './bulk/pipeline.js';
import { rowOf } from './describe.js';
import { bulkSearch } from './existing.js';
import { bulkFetch, type Fetched, rowColumns, WHOLE_BODY } from './fetch.js';
import { openWith } from './open-with.js';
import type { Place } from './selection.js';
import type { Session } from './session.js';
import type { UidRanges } from './uid-ranges.js';
import { keyOf, uidOf, uidSets } from './uid-set.js';

/** More messages are as well asked for when it is their turn. */
const MOST = 1_000;
/** Octets of bodies that are held. */
const MOST_OCTETS = 2 * 1024 * 1024;

/**
 * Opens a mailbox and asks in the same breath what will be asked of it within a moment: `look` finds the answers with the selection. Only
 * where the mailbox has mod-sequences, for without them a look of a moment ago serves nobody.
 */
export async function foresee(
  session: Session,
  place: Place,
  epoch: Epoch,
  { looks, gone, bodies, writes }: Foreseen,
): Promise<void> {
  const wanted = uidsOf(looks.map(({ key }) => key));
  const read = uidsOf(bodies);
  const asksGone = gone.length > 0 && session.has('ESEARCH');
  if (!session.condstore || wanted.size + read.size > MOST) return;
  if (wanted.size + read.size === 0 && !asksGone) return;
  const { mailbox } = place;
  const fetched: Fetched[] = [];
  let existing: UidRanges | undefined;
  let held = 0;
  const take = (one: Fetched) => {
    held += one.body?.length ?? 0;
    // Its announced size may be too small.
    if (held <= MOST_OCTETS || one.body === undefined) fetched.push(one);
  };
  const asked: BulkCommand[] = [];
  // One command, so that the mod-sequences are of one moment.
  const [looked, ...more] = uidSets(wanted);
  if (more.length > 0) return;
  if (looked !== undefined)
    asked.push(bulkFetch(session, { mailbox, set: looked.text, columns: rowColumns(session) }, take));
  for (const { text: set } of uidSets(read))
    asked.push(bulkFetch(session, { mailbox, set, columns: WHOLE_BODY, effect: 'FETCH BODY' }, take));
  if (asksGone) {
    asked.push(
      bulkSearch(session, mailbox, all => {
        existing = all;
      }),
    );
  }
  const at = performance.now();
  const isHeard = () => fetched.length > 0 || existing !== undefined;
  const opened = await openWith(session, place, writes ? 'write' : 'read', { asked, isHeard });
  if (opened === undefined) return;
  const { selection, isOneMoment } = opened;
  if (!isOneMoment || selection.epoch !== epoch || selection.highestModseq === undefined) return;
  const rows = new Map<MessageKey, Row>();
  const whole = new Map<MessageKey, Fetched>();
  for (const one of fetched) {
    const row = wanted.has(one.uid) ? rowOf(one) : undefined;
    if (row !== undefined) rows.set(row.key, row);
    if (read.has(one.uid) && one.body !== undefined) whole.set(keyOf(one.uid), one);
  }
  selection.foreseen = {
    at,
    rows,
    bodies: whole,
    existing: existing?.size === selection.exists ? existing : undefined,
    isUntouched: true,
  };
}

function uidsOf(keys: readonly MessageKey[]): ReadonlySet<number> {
  return new Set(keys.flatMap(key => uidOf(key) ?? []));
}
