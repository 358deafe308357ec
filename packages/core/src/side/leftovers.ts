import type { MailboxName } from '../model/mailbox.js';

/** A file that a delivery which never ended has left in a mailbox's `tmp`, ours or another program's. */
export interface Leftover {
  readonly mailbox: MailboxName;
  /** The file name, printable. */
  readonly name: string;
  /** Octets. */
  readonly size: number;
}

/** What nobody will finish, by the rule of maildir(5): no file in `tmp` that was touched after `before` is looked at. */
export interface Leftovers {
  /** `before`: milliseconds since the epoch. */
  list(before: number): AsyncIterable<Leftover>;
  /** Deletes one, if it still is that old; false when it is not there any more, or is younger. */
  drop(leftover: Leftover, before: number): Promise<boolean>;
}
