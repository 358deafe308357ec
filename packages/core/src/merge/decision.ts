import type { SideName } from '../model/by-side.js';
import type { FlagDelta, Flags } from '../model/flags.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Pair } from '../model/pair.js';
import type { Row } from '../model/row.js';
import type { Blocked } from '../model/view.js';

/** One thing the merge wants done. plan/ makes a line of it. */
export type Decision =
  | {
      readonly kind: 'create-mailbox';
      readonly on: SideName;
      readonly mailbox: MailboxName;
      readonly why: string;
    }
  | {
      readonly kind: 'pair';
      readonly mailbox: MailboxName;
      readonly remote: Row;
      readonly local: Row;
      readonly why: string;
    }
  | { readonly kind: 'unpair'; readonly mailbox: MailboxName; readonly pair: Pair; readonly why: string }
  | {
      readonly kind: 'copy';
      readonly to: SideName;
      readonly mailbox: MailboxName;
      readonly row: Row;
      /** The pair this copy takes the place of. */
      readonly instead?: Pair;
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
      readonly kind: 'delete';
      readonly on: SideName;
      readonly mailbox: MailboxName;
      readonly pair: Pair;
      readonly row: Row;
      readonly why: string;
    };

export interface Merge {
  readonly decisions: readonly Decision[];
  readonly blocked: readonly Blocked[];
}
