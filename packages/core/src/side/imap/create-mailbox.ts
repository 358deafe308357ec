import { CommandRefused } from './error-words.js';
import { listMailboxes } from './listing.js';
import type { Place } from './selection.js';
import type { Session } from './session.js';
import { quoted } from './tokens.js';

/** CREATE, which makes the levels above too (RFC 3501 §6.3.3), and SUBSCRIBE, so that other clients show the mailbox. */
export async function createOnServer(session: Session, { mailbox, raw }: Place): Promise<'done' | 'already'> {
  const name = [quoted(raw)];
  try {
    await session.command({ effect: 'CREATE', target: mailbox, command: 'CREATE', attributes: name });
  } catch (error) {
    if (!(error instanceof CommandRefused) || error.code === 'try-later') throw error;
    if (await isThere(session, mailbox)) return 'already';
    throw error;
  }
  try {
    await session.command({ effect: 'SUBSCRIBE', target: mailbox, command: 'SUBSCRIBE', attributes: name });
  } catch (error) {
    if (!(error instanceof CommandRefused)) throw error;
  }
  return 'done';
}

/** Not every server says ALREADYEXISTS (RFC 5530): the list is asked. */
async function isThere(session: Session, mailbox: Place['mailbox']): Promise<boolean> {
  const { entries } = await listMailboxes(session);
  return entries.some(entry => entry.mailbox === mailbox && entry.selectable);
}
