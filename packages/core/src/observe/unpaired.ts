import type { SideName } from '../model/by-side.js';
import type { Identity } from '../model/identity.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Store } from '../state/store.js';
import { loadUnsettled } from './load-view.js';

export interface Unpaired {
  readonly mailbox: MailboxName;
  readonly identity: Identity;
}

/** By digest. */
export type UnpairedMessages = ReadonlyMap<string, readonly Unpaired[]>;

/** A side's messages that no pair of their own mailbox holds. Mailboxes that the merge found quiet have none. */
export async function unpairedMessages(store: Store, side: SideName): Promise<UnpairedMessages> {
  const unpaired = new Map<string, Unpaired[]>();
  const withMail = new Set(await store.partitions(side));
  for (const record of (await store.all('mailbox', '')).values()) {
    const { mailbox, quiet } = record;
    if (quiet || record.sides[side] === undefined || !withMail.has(mailbox)) continue;
    const view = await loadUnsettled(store, record);
    const snapshot = view.sides[side];
    if (snapshot === undefined) continue;
    const paired = new Set<string>();
    for (const pair of view.pairs) if (pair[side].epoch === snapshot.cursor.epoch) paired.add(pair[side].key);
    for (const [key, { identity }] of snapshot.rows) {
      if (paired.has(key)) continue;
      const like = unpaired.get(identity.digest);
      if (like === undefined) unpaired.set(identity.digest, [{ mailbox, identity }]);
      else like.push({ mailbox, identity });
    }
  }
  return unpaired;
}
