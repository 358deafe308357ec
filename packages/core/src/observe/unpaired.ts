import { otherSide, type SideName } from '../model/by-side.js';
import type { Identity } from '../model/identity.js';
import type { MailboxName } from '../model/mailbox.js';
import type { MailboxView } from '../model/view.js';
import type { Store } from '../state/store.js';
import { loadUnsettled } from './load-view.js';

export interface Unpaired {
  readonly mailbox: MailboxName;
  readonly identity: Identity;
  /** No message like it is unpaired on the other side of its mailbox: it is not simply to be paired there. */
  readonly alone: boolean;
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
    const there = new Set(unpairedIn(view, otherSide(side)).map(({ digest }) => digest));
    for (const identity of unpairedIn(view, side)) {
      const one = { mailbox, identity, alone: !there.has(identity.digest) };
      const like = unpaired.get(identity.digest);
      if (like === undefined) unpaired.set(identity.digest, [one]);
      else like.push(one);
    }
  }
  return unpaired;
}

function unpairedIn({ pairs, sides }: MailboxView, side: SideName): Identity[] {
  const snapshot = sides[side];
  if (snapshot === undefined) return [];
  const paired = new Set<string>();
  for (const pair of pairs) if (pair[side].epoch === snapshot.cursor.epoch) paired.add(pair[side].key);
  return [...snapshot.rows.values()].filter(({ key }) => !paired.has(key)).map(({ identity }) => identity);
}
