import type { SideName } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import type { MessageKey, Row, Snapshot } from '../model/row.js';
import type { MailboxView } from '../model/view.js';
import type { MailboxRecord } from '../state/records.js';
import type { Store } from '../state/store.js';

/** Messages of a mailbox that are new on a side, while all that the other side has in it is in settled pairs. */
export interface Part {
  readonly mailbox: MailboxName;
  readonly side: SideName;
  readonly keys: readonly MessageKey[];
  readonly isFirst: boolean;
}

/** A mailbox as if it had no other messages: merging it copies these. */
export async function loadPart(
  store: Store,
  { mailbox, sides, agreed }: MailboxRecord,
  { side, keys, isFirst }: Part,
): Promise<MailboxView> {
  const snapshotOf = async (one: SideName): Promise<Snapshot | undefined> => {
    const known = sides[one];
    if (known === undefined) return undefined;
    const { cursor, permanentFlags, unreadable = {} } = known;
    const rows = await store.some(one, mailbox, one === side ? keys : []);
    return {
      mailbox,
      cursor,
      permanentFlags,
      rows: rows as ReadonlyMap<MessageKey, Row>,
      // Told once.
      unreadable: new Map(isFirst ? (Object.entries(unreadable) as [MessageKey, string][]) : []),
    };
  };
  return {
    mailbox,
    pairs: [],
    sides: { remote: await snapshotOf('remote'), local: await snapshotOf('local') },
    vanished: [],
    known: agreed ?? false,
  };
}
