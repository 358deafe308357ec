import type { SideName } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Store } from '../state/store.js';
import { loadView } from './load-view.js';

/**
 * Digests of a side's messages that no pair of their own mailbox holds, with the mailboxes they are in. Mailboxes that the
 * merge found quiet have none.
 */
export async function unpairedDigests(store: Store, side: SideName): Promise<Map<string, Set<MailboxName>>> {
  const digests = new Map<string, Set<MailboxName>>();
  for (const record of (await store.all('mailbox', '')).values()) {
    if (record.quiet || record.sides[side] === undefined) continue;
    const view = await loadView(store, record);
    const paired = new Set(
      view.pairs
        .filter(pair => pair[side].epoch === record.sides[side]?.cursor.epoch)
        .map(pair => pair[side].key),
    );
    for (const row of view.sides[side]?.rows.values() ?? []) {
      if (paired.has(row.key)) continue;
      const mailboxes = digests.get(row.identity.digest);
      if (mailboxes === undefined) digests.set(row.identity.digest, new Set([record.mailbox]));
      else mailboxes.add(record.mailbox);
    }
  }
  return digests;
}
