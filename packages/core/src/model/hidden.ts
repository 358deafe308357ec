import type { MailboxName } from './mailbox.js';

/** A place where a mailbox may be, out of sight: an empty directory where a disk may be mounted, a link, what cannot be read. */
export interface Hidden {
  readonly mailbox: MailboxName;
  /** What is there instead, in a few words. */
  readonly reason: string;
  /** Set where what lies below is out of sight too. */
  readonly andBelow?: true;
  /** Set where mailboxes lie below that have no witness: one that had none either is simply gone. */
  readonly onlyWitnessed?: true;
}

/** Whether a place is that of a mailbox, or one above it that hides what is below. */
export function hides(place: Hidden, mailbox: MailboxName): boolean {
  return place.mailbox === mailbox || (place.andBelow === true && mailbox.startsWith(`${place.mailbox}/`));
}

/** What hides a mailbox that is not listed; undefined when it is simply not there. `generation` 0: it never had a witness. */
export function hiddenAt(
  hidden: readonly Hidden[] | undefined,
  { mailbox, generation }: { readonly mailbox: MailboxName; readonly generation: number },
): Hidden | undefined {
  return hidden?.find(place => hides(place, mailbox) && (generation > 0 || !place.onlyWitnessed));
}
