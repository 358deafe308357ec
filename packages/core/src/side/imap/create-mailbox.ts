import { CommandRefused } from './error-words.js';
import { isThere } from './listing.js';
import type { Place } from './selection.js';
import type { Session } from './session.js';
import { subscribe } from './subscriptions.js';
import { quoted } from './tokens.js';

/** CREATE, which makes the levels above too (RFC 3501 §6.3.3), and SUBSCRIBE, so that other clients show the mailbox. */
export async function createOnServer(session: Session, place: Place): Promise<'done' | 'already'> {
  const { mailbox, raw } = place;
  try {
    await session.command({
      effect: 'CREATE',
      target: mailbox,
      command: 'CREATE',
      attributes: [quoted(raw)],
    });
  } catch (error) {
    if (!(error instanceof CommandRefused) || error.code === 'try-later') throw error;
    // Not every server says ALREADYEXISTS (RFC 5530): the list is asked.
    if (await isThere(session, mailbox)) return 'already';
    throw error;
  }
  await subscribe(session, place);
  return 'done';
}
