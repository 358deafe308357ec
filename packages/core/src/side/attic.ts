import type { Envelope, Identity } from '../model/identity.js';
import type { MailboxName } from '../model/mailbox.js';

/** A message that was removed and can be got back. */
export interface AtticEntry {
  /** `<operation>/<file>`, printable: what people name it by. */
  readonly name: string;
  /** The directory it is in: the operation that removed it, and the mailbox. */
  readonly directory: string;
  readonly operation: string;
  /** The mailbox it was removed from; absent where its name was too long to be kept. */
  readonly mailbox?: MailboxName;
  /** When; milliseconds since the epoch. The latest moment that anything speaks for. */
  readonly removed: number;
  /** Octets on disk. */
  readonly size: number;
  /** What must be the same for it to be the same file still. */
  readonly stamp: string;
}

export interface AtticMessage {
  readonly identity: Identity;
  readonly envelope: Envelope;
}

export type RestoreOutcome =
  | { readonly kind: 'done' }
  /** It is in the mailbox: a restore, or a removal, that was interrupted. */
  | { readonly kind: 'already' }
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Where a side keeps removed messages. Only files that a removal put there are entries: whatever else lies there is
 * neither listed nor touched, and no symbolic link is followed.
 */
export interface Attic {
  /** All entries, by operation. None where nothing was ever removed. */
  list(): AsyncIterable<AtticEntry>;
  /** What the message is; undefined when it cannot be read. */
  describe(entry: AtticEntry): Promise<AtticMessage | undefined>;
  /** The file's bytes as they are. */
  read(entry: AtticEntry): Iterable<Uint8Array>;
  /** Deletes entries for good, if they still are what was listed; returns those that are gone now. */
  drop(entries: readonly AtticEntry[]): Promise<readonly AtticEntry[]>;
  /** Removes the directories of operations that hold nothing; returns how many. */
  dropEmpty(): Promise<number>;
  /**
   * Puts a message back into a mailbox that is there, as a new one: without \Deleted, and without its keywords when the
   * mailbox is another. It leaves the attic. Doing it again after a crash makes no second copy.
   */
  restore(entry: AtticEntry, mailbox: MailboxName): Promise<RestoreOutcome>;
}
