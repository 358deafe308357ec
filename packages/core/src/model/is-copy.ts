import type { Row } from './row.js';

/** What is known of a message without its bytes, or with them. */
export type Known = Pick<Row, 'identity' | 'date' | 'serverId'>;

/**
 * Whether two messages in different mailboxes of one side are the same octets, as surely as one must be to stand in for
 * the other (decision 7): equal contents; or the server's own word (EMAILID, X-GM-MSGID). Where neither is known: equal
 * header fields with a Message-ID, equal size and second of arrival, and no other message like it in either mailbox.
 */
export function isCopy(a: Known, b: Known, areSole: () => boolean): boolean {
  const [one, other] = [a.identity, b.identity];
  if (one.content !== undefined && other.content !== undefined) return one.content === other.content;
  if (one.digest !== other.digest || one.size !== other.size) return false;
  if (a.serverId !== undefined && b.serverId !== undefined) return a.serverId === b.serverId;
  return (
    one.messageId !== undefined &&
    one.messageId === other.messageId &&
    Math.floor(a.date / 1000) === Math.floor(b.date / 1000) &&
    areSole()
  );
}
