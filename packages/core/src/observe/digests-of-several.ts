import type { SideName } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Cursor } from '../model/row.js';
import { peekDigest } from '../state/glimpse.js';
import type { Store } from '../state/store.js';

interface Known {
  readonly stamp: string;
  readonly digests: ReadonlySet<string>;
}

/** One command asks for each part of a mailbox. */
const known = new WeakMap<Store, Map<MailboxName, Known>>();

/** The digests that more than one message of a mailbox has, as a side was last looked at; read once a look. */
export async function digestsOfSeveral(
  store: Store,
  mailbox: MailboxName,
  { side, cursor }: { readonly side: SideName; readonly cursor: Cursor },
): Promise<ReadonlySet<string>> {
  const mailboxes = known.get(store) ?? new Map<MailboxName, Known>();
  known.set(store, mailboxes);
  const stamp = JSON.stringify([side, cursor]);
  // One that notes nothing but a number is the same after one message went and one came.
  const tells = cursor.stamp !== undefined || cursor.uidNext !== undefined;
  const before = mailboxes.get(mailbox);
  if (tells && before?.stamp === stamp) return before.digests;
  const seen = new Set<string>();
  const digests = new Set<string>();
  for (const digest of (await store.glimpses(side, mailbox, peekDigest)).values())
    (seen.has(digest) ? digests : seen).add(digest);
  mailboxes.set(mailbox, { stamp, digests });
  return digests;
}
