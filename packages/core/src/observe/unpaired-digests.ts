import { unsettledPart } from '../match/unsettled-part.js';
import { type BySide, bySide, SIDES } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Store } from '../state/store.js';
import { loadView } from './load-view.js';

/** Mailboxes by the digests of messages in them. */
export type MailboxesByDigest = ReadonlyMap<string, ReadonlySet<MailboxName>>;

export const NO_DIGESTS: BySide<MailboxesByDigest> = { remote: new Map(), local: new Map() };

/**
 * Digests of each side's messages that no pair of their own mailbox holds, with the mailboxes they are in. Mailboxes that the
 * merge found quiet have none.
 */
export async function unpairedDigests(store: Store): Promise<BySide<MailboxesByDigest>> {
  const digests = bySide(() => new Map<string, Set<MailboxName>>());
  for (const record of (await store.all('mailbox', '')).values()) {
    if (record.quiet) continue;
    const view = unsettledPart(await loadView(store, record));
    for (const side of SIDES) {
      const snapshot = view.sides[side];
      if (snapshot === undefined) continue;
      const paired = new Set<string>();
      for (const pair of view.pairs)
        if (pair[side].epoch === snapshot.cursor.epoch) paired.add(pair[side].key);
      for (const [key, { identity }] of snapshot.rows) {
        if (paired.has(key)) continue;
        const mailboxes = digests[side].get(identity.digest);
        if (mailboxes === undefined) digests[side].set(identity.digest, new Set([record.mailbox]));
        else mailboxes.add(record.mailbox);
      }
    }
  }
  return digests;
}
