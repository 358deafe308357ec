import { type BySide, bySide, otherSide, SIDES, type SideName } from '../model/by-side.js';
import type { Identity } from '../model/identity.js';
import type { MailboxName } from '../model/mailbox.js';
import type { MailboxView } from '../model/view.js';
import type { MailboxRecord } from '../state/records.js';
import type { Store } from '../state/store.js';
import { loadUnsettled } from './load-view.js';
import { unpairedKeys } from './paired-ends.js';

export interface Unpaired {
  readonly mailbox: MailboxName;
  readonly identity: Identity;
  /** No message like it is unpaired on the other side of its mailbox: it is not simply to be paired there. */
  readonly alone: boolean;
}

/** By digest. */
export type UnpairedMessages = ReadonlyMap<string, readonly Unpaired[]>;

/** The messages of some sides that no pair of their own mailbox holds. Mailboxes that the merge found quiet have none. */
export async function unpairedMessages(
  store: Store,
  wanted: readonly SideName[] = SIDES,
): Promise<BySide<UnpairedMessages>> {
  const unpaired = bySide(() => new Map<string, Unpaired[]>());
  const withMail = new Set<string>();
  for (const side of wanted) for (const mailbox of await store.partitions(side)) withMail.add(mailbox);
  for (const record of (await store.all('mailbox', '')).values()) {
    const { mailbox, quiet } = record;
    if (quiet || !withMail.has(mailbox) || (await isInPairs(store, record, wanted))) continue;
    const view = await loadUnsettled(store, record);
    const identities = bySide(side => unpairedIn(view, side));
    for (const side of wanted) {
      const there = new Set(identities[otherSide(side)].map(({ digest }) => digest));
      for (const identity of identities[side]) {
        const one = { mailbox, identity, alone: !there.has(identity.digest) };
        const like = unpaired[side].get(identity.digest);
        if (like === undefined) unpaired[side].set(identity.digest, [one]);
        else like.push(one);
      }
    }
  }
  return unpaired;
}

/** Whether nothing on these sides is unpaired, where that can be told without reading rows. */
async function isInPairs(store: Store, record: MailboxRecord, sides: readonly SideName[]): Promise<boolean> {
  if (record.touched !== undefined || (await store.count('pair', record.mailbox)) === 0) return false;
  for (const side of sides) if ((await unpairedKeys(store, record, side)).length > 0) return false;
  return true;
}

function unpairedIn({ pairs, sides }: MailboxView, side: SideName): Identity[] {
  const snapshot = sides[side];
  if (snapshot === undefined) return [];
  const paired = new Set<string>();
  for (const pair of pairs) if (pair[side].epoch === snapshot.cursor.epoch) paired.add(pair[side].key);
  return [...snapshot.rows.values()].filter(({ key }) => !paired.has(key)).map(({ identity }) => identity);
}
