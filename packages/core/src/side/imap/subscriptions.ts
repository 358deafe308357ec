import { CommandRefused } from './error-words.js';
import { lsub } from './listing.js';
import type { Place } from './selection.js';
import type { Session } from './session.js';
import { quoted } from './tokens.js';

/** The names as the server spells them that other clients show (RFC 3501 §6.3.9); none where it does not say. */
export async function subscribedNames(session: Session): Promise<Set<string>> {
  return (await orNothing(() => lsub(session))) ?? new Set();
}

/** SUBSCRIBE; a server that will not is let be: mail does not depend on it. */
export async function subscribe(session: Session, { mailbox, raw }: Place): Promise<void> {
  const command = { effect: 'SUBSCRIBE', target: mailbox, command: 'SUBSCRIBE', attributes: [quoted(raw)] };
  await orNothing(() => session.command(command));
}

/** UNSUBSCRIBE, in the same spirit. */
export async function unsubscribe(session: Session, { mailbox, raw }: Place): Promise<void> {
  const command = {
    effect: 'UNSUBSCRIBE',
    target: mailbox,
    command: 'UNSUBSCRIBE',
    attributes: [quoted(raw)],
  };
  await orNothing(() => session.command(command));
}

async function orNothing<T>(act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof CommandRefused)) throw error;
    return undefined;
  }
}
