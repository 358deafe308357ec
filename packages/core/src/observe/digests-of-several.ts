import type { SideName } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Cursor } from '../model/row.js';
import { peekDigest } from '../state/glimpse.js';
import type { Store } from '../state/store.js';
import { MailboxMemory } from './mailbox-memory.js';

/** One command asks for each part of a mailbox. */
const several = new MailboxMemory<ReadonlySet<string>>();

/** The digests that more than one message of a mailbox has, as a side was last looked at; read once a look. */
export async function digestsOfSeveral(
  store: Store,
  mailbox: MailboxName,
  { side, cursor }: { readonly side: SideName; readonly cursor: Cursor },
): Promise<ReadonlySet<string>> {
  const stamp = JSON.stringify([side, cursor]);
  // One that notes nothing but a number is the same after one message went and one came.
  const tells = cursor.stamp !== undefined || cursor.uidNext !== undefined;
  const known = tells ? several.recall(store, mailbox, stamp) : undefined;
  if (known !== undefined) return known;
  const seen = new Set<string>();
  const digests = new Set<string>();
  for (const digest of (await store.glimpses(side, mailbox, peekDigest)).values())
    (seen.has(digest) ? digests : seen).add(digest);
  several.note(store, mailbox, stamp, digests);
  return digests;
}
