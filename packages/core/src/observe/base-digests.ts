import { bug } from '../model/error.js';
import type { Pair } from '../model/pair.js';
import type { MailboxRecord } from '../state/records.js';
import type { Change, Store } from '../state/store.js';

/** Of smaller mailboxes the pairs themselves are read as fast. */
const WORTH_AN_INDEX = 256;
/** A digest's first 48 bits in base64. */
const CHARACTERS = 8;
const KEY = 'pairs';
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
  const pairs = await store.all('pair', mailbox);
  if (isSure && index?.stamp !== stamp) {
    const digests = [...pairs.values()].flatMap(digestsOf).map(short).join('');
    const value = { stamp, digests };
    await store.write([{ put: 'digests', mailbox, key: KEY, value }], { durable: false });
  }
  return pairsWith(pairs, wanted);
}

/** Those of the pairs that have one of these digests, on either side. */
export function pairsWith(pairs: ReadonlyMap<string, Pair>, wanted: ReadonlySet<string>): readonly Pair[] {
  return [...pairs.values()].filter(pair => digestsOf(pair).some(digest => wanted.has(digest)));
}

/** A message may have another digest on the remote. */
export function digestsOf({ identity, remoteDigest }: Pair): readonly string[] {
  return remoteDigest === undefined ? [identity.digest] : [identity.digest, remoteDigest];
}

function isLarge({ sides }: MailboxRecord): boolean {
  return (sides.local?.cursor.count ?? 0) >= WORTH_AN_INDEX;
}

/** Another one after whatever adds pairs: an apply in the mailbox. */
function stampOf({ generation, sides }: MailboxRecord): string {
  return `${generation} ${sides.remote?.cursor.epoch}`;
}

/**
 * Keeps the index of a mailbox up to date with an apply that added these digests, so that it need not be read for that.
 * Digests that left stay until it is made anew.
 */
export async function extendIndex(
  store: Store,
  { before, after }: { readonly before: MailboxRecord; readonly after: MailboxRecord },
  added: readonly string[],
): Promise<Change[]> {
  const { mailbox } = before;
  if (!isLarge(after)) return [];
  const index = await store.get('digests', mailbox, KEY);
  if (index?.stamp !== stampOf(before)) return [];
  const room = MOST_STALE * (after.sides.local?.cursor.count ?? 0);
  if (index.digests.length / CHARACTERS + added.length > room) return [];
  const digests = index.digests + added.map(short).join('');
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
