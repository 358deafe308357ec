import { PosternError } from '../../model/error.js';
import { INBOX } from '../../model/mailbox.js';
import { CommandRefused, saysNonexistent } from './error-words.js';
import { isThere } from './listing.js';
import { open } from './opening.js';
import type { Place } from './selection.js';
import type { Session } from './session.js';
import { unsubscribe } from './subscriptions.js';
import { quoted } from './tokens.js';

/** DELETE (RFC 3501 §6.3.4) of a mailbox that was opened just now and had no message; mailboxes below it stay. */
export async function deleteOnServer(session: Session, place: Place): Promise<'done' | 'already'> {
  const { mailbox, raw } = place;
  if (mailbox === INBOX) throw new PosternError('server-refused', 'INBOX cannot be deleted');
  if (!(await isThere(session, mailbox))) return 'already';
  try {
    const { exists } = await open(session, place, 'read');
    await deselect(session, place);
    if (exists > 0) {
      throw new PosternError('server-refused', `${mailbox} is not deleted: it has ${exists} messages`);
    }
  } catch (error) {
    if (saysNonexistent(error)) return 'already';
    throw error;
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
    if (saysNonexistent(error) || !(await isThere(session, mailbox))) return 'already';
    throw error;
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
