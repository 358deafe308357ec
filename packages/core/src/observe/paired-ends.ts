import type { SideName } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import { type End, endName } from '../model/pair.js';
import type { MessageKey } from '../model/row.js';
import { peekLocalEnd } from '../state/glimpse.js';
import type { MailboxRecord } from '../state/records.js';
import type { Store } from '../state/store.js';

/** The local end of each pair of a mailbox, by the name of its remote end. */
export type PairedEnds = ReadonlyMap<string, End>;

export async function pairedEnds(store: Store, mailbox: MailboxName): Promise<PairedEnds> {
  const isEmpty = (await store.count('pair', mailbox)) === 0;
  return isEmpty ? new Map() : store.glimpses('pair', mailbox, peekLocalEnd);
}

/** The messages of a side that are in no pair of their mailbox, found without reading the others. */
export async function unpairedKeys(
  store: Store,
  { mailbox, sides }: MailboxRecord,
  side: SideName,
  ends: PairedEnds,
): Promise<readonly MessageKey[]> {
  const epoch = sides[side]?.cursor.epoch;
  if (epoch === undefined) return [];
  const keys = (await store.keys(side, mailbox)) as readonly MessageKey[];
  if (ends.size === 0) return keys;
  const names = side === 'remote' ? ends : new Set([...ends.values()].map(endName));
  return keys.filter(key => !names.has(endName({ epoch, key })));
}
