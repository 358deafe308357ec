import { bug } from '../model/error.js';
import type { PermanentFlags } from '../model/flags.js';
import type { MailboxName } from '../model/mailbox.js';
import {
  type Cursor,
  type Glimpse,
  type MessageKey,
  type Row,
  type Snapshot,
  sameCursor,
} from '../model/row.js';
import type { FamiliarNames } from './familiar-names.js';
import type { Seen } from './side.js';

/** A snapshot the caller still has, of which rows are read only when they are asked for. */
export interface Earlier {
  readonly cursor: Cursor;
  readonly permanentFlags: PermanentFlags;
  readonly unreadable: ReadonlyMap<MessageKey, string>;
  /** How many rows it has. */
  readonly size: number;
  keys(): Promise<Iterable<MessageKey>>;
  /** Of every row what it takes to see whether it changed. */
  glimpses(): Promise<ReadonlyMap<MessageKey, Glimpse>>;
  /** The files its rows describe; undefined where that is not known. */
  familiar(): Promise<Familiar | undefined>;
  /** Those of these rows that it has. */
  rows(keys: Iterable<MessageKey>): Promise<ReadonlyMap<MessageKey, Row>>;
}

/** All messages of a mailbox at one moment, as what changed since an earlier snapshot. */
export interface Changes {
  readonly mailbox: MailboxName;
  readonly cursor: Cursor;
  readonly permanentFlags: PermanentFlags;
  /** As in a snapshot: all of them. */
  readonly unreadable: ReadonlyMap<MessageKey, string>;
  /** Nothing of the earlier snapshot counts (or there was none): `rows` are all there are. */
  readonly anew: boolean;
  /** Rows that are new, or not what they were. */
  readonly rows: ReadonlyMap<MessageKey, Row>;
  /** How many more there are, which `take` was given. */
  readonly taken?: number;
  /** What those of them were that the earlier snapshot has: never of others. */
  readonly before: ReadonlyMap<MessageKey, Row>;
  /** Rows that are no more, `take` may have been given them: the message is gone, or cannot be read. */
  readonly gone: readonly MessageKey[];
  /** Absent where nothing is to be noted. */
  readonly familiar?: FamiliarChange;
}

/** Is given rows of a mailbox that has no earlier snapshot, before all of them are read: a later one of a key counts. */
export type TakeRows = (rows: ReadonlyMap<MessageKey, Row>) => Promise<void>;

/** Files of a side that keeps each message in one (Maildir): what is still under such a name is what its row says. */
export interface Familiar {
  /** Which directories they are in, and what their names mean: names of another place tell nothing. */
  readonly place: string;
  /** When all the files themselves were looked at last; milliseconds since the epoch. */
  readonly looked: number;
  readonly names: FamiliarNames;
  /** Messages whose files are to be looked at whatever their names. */
  readonly doubted: readonly MessageKey[];
}

/** What a look at a mailbox says of its files. */
export type FamiliarChange = Pick<Familiar, 'place' | 'looked'> &
  (
    | { readonly all: Iterable<string> }
    /** Since the names it was given; those that came may be among those that went, and are there then. */
    | { readonly gone: Iterable<string>; readonly added: Iterable<string> }
  );

export const NO_ROWS: ReadonlyMap<MessageKey, Row> = new Map();

/** Makes whole snapshots of changes. */
export abstract class SnapshotTaker {
  abstract changes(
    mailbox: MailboxName,
    earlier: Earlier | undefined,
    seen?: Seen,
    take?: TakeRows,
  ): Promise<Changes>;

  async snapshot(mailbox: MailboxName, known: Snapshot | undefined, seen?: Seen): Promise<Snapshot> {
    return snapshotOf(await this.changes(mailbox, known && earlierOf(known), seen), known);
  }
}

/** Those of these rows that are there. */
export function pick(rows: ReadonlyMap<MessageKey, Row>, keys: Iterable<MessageKey>): Map<MessageKey, Row> {
  const some = new Map<MessageKey, Row>();
  for (const key of keys) {
    const row = rows.get(key);
    if (row !== undefined) some.set(key, row);
  }
  return some;
}

/** A snapshot in memory. */
export function earlierOf(snapshot: Snapshot): Earlier {
  const { cursor, permanentFlags, unreadable, rows } = snapshot;
  return {
    cursor,
    permanentFlags,
    unreadable,
    size: rows.size,
    keys: async () => rows.keys(),
    glimpses: async () => rows,
    familiar: async () => undefined,
    rows: async keys => pick(rows, keys),
  };
}

/** The whole snapshot; the known one itself where nothing changed. */
function snapshotOf(changes: Changes, known: Snapshot | undefined): Snapshot {
  const { mailbox, cursor, permanentFlags, unreadable, anew } = changes;
  if (anew) return { mailbox, cursor, permanentFlags, unreadable, rows: changes.rows };
  if (known === undefined) return bug('changes since a snapshot nobody has');
  const isChanged = changes.rows.size + changes.gone.length > 0;
  const isReadable = unreadable.size + known.unreadable.size === 0;
  const isKnown = isReadable && permanentFlags === known.permanentFlags && sameCursor(cursor, known.cursor);
  if (!isChanged) return isKnown ? known : { mailbox, cursor, permanentFlags, unreadable, rows: known.rows };
  const rows = new Map(known.rows);
  for (const key of changes.gone) rows.delete(key);
  for (const [key, row] of changes.rows) rows.set(key, row);
  return { mailbox, cursor, permanentFlags, unreadable, rows };
}
