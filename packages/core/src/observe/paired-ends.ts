import type { SideName } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import { type End, endName } from '../model/pair.js';
import type { MessageKey } from '../model/row.js';
import { peekLocalEnd } from '../state/glimpse.js';
import type { MailboxRecord } from '../state/records.js';
import type { Store } from '../state/store.js';
import { editionsOf, MailboxMemory } from './mailbox-memory.js';

/** The local end of each pair of a mailbox, by the name of its remote end. */
export type PairedEnds = ReadonlyMap<string, End>;

export async function pairedEnds(store: Store, mailbox: MailboxName): Promise<PairedEnds> {
  const isEmpty = (await store.count('pair', mailbox)) === 0;
  return isEmpty ? new Map() : store.glimpses('pair', mailbox, peekLocalEnd);
}

/** What an apply that worked on new messages alone knows of the rest of a mailbox. */
export interface Left {
  /** The side they were brought to. */
  readonly side: SideName;
  /** What is in no pair there. */
  readonly unpaired: readonly MessageKey[];
  /** The lowest UID that no known message has there; undefined on a side without UIDs. */
  readonly uidNext?: number;
  /** What is in no pair on the side they came from, where pairs are not found by its keys. */
  readonly originals?: Set<MessageKey>;
  /** Every pair is settled. */
  readonly isSettled: boolean;
}

/** One command goes on in a mailbox portion by portion. */
const left = new MailboxMemory<Left>();

export function noteLeft(store: Store, mailbox: MailboxName, what: Left): void {
  left.note(store, mailbox, editionsOf(store, mailbox), what);
}

/** The same, as long as nobody wrote a row or a pair since. */
export function recallLeft(store: Store, mailbox: MailboxName): Left | undefined {
  return left.recall(store, mailbox, editionsOf(store, mailbox));
}

/** The messages of a side that are in no pair of their mailbox, found without reading the others. */
export async function unpairedKeys(
  store: Store,
  { mailbox, sides }: MailboxRecord,
  side: SideName,
): Promise<readonly MessageKey[]> {
  const epoch = sides[side]?.cursor.epoch;
  if (epoch === undefined) return [];
  const known = recallLeft(store, mailbox);
  if (known?.side === side) return known.unpaired;
  const keys = (await store.keys(side, mailbox)) as readonly MessageKey[];
  if (keys.length === 0) return keys;
  const ends = await pairedEnds(store, mailbox);
  if (ends.size === 0) return keys;
  const names = side === 'remote' ? ends : new Set([...ends.values()].map(endName));
  return keys.filter(key => !names.has(endName({ epoch, key })));
}
