import type { MessageKey, Row } from '../../model/row.js';
import type { Fetched } from './fetch.js';
import { open, openFresh } from './opening.js';
import { type Place, type Selection, serves } from './selection.js';
import type { Session } from './session.js';

/** For so long what a server said is taken for what is so, in milliseconds: a slow line makes any answer as old. */
const RECENT = 1_000;

type Rows = ReadonlyMap<MessageKey, Row>;

function isRecent(at: number): boolean {
  return performance.now() - at < RECENT;
}

/**
 * The mailbox as the server showed it a moment ago, else with everything it knows by now. For what the server itself keeps from
 * meeting a message that changed since (UNCHANGEDSINCE, RFC 7162 §3.1.3), and for what does no harm to one.
 */
export async function openRecent(session: Session, place: Place, mode: 'read' | 'write'): Promise<Selection> {
  const { selection } = session;
  const isFresh = selection !== undefined && serves(selection, place, mode) && isRecent(selection.asked);
  const hasModseqs = session.condstore && selection?.highestModseq !== undefined;
  return isFresh && hasModseqs ? selection : openFresh(session, place, mode);
}

/** The mailbox for deliveries: opened anew, or as it was opened a moment ago for what was to come. */
export async function openToDeliver(
  session: Session,
  place: Place,
  mode: 'read' | 'write',
): Promise<Selection> {
  const { selection } = session;
  const foreseen = selection?.foreseen;
  const isNew = foreseen?.isUntouched && isRecent(foreseen.at) && selection?.changes === 0;
  if (selection === undefined || !isNew || !serves(selection, place, mode)) return open(session, place, mode);
  foreseen.isUntouched = false;
  return selection;
}

/** The messages of these keys as they were when the mailbox was opened a moment ago; undefined where not all of them were asked for. */
export function foreseenRows(
  { foreseen }: Selection,
  keys: readonly MessageKey[],
): { readonly rows: Rows; readonly at: number } | undefined {
  if (foreseen === undefined || !isRecent(foreseen.at)) return undefined;
  const { at } = foreseen;
  const rows = new Map<MessageKey, Row>();
  for (const key of keys) {
    const row = foreseen.rows.get(key);
    if (row === undefined) return undefined;
    rows.set(key, row);
  }
  return { rows, at };
}

/** A message with its body as it came when the mailbox was opened a moment ago. It is held no longer. */
export function takeForeseenBody({ foreseen }: Selection, key: MessageKey): Fetched | undefined {
  if (foreseen === undefined || !isRecent(foreseen.at)) return undefined;
  const body = foreseen.bodies.get(key);
  foreseen.bodies.delete(key);
  return body;
}

/** The UIDs the mailbox had when it was opened a moment ago, where they were asked for. A UID that is gone does not come back. */
export function foreseenUids({ foreseen }: Selection): ReadonlySet<number> | undefined {
  return foreseen !== undefined && isRecent(foreseen.at) ? foreseen.existing : undefined;
}

/** The same for a change of these messages, where they were looked at a moment ago and have mod-sequences. */
export function openLooked(keys: readonly MessageKey[]): typeof open {
  return (session, place, mode) => {
    const { selection } = session;
    const isLooked = selection?.place.raw === place.raw && guardedRows(selection, keys) !== undefined;
    return (isLooked ? openRecent : openFresh)(session, place, mode);
  };
}

/**
 * The messages of these keys as they were looked at a moment ago; undefined where not all of them were. For one change: they
 * are not the same after it.
 */
export function takeRecentRows(selection: Selection, keys: readonly MessageKey[]): Rows | undefined {
  const rows = recentRows(selection, keys);
  forget(selection, keys);
  return rows;
}

/** The same where a STORE can be kept from meeting one of them that changed since: each has a mod-sequence. */
export function takeGuardedRows(selection: Selection, keys: readonly MessageKey[]): Rows | undefined {
  const rows = guardedRows(selection, keys);
  forget(selection, keys);
  return rows;
}

/** What is done with them makes them others. */
function forget(selection: Selection, keys: readonly MessageKey[]): void {
  delete selection.looked;
  for (const key of keys) selection.foreseen?.rows.delete(key);
}

function recentRows({ looked, changes }: Selection, keys: readonly MessageKey[]): Rows | undefined {
  if (looked?.at === undefined || looked.changes !== changes || !isRecent(looked.at)) return undefined;
  return keys.every(key => looked.rows.has(key)) ? looked.rows : undefined;
}

function guardedRows(selection: Selection, keys: readonly MessageKey[]): Rows | undefined {
  const rows = recentRows(selection, keys);
  return keys.every(key => rows?.get(key)?.modseq !== undefined) ? rows : undefined;
}
