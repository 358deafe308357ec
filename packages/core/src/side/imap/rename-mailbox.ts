import { PosternError } from '../../model/error.js';
import { INBOX } from '../../model/mailbox.js';
import type { Place } from './selection.js';
import type { Session } from './session.js';
import { subscribe, unsubscribe } from './subscriptions.js';
import { quoted } from './tokens.js';

/**
 * RENAME (RFC 3501 §6.3.5), which takes along the mailboxes below it; subscriptions follow. INBOX is refused: renaming it
 * would move its messages and leave it there.
 */
export async function renameOnServer(session: Session, request: Renaming): Promise<void> {
  const { from, to, separator, subscribed } = request;
  if (from.mailbox === INBOX || to.mailbox === INBOX) {
    throw new PosternError('server-refused', 'INBOX can neither be renamed nor be a new name');
  }
  session.selection = undefined;
  await session.command({
    effect: 'RENAME',
    target: from.mailbox,
    command: 'RENAME',
    attributes: [quoted(from.raw), quoted(to.raw)],
    progress: false,
  });
  for (const raw of subscribed) {
    const below = separator !== undefined && raw.startsWith(from.raw + separator);
    if (raw !== from.raw && !below) continue;
    await unsubscribe(session, { mailbox: from.mailbox, raw });
    await subscribe(session, { mailbox: to.mailbox, raw: to.raw + raw.slice(from.raw.length) });
  }
}

export interface Renaming {
  readonly from: Place;
  readonly to: Place;
  /** Between levels; undefined where the server has none. */
  readonly separator: string | undefined;
  /** The names as the server spells them that other clients show. */
  readonly subscribed: ReadonlySet<string>;
}
