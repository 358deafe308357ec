import { bug } from '../model/error.js';
import type { Pair } from '../model/pair.js';
import type { MailboxRecord } from '../state/records.js';
import type { Store } from '../state/store.js';

/** Of smaller mailboxes the pairs themselves are read as fast. */
const WORTH_AN_INDEX = 256;
/** A digest's first 48 bits in base64. */
const CHARACTERS = 8;
const KEY = 'pairs';

/**
 * The pairs of a quiet mailbox that have one of these digests. A large mailbox is read for it once after each of its changes:
 * from then on an index tells that there are none. An index that is out of date without showing it costs no more than
 * bytes that travel once more, or a look in vain.
 */
export async function pairsLike(
  store: Store,
  record: MailboxRecord,
  wanted: ReadonlySet<string>,
): Promise<readonly Pair[]> {
  const { mailbox } = record;
  const stamp = stampOf(record);
  const index = isLarge(record) ? await store.get('digests', mailbox, KEY) : undefined;
  if (index?.stamp === stamp && !holdsAny(index.digests, wanted)) return [];
  const pairs = [...(await store.all('pair', mailbox)).values()];
  if (isLarge(record) && index?.stamp !== stamp) {
    const digests = pairs.map(({ identity }) => short(identity.digest)).join('');
    const value = { stamp, digests };
    await store.write([{ put: 'digests', mailbox, key: KEY, value }], { durable: false });
  }
  return pairs.filter(({ identity }) => wanted.has(identity.digest));
}

function isLarge({ sides }: MailboxRecord): boolean {
  return (sides.local?.cursor.count ?? 0) >= WORTH_AN_INDEX;
}

/** Another one after whatever adds pairs: an apply in the mailbox, at least. */
function stampOf({ generation, sides }: MailboxRecord): string {
  const { remote, local } = sides;
  return [generation, remote?.cursor.epoch, remote?.cursor.count, local?.cursor.count].join(' ');
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
