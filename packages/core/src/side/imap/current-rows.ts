import type { MessageKey, Row } from '../../model/row.js';
import { flagColumns } from './fetch.js';
import { fetchSets } from './fetch-sets.js';
import { liveRows } from './look.js';
import type { Opened } from './selection.js';
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
