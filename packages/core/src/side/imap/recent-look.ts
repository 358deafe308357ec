import type { MessageKey, Row } from '../../model/row.js';
import { RECENT_MS } from '../side.js';
import { type open, openFresh } from './opening.js';
import { type Place, type Selection, serves } from './selection.js';
import type { Session } from './session.js';

type Rows = ReadonlyMap<MessageKey, Row>;

/** What a server said then is taken for what is so: a slow line makes any answer as old. */
export function isRecent(at: number): boolean {
  return performance.now() - at < RECENT_MS;
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
