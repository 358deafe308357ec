import { PosternError } from '@postern/core/model/error.js';
import { printable } from '@postern/core/model/escape-text.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import type { Store } from '@postern/core/state/store.js';
import { nearest } from './config/nearest.js';

/** Refuses mailboxes that neither side has: a typing mistake must not look like "nothing to do". */
export async function checkKnown(store: Store, mailboxes: readonly MailboxName[] | undefined): Promise<void> {
  if (mailboxes === undefined) return;
  const known = [...(await store.all('mailbox', '')).keys()];
  for (const mailbox of mailboxes) {
    if (known.includes(mailbox)) continue;
    const near = nearest(mailbox, known);
    throw new PosternError('failed', `neither side has a mailbox "${printable(mailbox)}"`, {
      hint:
        near === undefined ? 'if it is new, run postern fetch first' : `did you mean "${printable(near)}"?`,
    });
  }
}
