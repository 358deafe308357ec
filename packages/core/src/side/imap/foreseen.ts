import type { MessageKey, Row } from '../../model/row.js';
import type { Fetched } from './fetch.js';
import { open } from './opening.js';
import { isRecent } from './recent-look.js';
import { type Place, type Selection, serves } from './selection.js';
import type { Session } from './session.js';
import type { UidRanges } from './uid-ranges.js';

/** The mailbox for deliveries: opened anew, or as it was opened a moment ago for what was to come. */
export async function openToDeliver(
  session: Session,
  place: Place,
  mode: 'read' | 'write',
): Promise<Selection> {
  const { selection } = session;
  const foreseen = foreseenIn(selection);
  const isNew = foreseen?.isUntouched && selection?.changes === 0;
  if (selection === undefined || !isNew || !serves(selection, place, mode)) return open(session, place, mode);
  foreseen.isUntouched = false;
  return selection;
}

/** The messages of these keys as they were when the mailbox was opened a moment ago; undefined where not all of them were asked for. */
export function foreseenRows(
  selection: Selection,
  keys: readonly MessageKey[],
): { readonly rows: ReadonlyMap<MessageKey, Row>; readonly at: number } | undefined {
  const foreseen = foreseenIn(selection);
  if (foreseen === undefined) return undefined;
  const rows = new Map<MessageKey, Row>();
  for (const key of keys) {
    const row = foreseen.rows.get(key);
    if (row === undefined) return undefined;
    rows.set(key, row);
  }
  return { rows, at: foreseen.at };
}

/** A message with its body as it came when the mailbox was opened a moment ago. It is held no longer. */
export function takeForeseenBody(selection: Selection, key: MessageKey): Fetched | undefined {
  const bodies = foreseenIn(selection)?.bodies;
  const body = bodies?.get(key);
  bodies?.delete(key);
  return body;
}

/** The UIDs the mailbox had when it was opened a moment ago, where they were asked for. A UID that is gone does not come back. */
export function foreseenUids(selection: Selection): UidRanges | undefined {
  return foreseenIn(selection)?.existing;
}

function foreseenIn(selection: Selection | undefined): Selection['foreseen'] {
  const foreseen = selection?.foreseen;
  return foreseen !== undefined && isRecent(foreseen.at) ? foreseen : undefined;
}
