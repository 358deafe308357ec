import type { MailboxName } from '../model/mailbox.js';
import type { Change } from './store.js';

/** Kinds that only tell where there is no need to look: without them everything is looked at, and nothing else changes. */
export const HINTS = ['digests', 'files'] as const;

/** For a mailbox that is gone, or called otherwise: another one may come to have its name. */
export function clearHints(mailbox: MailboxName): Change[] {
  return HINTS.map(clear => ({ clear, mailbox }));
}
