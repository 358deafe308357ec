import { PosternError } from '../../model/error.js';
import { CommandRefused } from './error-words.js';
import { isThere } from './listing.js';
import { open, type Place } from './selection.js';
import type { Session } from './session.js';
import { unsubscribe } from './subscriptions.js';
import { quoted } from './tokens.js';

/** DELETE (RFC 3501 §6.3.4) of a mailbox that was opened just now and had no message; mailboxes below it stay. */
export async function deleteOnServer(session: Session, place: Place): Promise<'done' | 'already'> {
  const { mailbox, raw } = place;
  if (!(await isThere(session, mailbox))) return 'already';
  const { exists } = await open(session, place, 'read');
  await deselect(session, place);
  if (exists > 0) {
    throw new PosternError('server-refused', `${mailbox} is not deleted: it has ${exists} messages`);
  }
  try {
    await session.command({
      effect: 'DELETE',
      target: mailbox,
      command: 'DELETE',
      attributes: [quoted(raw)],
      progress: false,
    });
  } catch (error) {
    if (!(error instanceof CommandRefused) || error.code === 'try-later') throw error;
    if (await isThere(session, mailbox)) throw error;
    return 'already';
  }
  await unsubscribe(session, place);
  return 'done';
}

/** Some servers do not delete what is open. CLOSE removes nothing from a mailbox opened by EXAMINE (RFC 3501 §6.4.2). */
async function deselect(session: Session, { mailbox }: Place): Promise<void> {
  session.selection = undefined;
  const verb = session.has('UNSELECT') ? 'UNSELECT' : 'CLOSE';
  await session.command({ effect: verb, target: mailbox, command: verb });
}
