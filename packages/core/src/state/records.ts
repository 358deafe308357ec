import type { BySide, SideName } from '../model/by-side.js';
import type { PermanentFlags } from '../model/flags.js';
import type { Identity } from '../model/identity.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Result } from '../model/outcome.js';
import type { Pair } from '../model/pair.js';
import type { Cursor, Epoch, MessageKey, Row } from '../model/row.js';

/**
 * What the database holds, by kind. Each record belongs to a partition `(kind, mailbox)`; kinds that are not about one
 * mailbox use the empty string. docs/design/state-format.md shows the bytes.
 */
export interface RecordKinds {
  /** Key `repository`. Which repository this database belongs to. */
  meta: RepositoryRecord;
  /** Key = mailbox name, partition ''. What is known of a mailbox as a whole, on both sides. */
  mailbox: MailboxRecord;
  /** Key = pairKey, partition = mailbox: the base. */
  pair: Pair;
  /** Key = message key: the snapshot of the remote side, as of the last fetch. */
  remote: Row;
  /** Key = message key: the index of the local side, as of the last scan. */
  local: Row;
  /** Key = intent id: deliveries under way. */
  intent: Intent;
  /** Key = operation id, partition '': one apply. */
  log: Operation;
  /** Key `pairs`, partition = mailbox: an index of the pairs' digests. It may be missing, or name some that are gone. */
  digests: DigestIndex;
  /**
   * Keys `all` and `since`, partition = mailbox: the files of the local side that its rows describe. Both may be missing, or out
   * of date.
   */
  files: FileNames;
}

export type Kind = keyof RecordKinds;
export const KINDS: readonly Kind[] = [
  'meta',
  'mailbox',
  'pair',
  'remote',
  'local',
  'intent',
  'log',
  'digests',
  'files',
];

export interface RepositoryRecord {
  readonly repository: string;
  /** Side addresses: a state used with another account is refused. */
  readonly addresses: BySide<string>;
  /** Milliseconds since the epoch. */
  readonly created: number;
  /** When the remote was last fetched as a whole; milliseconds since the epoch. */
  readonly fetched?: number;
  /** The scope everything here was recorded under (`Scope.text`); absent: the whole account. */
  readonly scope?: string;
  /** Mailboxes in scope that the remote's last listing left out, for it is not subscribed to them. */
  readonly leftOut?: readonly MailboxName[];
}

export interface MailboxRecord {
  readonly mailbox: MailboxName;
  /** The witness generation both the state and the mail directories must agree on. 0: never written. */
  readonly generation: number;
  /** Set while an apply works in this mailbox. */
  readonly pending?: number;
  /** What each side was at its last snapshot; absent where it never had one (or is gone since). */
  readonly sides: Partial<Record<SideName, SideRecord>>;
  /** Why nothing may be deleted on account of base here until an apply has settled it; absent when all is well. */
  readonly rematch?: string;
  /** How many listings in a row came without the mailbox, on a side that had it. */
  readonly missing?: Partial<Record<SideName, number>>;
  /** Why a side that lists the mailbox could not be looked into, so that nothing is known of what is there. */
  readonly faults?: Partial<Record<SideName, string>>;
  /** Both sides had the mailbox at the same time once. */
  readonly agreed?: boolean;
  /** The merge found nothing to do here, and no row or pair changed since: planning may pass it over. */
  readonly quiet?: boolean;
  /**
   * The rows that changed, came or went since the mailbox was quiet and every message in it in a pair of two: with their
   * pairs they are all a merge can have something to say about. Absent where that is not known.
   */
  readonly touched?: Touched;
  /** The name it had before: what its witness says until the next one is written. */
  readonly formerly?: MailboxName;
}

/**
 * Those that came are in no pair, for it was quiet without them; those that went have no row any more. Among the remote ones are the partners of the local
 * ones, as far as they are known: they need not have changed, nor be there.
 */
export interface Touched extends BySide<readonly MessageKey[]> {
  readonly came?: BySide<readonly MessageKey[]>;
  readonly gone?: BySide<readonly MessageKey[]>;
}

/** Nothing to do, every message in a pair of two, and nothing changed since. */
export const WHOLLY_QUIET: Pick<MailboxRecord, 'quiet' | 'touched'> = {
  quiet: true,
  touched: { remote: [], local: [] },
};

/** The record without its claim that a merge would find nothing to do, or where. */
export function unquiet({ quiet: _quiet, touched: _touched, ...rest }: MailboxRecord): MailboxRecord {
  return rest;
}

/** What a record says of each side, without this one; undefined where nothing is left. */
export function withoutSide<T>(
  field: Partial<Record<SideName, T>> | undefined,
  side: SideName,
): Partial<Record<SideName, T>> | undefined {
  const { [side]: _said, ...others } = field ?? {};
  return Object.keys(others).length === 0 ? undefined : others;
}

export interface SideRecord {
  readonly cursor: Cursor;
  readonly permanentFlags: PermanentFlags;
  /** Message key -> reason. */
  readonly unreadable?: Readonly<Record<string, string>>;
}

/** A delivery, or a move within a side, that was begun. Cleared in the same batch that records its outcome. */
export interface Intent {
  readonly operation: string;
  /** The side that is delivered to. */
  readonly side: SideName;
  readonly mailbox: MailboxName;
  /** What is delivered: its key on the other side. */
  readonly source: { readonly epoch: Epoch; readonly key: MessageKey };
  readonly identity: Identity;
  /** Where it will be found. */
  readonly epoch: Epoch;
  readonly key?: MessageKey;
  readonly uidFrom?: number;
  /** When the intent was made; milliseconds since the epoch. */
  readonly begun: number;
  /** When the answer got lost while we looked; absent when nobody saw (the process died). */
  readonly lost?: number;
  /** Set for a move: the message on the same side that leaves this place when it has arrived. */
  readonly from?: { readonly mailbox: MailboxName; readonly epoch: Epoch; readonly key: MessageKey };
}

/** Where the pairs of a mailbox with a digest are: a head, and blocks that stay as they are. */
export interface DigestIndex {
  /** Of the head: what the mailbox was when the index was made. */
  readonly stamp?: string;
  /** The first 48 bits of the digest of each pair, in base64, the key of its remote end and a slash; one after the other. */
  readonly digests: string;
  /** Of the head: so many blocks come before what it has itself. */
  readonly blocks?: number;
  /** Of the head: digests in all of them. */
  readonly entries?: number;
}

/** Names end with a slash each; the first letter says whether the file is in `new` or in `cur`. */
export interface FileNames {
  /** What the rows of the local side added up to when this was written (`Store.fingerprint`). */
  readonly stamp: string;
  /** Which directories they are in, and what their letters mean: opaque. */
  readonly place: string;
  /** When all the files themselves were looked at last; milliseconds since the epoch. */
  readonly looked: number;
  /** In `all` the names, sorted (not by earlier builds), in `since` those that came since it was written. */
  readonly names: string;
  /** In `since` those that went. */
  readonly gone: string;
  /** In `since` the stamp of the `all` it goes with. */
  readonly of?: string;
  /** Messages whose rows an apply changed or dropped: what is under their names has to be looked at. */
  readonly doubted: readonly MessageKey[];
}

/** One apply. Without an end it was cut short, or is going on. */
export interface Operation {
  readonly started: number;
  readonly ended?: number;
  readonly counts?: Readonly<Partial<Record<Result, number>>>;
  /** Who carried it out: the process, and what it was started as. */
  readonly pid?: number;
  readonly command?: string;
  /** How many actions it was given. */
  readonly actions?: number;
  /** What became of what it left in flight. */
  readonly settled?: Settled;
}

/** The end of an operation that had none, as a later one found it. */
export interface Settled {
  /** The operation that looked, and when; milliseconds since the epoch. */
  readonly by: string;
  readonly at: number;
  /** Deliveries and moves that had happened. */
  readonly found: number;
  /** Those that had not. */
  readonly undone: number;
  /** Those that may still happen. */
  readonly open: number;
}
