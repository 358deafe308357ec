import type { BySide, SideName } from './by-side.js';
import type { MailboxName } from './mailbox.js';
import type { Pair } from './pair.js';
import type { MessageKey, Row, Snapshot } from './row.js';

/** Everything that is known of one mailbox: what the merge decides from. */
export interface MailboxView {
  readonly mailbox: MailboxName;
  readonly pairs: readonly Pair[];
  /** Undefined: the side has no such mailbox. */
  readonly sides: BySide<Snapshot | undefined>;
  /** Sides that had the mailbox and were listed without it more than once. */
  readonly vanished?: readonly SideName[];
  /** The two sides have agreed on this mailbox before. */
  readonly known: boolean;
  /** Why base may not be a reason to delete here in this round (DESIGN §5); undefined when it may. */
  readonly rematch?: string;
}

/** A message that is neither copied nor deleted until its identity is clear; without row and key, a whole mailbox. */
export interface Blocked {
  readonly mailbox: MailboxName;
  /** Of a message that cannot be read, and so has no row. */
  readonly key?: MessageKey;
  readonly remote?: Row;
  readonly local?: Row;
  /** One sentence: why, and what a person can do. */
  readonly reason: string;
}
