import type { MessageKey, Row } from '../../model/row.js';
import { fetchSets, flagColumns } from './fetch.js';
import { liveRows } from './look.js';
import { isRecent, type Opened, type Selection } from './selection.js';
import { keyOf, uidOf, uidSets } from './uid-set.js';

/**
 * The messages of these keys, described anew only where that says more than their mod-sequence does: what was looked at while
 * the mailbox was open, and has the same one, is as it was (RFC 7162 §3.1). Those that are gone are left out.
 */
export async function currentRows(
  { session, selection }: Opened,
  keys: readonly MessageKey[],
): Promise<ReadonlyMap<MessageKey, Row>> {
  const { mailbox } = selection.place;
  const looked = selection.looked?.rows;
  const known = session.condstore ? keys.filter(key => looked?.get(key)?.modseq !== undefined) : [];
  if (looked === undefined || known.length === 0) return liveRows(session, mailbox, keys);
  const rows = new Map<MessageKey, Row>();
  const sets = uidSets(known.flatMap(key => uidOf(key) ?? []));
  await fetchSets(
    session,
    { mailbox, sets, columns: flagColumns(session) },
    {
      take: ({ uid, modseq }) => {
        const row = looked.get(keyOf(uid));
        if (row !== undefined && row.modseq === modseq) rows.set(row.key, row);
      },
      refused: () => {},
    },
  );
  const others = keys.filter(key => !rows.has(key));
  if (others.length === 0) return rows;
  return new Map([...rows, ...(await liveRows(session, mailbox, others))]);
}

/**
 * The messages of these keys as they were looked at a moment ago; undefined where not all of them were. For one change: they
 * are not the same after it.
 */
export function takeRecentRows(
  selection: Selection,
  keys: readonly MessageKey[],
): ReadonlyMap<MessageKey, Row> | undefined {
  const { looked, changes } = selection;
  delete selection.looked;
  if (looked?.at === undefined || looked.changes !== changes || !isRecent(looked.at)) return undefined;
  return keys.every(key => looked.rows.has(key)) ? looked.rows : undefined;
}

/** The same where a STORE can be kept from meeting one of them that changed since: each has a mod-sequence. */
export function takeGuardedRows(
  selection: Selection,
  keys: readonly MessageKey[],
): ReadonlyMap<MessageKey, Row> | undefined {
  const rows = takeRecentRows(selection, keys);
  return keys.every(key => rows?.get(key)?.modseq !== undefined) ? rows : undefined;
}
