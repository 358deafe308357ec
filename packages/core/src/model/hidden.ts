import type { MailboxName } from './mailbox.js';

/** A place where a mailbox may be, out of sight: an empty directory where a disk may be mounted, a link, what cannot be read. */
export interface Hidden {
  readonly mailbox: MailboxName;
  /** What is there instead, in a few words. */
  readonly reason: string;
  /** Set where what lies below is out of sight too. */
  readonly andBelow?: true;
}

/** What hides a mailbox that is not listed; undefined when it is simply not there. */
export function hiddenAt(hidden: readonly Hidden[] | undefined, mailbox: MailboxName): Hidden | undefined {
  return hidden?.find(
    place => place.mailbox === mailbox || (place.andBelow && mailbox.startsWith(`${place.mailbox}/`)),
  );
}
