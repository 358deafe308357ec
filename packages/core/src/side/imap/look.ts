import type { MailboxName } from '../../model/mailbox.js';
import type { Epoch, MessageKey, Row } from '../../model/row.js';
import type { Moment, Sight } from '../side.js';
import { rowOf } from './describe.js';
import { existingUids } from './existing.js';
import { rowColumns } from './fetch.js';
import { fetchSets } from './fetch-sets.js';
import { foreseenRows, foreseenUids } from './foreseen.js';
import { openFresh } from './opening.js';
import { demandEpoch, type Opened, type Selection } from './selection.js';
import type { Session } from './session.js';
import { uidOf, uidSets } from './uid-set.js';

const LOOKED_AT_ONCE = 5_000;

/** The messages of these keys as they are now, or were a moment ago. */
export async function lookAt(
  opened: Opened,
  epoch: Epoch,
  keys: readonly MessageKey[],
  when: Moment,
): Promise<Sight> {
  const { session, selection } = opened;
  demandEpoch(selection, epoch);
  // A UID given away since the mailbox was opened may be missing because the server did not tell of it yet.
  const { uidNext = 0, place, mode } = selection;
  const isBeyond = when !== 'now' && keys.some(key => (uidOf(key) ?? 0) >= uidNext);
  if (isBeyond) await openFresh(session, place, mode);
  const { changes } = selection;
  // A list of what exists says in one turn that all are gone.
  if (when === 'gone') {
    const foreseen = isBeyond ? undefined : foreseenUids(selection);
    const gone =
      foreseen === undefined
        ? await goneOf(session, selection, keys, new Set())
        : new Set(keys.filter(key => !foreseen.has(uidOf(key) ?? 0)));
    const there = keys.filter(key => !gone.has(key));
    return { rows: await liveRows(session, place.mailbox, there), gone };
  }
  const foreseen = when === 'now' ? undefined : foreseenRows(selection, keys);
  const at = foreseen?.at ?? performance.now();
  const rows = foreseen?.rows ?? (await liveRows(session, place.mailbox, keys));
  selection.looked = { at: when === 'to-change' ? at : undefined, changes, rows };
  return { rows, gone: await goneOf(session, selection, keys, rows) };
}

/** Rows of the open mailbox; messages that are gone or cannot be described are left out. */
export async function liveRows(
  session: Session,
  mailbox: MailboxName,
  keys: readonly MessageKey[],
): Promise<Map<MessageKey, Row>> {
  const rows = new Map<MessageKey, Row>();
  const wanted = new Set(keys.flatMap(key => uidOf(key) ?? []));
  const request = {
    mailbox,
    sets: uidSets(wanted, { messages: LOOKED_AT_ONCE }),
    columns: rowColumns(session),
  };
  await fetchSets(session, request, {
    take: fetched => {
      const row = wanted.has(fetched.uid) ? rowOf(fetched) : undefined;
      if (row !== undefined) rows.set(row.key, row);
    },
    refused: () => {},
  });
  return rows;
}

/** Which of the keys that were not found are proven not to exist. */
export async function goneOf(
  session: Session,
  selection: Selection,
  keys: readonly MessageKey[],
  found: { has(key: MessageKey): boolean },
): Promise<Set<MessageKey>> {
  const missing = keys.filter(key => !found.has(key));
  if (missing.length === 0) return new Set();
  const existing = await existingUids(session, selection);
  return new Set(missing.filter(key => !existing.has(uidOf(key) ?? 0)));
}
