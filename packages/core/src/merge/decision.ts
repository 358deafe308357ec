import type { SideName } from '../model/by-side.js';
import type { FlagDelta, Flags } from '../model/flags.js';
import type { Identity } from '../model/identity.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Pair } from '../model/pair.js';
import type { Row } from '../model/row.js';
import type { Blocked } from '../model/view.js';

/** One thing the merge wants done. plan/ makes a line of it. */
export type Decision =
  | {
      readonly kind: 'create-mailbox' | 'delete-mailbox';
      readonly on: SideName;
      readonly mailbox: MailboxName;
      readonly conflict?: true;
      readonly why: string;
    }
  | {
      readonly kind: 'rename-mailbox';
      readonly on: SideName;
      readonly mailbox: MailboxName;
      readonly to: MailboxName;
      readonly why: string;
    }
  | {
      readonly kind: 'pair';
      readonly mailbox: MailboxName;
      readonly remote: Row;
      readonly local: Row;
      readonly why: string;
    }
  | {
      readonly kind: 'unpair';
      readonly mailbox: MailboxName;
      readonly pair: Pair;
      /** The end that is there, of a pair that proves nothing any more: it may turn out to have moved. */
      readonly left?: { readonly side: SideName; readonly row: Row };
      readonly why: string;
    }
  | {
      readonly kind: 'copy';
      readonly to: SideName;
      readonly mailbox: MailboxName;
      readonly row: Row;
      /** The pair this copy takes the place of. */
      readonly instead?: Pair;
      /** It is copied back because it changed here and is gone there, unless it turns out to have moved. */
      readonly restores?: true;
      readonly conflict?: true;
      readonly why: string;
    }
  | {
      readonly kind: 'flag';
      readonly on: SideName;
      readonly mailbox: MailboxName;
      readonly remote: Row;
      readonly local: Row;
      /** The other side's flags: where the change comes from. */
      readonly source: Flags;
      readonly delta: FlagDelta;
      readonly why: string;
    }
  | {
      /** A message that is new in `to` on the other side, and on this one in `mailbox` already: copied there. */
      readonly kind: 'duplicate';
      readonly on: SideName;
      readonly mailbox: MailboxName;
      readonly to: MailboxName;
      /** What is copied, in `mailbox`. */
      readonly original: Row;
      /** The same message on the other side, in `to`. */
      readonly partner: Row;
      readonly why: string;
    }
  | {
      /** A message that moved on the other side; it is moved on this one too. */
      readonly kind: 'move';
      readonly on: SideName;
      readonly mailbox: MailboxName;
      readonly to: MailboxName;
      /** What is moved, in `mailbox`. */
      readonly victim: Row;
      /** The same message on the other side, in `to`. */
      readonly partner: Row;
      readonly identity: Identity;
      readonly conflict?: true;
      readonly why: string;
    }
  | {
      readonly kind: 'delete';
      readonly on: SideName;
      readonly mailbox: MailboxName;
      readonly pair: Pair;
      readonly row: Row;
      readonly why: string;
    };

/** Not a decision: a message whose mailbox is out of sight on the other side for now. It stays, unless it turns out to have moved. */
export interface Waiting {
  readonly on: SideName;
  readonly mailbox: MailboxName;
  readonly identity: Identity;
  readonly row: Row;
}

export interface Merge {
  readonly waiting?: readonly Waiting[];
  readonly decisions: readonly Decision[];
  readonly blocked: readonly Blocked[];
}
