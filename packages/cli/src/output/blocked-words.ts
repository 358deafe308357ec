import type { Blocked } from '@postern/core/model/view.js';
import { counted } from './numbers.js';

/** How much is blocked, for a person: "2 messages and 1 mailbox blocked". There is something. */
export function blockedWords(blocked: readonly Blocked[]): string {
  const messages = blocked.filter(({ remote, local, key }) => (remote ?? local ?? key) !== undefined).length;
  const mailboxes = blocked.length - messages;
  const parts = [
    ...(messages > 0 ? [counted(messages, 'message')] : []),
    ...(mailboxes > 0 ? [counted(mailboxes, 'mailbox', 'mailboxes')] : []),
  ];
  return `${parts.join(' and ')} blocked`;
}
