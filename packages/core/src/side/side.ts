import { PosternError } from '../model/error.js';
import type { FlagDelta, Flags } from '../model/flags.js';
import type { Envelope, Identity } from '../model/identity.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Cursor, Epoch, Listing, MessageKey, Problem, Row, Snapshot } from '../model/row.js';
import type { Changes, Earlier, TakeRows } from './earlier.js';

/**
 * The port both sides implement. `remote` and `local` are positions: any class can serve either.
 *
 * Rules for every implementation, checked by test/contract/side.ts:
 * - an answer is complete and proven so, or it is an error: a listing that fails is never an empty mailbox;
 * - every method that takes an epoch throws `snapshot-incomplete` when the mailbox's epoch is another one now;
 * - nothing destructive happens to a message that is not what the caller expects (see `remove`);
 * - bytes travel in wire form (CRLF), as chunks; flags in their usual spelling;
 * - every effect passes the seam the side was made with;
 * - calls are not concurrent: the caller awaits one before it starts the next. But where keys are file names, the next batch of deliveries
 *   may be opened and staged while one is inspected and published, and the mailbox made durable.
 */
export interface Side {
  readonly kind: 'imap' | 'maildir' | 'memory';
  /** What keys are: UIDs a server assigns at delivery, or file names the side chooses before it. */
  readonly keys: 'uid' | 'file';
  /** The most letters of one batch of deliveries; the caller's usual number unless said. */
  readonly largestBatch?: number;

  /** For people and for the plan's header: `imaps://me@imap.example.org`, `maildir:/home/me/Mail`. No secrets. */
  readonly address: string;

  /** Mailboxes, in no order. Throws `side-missing` when the side as a whole is not there (unmounted disk). */
  list(): Promise<Listing>;

  /**
   * All messages of a mailbox, as what changed since an earlier snapshot: no more of it is read than the side needs to prove
   * that. `seen` is told now and then how many messages were read so far. Where there is no earlier snapshot, rows of a large mailbox
   * may go to `take` instead of into the answer. Throws `mailbox-unreadable` or `snapshot-incomplete`.
   */
  changes(mailbox: MailboxName, earlier: Earlier | undefined, seen?: Seen, take?: TakeRows): Promise<Changes>;

  /**
   * The same as a whole: all messages of a mailbox. `known` is what the caller still has from an earlier snapshot: rows in it are used again
   * where the side can prove that they did not change.
   */
  snapshot(mailbox: MailboxName, known: Snapshot | undefined, seen?: Seen): Promise<Snapshot>;

  /**
   * Whether the mailbox is provably as it was at a cursor of a snapshot without unreadable messages, at the cost of a few
   * stats at most; false where that cannot be said so cheaply.
   */
  isAsAt(mailbox: MailboxName, cursor: Cursor): Promise<boolean>;

  /**
   * The messages of these keys as they are at this moment, and which of the keys are certainly gone. `recent`: as they were
   * within the last second. `gone`: the same of messages that are believed to be gone. `to-change`: the same for a change of them that follows at once, and that the side itself keeps
   * from messages that changed since, or that harms none.
   */
  look(mailbox: MailboxName, epoch: Epoch, keys: readonly MessageKey[], when?: Moment): Promise<Sight>;

  /**
   * Says what will be asked of a mailbox within a moment: a side at a distance may ask for it at once. A hint: nothing is promised, and what is
   * wrong with the mailbox shows in the calls that follow. Throws where the side cannot be reached, or wants to be left alone.
   */
  foresee(mailbox: MailboxName, epoch: Epoch, questions: Foreseen): Promise<void>;

  /**
   * Reads messages, one after the other, and hands each to `take` before the next is read. A message that is gone or
   * cannot be read is passed over; the caller notices which `take` never saw. An error thrown by `take` ends the reading.
   */
  read(
    mailbox: MailboxName,
    epoch: Epoch,
    rows: readonly Row[],
    take: (letter: Letter) => Promise<void>,
  ): Promise<void>;

  /** Opens a batch of deliveries into one mailbox. */
  deliver(mailbox: MailboxName): Promise<DeliveryBatch>;

  /** Changes flags by deltas, never by replacing them (RFC 4549 §4.2.3). Outcomes in the order of the changes. */
  flag(mailbox: MailboxName, epoch: Epoch, changes: readonly FlagChange[]): Promise<readonly FlagOutcome[]>;

  /**
   * Removes messages so that they can be got back: to the attic, or to the server's Trash; what has no such place is
   * expunged, exactly these and no other. Each must still be the `expect`ed row at that moment. Outcomes in order.
   */
  remove(mailbox: MailboxName, epoch: Epoch, removals: readonly Removal[]): Promise<readonly RemoveOutcome[]>;

  /**
   * Moves messages to another mailbox of this side; no bytes travel. Each must still be the `expect`ed row (flags may
   * differ: they move along). The message is never absent from both mailboxes, whatever happens. Outcomes in order.
   */
  move(request: Relocation): Promise<readonly MoveOutcome[]>;

  /** Copies messages to another mailbox of this side, under the same rules. Outcomes in order. */
  copy(request: Relocation): Promise<readonly CopyOutcome[]>;

  /**
   * Renames a mailbox; those below it may move along (IMAP) or stay (Maildir++): the caller lists anew afterwards. Throws
   * `server-refused` where the side cannot, or `to` exists. Keys stay valid where the epoch of `to` is the old one.
   */
  renameMailbox(mailbox: MailboxName, to: MailboxName): Promise<void>;

  /**
   * Ends what renames that died in between left half done, and tells what cannot be ended. Before that, neither mailbox can be
   * read; a side whose renames are one step has nothing to do.
   */
  finishRenames(): Promise<readonly Problem[]>;

  /**
   * Deletes a mailbox that has no messages. Throws `server-refused` when it has any (also ones that cannot be read), or
   * the side will not; `already` when it is not there. Mailboxes below it stay.
   */
  deleteMailbox(mailbox: MailboxName): Promise<'done' | 'already'>;

  /** Creates a mailbox and the levels above it. */
  createMailbox(mailbox: MailboxName): Promise<'done' | 'already'>;

  /** The witness of a mailbox (DESIGN §5), undefined where there is none; `false` on a side that keeps none. */
  readWitness(mailbox: MailboxName): Promise<Witness | undefined | false>;

  /** Writes the witness, durably unless the older one would do after a power cut. Nothing happens on a side that keeps none. */
  writeWitness(
    mailbox: MailboxName,
    witness: Witness,
    options?: { readonly durable: boolean },
  ): Promise<void>;

  /**
   * Makes durable what the mailbox shows, whoever put it there: base may rest on it then, and a power cut takes nothing
   * back that base says is there (SAFETY I8). Throws when it cannot.
   */
  makeDurable(mailbox: MailboxName): Promise<void>;

  /**
   * The same account once more, to work in another mailbox at the same time (an IMAP side: over a connection of its own).
   * Undefined where there can be no more. Whoever asked for it closes it.
   */
  another(): Promise<Side | undefined>;

  /** Removes what earlier deliveries of these keys left behind half done. Nothing that is a message is touched. */
  sweep(mailbox: MailboxName, keys: readonly MessageKey[]): Promise<void>;

  close(): Promise<void>;
}

export type Moment = 'now' | 'recent' | 'gone' | 'to-change';

/** For so long what was seen is recent, in milliseconds. */
export const RECENT_MS = 1_000;

export interface Foreseen {
  /** The mailbox as it was last seen as a whole, and rows of it: messages that will be looked at as they were within the last second. */
  readonly cursor: Cursor;
  readonly looks: readonly Row[];
  /** The same of messages that are believed to be gone. */
  readonly gone: readonly MessageKey[];
  /** Messages that will be read: few and small ones. */
  readonly bodies: readonly MessageKey[];
  /** Something will be changed or delivered. */
  readonly writes: boolean;
}

export interface Sight {
  readonly rows: ReadonlyMap<MessageKey, Row>;
  /** Proven absent from this mailbox. A key in neither is there but unreadable, or in doubt. */
  readonly gone: ReadonlySet<MessageKey>;
}

/** A message on its way. */
export interface Letter {
  readonly key: MessageKey;
  /** Live, at the moment of reading. */
  readonly flags: Flags;
  /** INTERNALDATE or mtime; milliseconds since the epoch. */
  readonly date: number;
  /** Wire form; can be consumed once. */
  readonly chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/**
 * A batch of deliveries into one mailbox: `prepare`, then `stage` each letter, then `inspect` and `publish` once. Nothing is visible in
 * the mailbox before `publish`; when it returns, every delivery it calls `done` is durable.
 */
export interface DeliveryBatch {
  /** The mailbox's epoch. */
  readonly epoch: Epoch;
  /**
   * Chooses where `count` letters will go. The caller makes the slots durable before it stages anything, so that a crash
   * can be understood (SAFETY §3.1, §3.2).
   */
  prepare(count: number): Promise<readonly Slot[]>;
  /**
   * Takes a letter's bytes in. Throws `LetterNotKept` when these cannot be kept (a full disk has room for smaller ones): the batch is
   * as it was before; any other error ends the batch.
   */
  stage(slot: Slot, letter: Letter): Promise<void>;
  /** What the staged letters are, in the order of staging. One that turned out not to be kept is not staged any more. */
  inspect(): Promise<ReadonlyMap<Slot, StagedLetter | LetterNotKept>>;
  /** Takes a staged letter back: it will not be published. */
  discard(slot: Slot): Promise<void>;
  /** Delivers what is staged. Outcomes in the order of staging. The batch is spent. */
  publish(): Promise<readonly DeliveryOutcome[]>;
  /** Gives the batch up: what is staged is discarded. Does nothing after `publish`. */
  abandon(): Promise<void>;
}

/** The bytes of one letter could not be kept. */
export class LetterNotKept extends PosternError {}

/** Where a delivery will be found: under this key, or (UID sides) at a UID not below `uidFrom`. */
export interface Slot {
  readonly key?: MessageKey;
  readonly uidFrom?: number;
}

export interface StagedLetter {
  readonly identity: Identity & { readonly content: string };
  readonly envelope: Envelope;
}

export type DeliveryOutcome =
  | { readonly slot: Slot; readonly kind: 'done'; readonly row: Row }
  | { readonly slot: Slot; readonly kind: 'refused'; readonly reason: string }
  /** It may have happened: the answer was lost. Never sent again before the mailbox was searched. */
  | { readonly slot: Slot; readonly kind: 'unknown'; readonly reason: string };

export interface FlagChange extends FlagDelta {
  readonly key: MessageKey;
}

export type FlagOutcome =
  | { readonly kind: 'done'; readonly flags: Flags }
  | { readonly kind: 'gone' }
  | { readonly kind: 'refused'; readonly reason: string };

export interface Removal {
  /** The row as the caller saw it last: identity, flags and modseq must still be so. */
  readonly expect: Row;
  /** Compare the content too: the pair is weak, or the identity is. Sides that read the bytes anyway always do. */
  readonly content?: string;
  /** The operation this belongs to; names the place in the attic. */
  readonly operation: string;
}

export type RemoveOutcome =
  /** `where` says for people where it can be got back from, if anywhere. */
  | { readonly kind: 'done'; readonly where?: string }
  | { readonly kind: 'gone' }
  | { readonly kind: 'changed'; readonly reason: string }
  /** Marked \Deleted only: so it was wanted, or the server cannot expunge one message alone. */
  | { readonly kind: 'marked' }
  | { readonly kind: 'refused'; readonly reason: string };

export interface Relocation {
  readonly mailbox: MailboxName;
  readonly epoch: Epoch;
  readonly to: MailboxName;
  /** The epoch of `to` as the caller knows it; a side with epochs tells no rows unless it still is that. */
  readonly toEpoch?: Epoch;
  /** The rows as the caller saw them last. */
  readonly rows: readonly Row[];
  /**
   * Of a move that was cut short: what each of the rows already is in `to`, as the caller has just seen. Nothing is copied;
   * each leaves `mailbox`, or is `changed` where the side can tell that the two are not one message.
   */
  readonly arrived?: ReadonlyMap<MessageKey, MessageKey>;
}

export type MoveOutcome =
  /** `row`: what it is in `to`; absent when the side cannot tell, and a snapshot of `to` will. */
  | { readonly kind: 'done'; readonly row?: Row }
  | { readonly kind: 'gone' }
  | { readonly kind: 'changed'; readonly reason: string }
  /** Copied, and only marked \Deleted in `mailbox`: the server cannot expunge one message alone. */
  | { readonly kind: 'marked'; readonly row?: Row }
  | { readonly kind: 'refused'; readonly reason: string };

export type CopyOutcome = Exclude<MoveOutcome, { readonly kind: 'marked' }>;

/** Counts messages while a mailbox is read. */
export type Seen = (messages: number) => void;

/** What a mailbox says of its own history, kept beside the mail so that a restored backup is noticed. */
export interface Witness {
  readonly repository: string;
  readonly mailbox: MailboxName;
  readonly generation: number;
  /** Set while an apply works in the mailbox: the generation it leads to. */
  readonly pending?: number;
}
