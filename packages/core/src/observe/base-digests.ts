import { SIDES } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import { endName, type Pair, pairKey } from '../model/pair.js';
import { type MessageKey, NO_EPOCH } from '../model/row.js';
import { peekDigests } from '../state/glimpse.js';
import type { MailboxRecord } from '../state/records.js';
import type { Change, Store } from '../state/store.js';
import { entriesFor, findIndex, type IndexPlace, indexChanges, pairNamesLike } from './digest-index.js';

/** Of smaller mailboxes the pairs themselves are read as fast. */
const WORTH_AN_INDEX = 64;
/** Of larger ones no more is read than the digests. */
const WORTH_A_PEEK = 1 << 13;
/** So many times as many digests as messages may be in an index. */
const MOST_STALE = 1.5;

/**
 * The pairs of a mailbox that have one of these digests. A large mailbox is read for it once: from then on an index tells which they
 * are. The index may name pairs that are gone, and costs a look in vain then; it lacks none, for another message would be taken for
 * the only one of its kind.
 */
export async function pairsLike(
  store: Store,
  record: MailboxRecord,
  wanted: ReadonlySet<string>,
): Promise<readonly Pair[]> {
  const { mailbox } = record;
  const place = placeOf(record);
  // An apply that came to no end recorded pairs that are in no index.
  const isSure = isLarge(record) && record.pending === undefined;
  const head = isSure ? await findIndex(store, place) : undefined;
  let names = head && (await pairNamesLike(store, place, { head, wanted }));
  if (names === undefined) {
    const all = [...(await digestsByPair(store, mailbox))];
    if (isSure) {
      const entries = all.flatMap(([name, digests]) => entriesFor(name, digests));
      await store.write(indexChanges(place, entries), { durable: false });
    }
    names = all.filter(([, digests]) => areAny(digests, wanted)).map(([name]) => name);
  }
  return pairsWith(await store.getMany('pair', mailbox, names), wanted);
}

async function digestsByPair(
  store: Store,
  mailbox: MailboxName,
): Promise<ReadonlyMap<string, readonly string[]>> {
  if ((await store.count('pair', mailbox)) > WORTH_A_PEEK)
    return store.glimpses('pair', mailbox, peekDigests);
  const pairs = await store.all('pair', mailbox);
  return new Map([...pairs].map(([key, pair]) => [key, digestsOf(pair)]));
}

/** Those of the pairs that have one of these digests, on either side. */
export function pairsWith(pairs: ReadonlyMap<string, Pair>, wanted: ReadonlySet<string>): readonly Pair[] {
  return [...pairs.values()].filter(pair => areAny(digestsOf(pair), wanted));
}

function areAny(digests: readonly string[], wanted: ReadonlySet<string>): boolean {
  return digests.some(digest => wanted.has(digest));
}

/** A message may have another digest on the remote. */
export function digestsOf({ identity, remoteDigest }: Pair): readonly string[] {
  return remoteDigest === undefined ? [identity.digest] : [identity.digest, remoteDigest];
}

function isLarge(record: MailboxRecord): boolean {
  return sizeOf(record) >= WORTH_AN_INDEX;
}

/** Messages the larger side had when it was last looked at: what an apply brought to the other is not counted yet. */
function sizeOf({ sides }: MailboxRecord): number {
  return Math.max(...SIDES.map(side => sides[side]?.cursor.count ?? 0));
}

/** An apply is what adds pairs to a mailbox: it makes another generation of it. */
function placeOf({ mailbox, generation, sides }: MailboxRecord): IndexPlace {
  const epoch = sides.remote?.cursor.epoch ?? NO_EPOCH;
  return { mailbox, stamp: `${generation} ${epoch}`, prefix: endName({ epoch, key: '' as MessageKey }) };
}

/** What an index is to say of a pair. */
export function entriesOf(pair: Pair): readonly string[] {
  return entriesFor(pairKey(pair), digestsOf(pair));
}

/** What an apply made of the pairs of a mailbox. */
export interface Additions {
  readonly before: MailboxRecord;
  readonly after: MailboxRecord;
  /** There was none before it. */
  readonly first: boolean;
  /** Entries of the pairs that were put. */
  readonly added: readonly string[];
}

/**
 * Keeps the index of a mailbox up to date with an apply that added these pairs, so that it need not be read for that. Pairs that
 * left stay in it until it is made anew.
 */
export async function extendIndex(
  store: Store,
  { before, after, first, added }: Additions,
): Promise<Change[]> {
  if (!isLarge(after)) return [];
  const head = first ? undefined : await findIndex(store, placeOf(before));
  if (!first && head === undefined) return [];
  if ((head?.entries ?? 0) + added.length > MOST_STALE * sizeOf(after)) return [];
  return indexChanges(placeOf(after), added, head);
}
