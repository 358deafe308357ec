import { SIDES } from '../model/by-side.js';
import { bug } from '../model/error.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Pair } from '../model/pair.js';
import { peekDigests } from '../state/glimpse.js';
import type { MailboxRecord } from '../state/records.js';
import type { Change, Store } from '../state/store.js';

/** Of smaller mailboxes the pairs themselves are read as fast. */
const WORTH_AN_INDEX = 64;
/** A digest's first 48 bits in base64. */
const CHARACTERS = 8;
const KEY = 'pairs';
/** Of larger ones no more is read than the digests. */
const WORTH_A_PEEK = 1 << 13;
/** So many times as many digests as messages may be in an index. */
const MOST_STALE = 1.5;

/**
 * The pairs of a mailbox that have one of these digests. A large mailbox is read for it once: from then on an index tells that
 * there are none. The index may name digests that are gone, and costs a look in vain then; it lacks none, for another message
 * would be taken for the only one of its kind.
 */
export async function pairsLike(
  store: Store,
  record: MailboxRecord,
  wanted: ReadonlySet<string>,
): Promise<readonly Pair[]> {
  const { mailbox } = record;
  const stamp = stampOf(record);
  // An apply that came to no end recorded pairs that are in no index.
  const isSure = isLarge(record) && record.pending === undefined;
  const index = isSure ? await store.get('digests', mailbox, KEY) : undefined;
  if (index?.stamp === stamp && !holdsAny(index.digests, wanted)) return [];
  const all = await digestsByPair(store, mailbox);
  if (isSure && index?.stamp !== stamp) {
    const digests = [...all.values()].flat().map(short).join('');
    const value = { stamp, digests };
    await store.write([{ put: 'digests', mailbox, key: KEY, value }], { durable: false });
  }
  const found = [...all].filter(([, digests]) => areAny(digests, wanted));
  const pairs = await store.getMany(
    'pair',
    mailbox,
    found.map(([key]) => key),
  );
  return [...pairs.values()];
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

/** Another one after whatever adds pairs: an apply in the mailbox. */
function stampOf({ generation, sides }: MailboxRecord): string {
  return `${generation} ${sides.remote?.cursor.epoch}`;
}

/** What an apply made of the pairs of a mailbox. */
export interface Additions {
  readonly before: MailboxRecord;
  readonly after: MailboxRecord;
  /** There was none before it. */
  readonly first: boolean;
  readonly added: readonly string[];
}

/**
 * Keeps the index of a mailbox up to date with an apply that added these digests, so that it need not be read for that.
 * Digests that left stay until it is made anew.
 */
export async function extendIndex(
  store: Store,
  { before, after, first, added }: Additions,
): Promise<Change[]> {
  const { mailbox } = before;
  if (!isLarge(after)) return [];
  const index = first ? undefined : await store.get('digests', mailbox, KEY);
  if (!first && index?.stamp !== stampOf(before)) return [];
  const known = index?.digests ?? '';
  if (known.length / CHARACTERS + added.length > MOST_STALE * sizeOf(after)) return [];
  const digests = known + added.map(short).join('');
  return [{ put: 'digests', mailbox, key: KEY, value: { stamp: stampOf(after), digests } }];
}

function short(digest: string): string {
  const text = Buffer.from(digest.slice(0, 12), 'hex').toString('base64');
  return text.length === CHARACTERS ? text : bug('a digest that is no digest');
}

function holdsAny(digests: string, wanted: ReadonlySet<string>): boolean {
  const shortened = new Set([...wanted].map(short));
  for (let at = 0; at < digests.length; at += CHARACTERS) {
    if (shortened.has(digests.slice(at, at + CHARACTERS))) return true;
  }
  return false;
}
