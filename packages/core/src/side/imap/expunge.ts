import { PosternError } from '../../model/error.js';
import { canStore } from '../../model/flags.js';
import { groupBy } from '../../model/group-by.js';
import type { Row } from '../../model/row.js';
import { sequenceNumber } from './bulk/fetch-row.js';
import { Failed } from './bulk/pipeline.js';
import { CommandRefused } from './error-words.js';
import { bulkFetch, isWhole, UID_ONLY } from './fetch.js';
import { fetchSets } from './fetch-sets.js';
import { order } from './order.js';
import type { Place } from './selection.js';
import type { Session } from './session.js';
import { type Attribute, atom, sequence, textOf } from './tokens.js';
import { expandUidSet, type UidSet, uidSets } from './uid-set.js';

/** Up to this many are expunged and looked for at once: with more a server may be silent for long. */
const FEW = 100;

/** Verified messages of the open mailbox that something is done with. */
export interface Victims {
  readonly session: Session;
  readonly place: Place;
  /** As they were looked at, by UID. */
  readonly live: ReadonlyMap<number, Row>;
}

export type Expunged =
  | { readonly kind: 'done' }
  /** Somebody changed it since it was looked at: it is untouched. */
  | { readonly kind: 'changed' }
  /** It has \Deleted now and stays: so it was wanted, or the server cannot expunge one alone (no UIDPLUS, RFC 4315). */
  | { readonly kind: 'marked' }
  /** It is there as it was: the server says OK to a mark that it does not keep (RFC 3501 §7.1 PERMANENTFLAGS). */
  | { readonly kind: 'refused'; readonly reason: string };

/** Expunges exactly the messages of a guarded set. Throws `CommandRefused` where the server does not even mark them. */
export async function expunge(victims: Victims, set: UidSet): Promise<Map<number, Expunged>> {
  const { session, place } = victims;
  const changed = await mark(victims, set);
  const marked = set.uids.filter(uid => !changed.has(uid));
  if (marked.length === 0 || !session.has('UIDPLUS')) return told(victims, set, changed);
  const left = await expungeMarked(session, place, marked);
  const outcomes = told(victims, set, changed);
  for (const uid of marked) if (!left.has(uid)) outcomes.set(uid, { kind: 'done' });
  return outcomes;
}

/** Expunges marked messages; returns those that are still there, whatever the server said. */
async function expungeMarked(
  session: Session,
  place: Place,
  uids: readonly number[],
): Promise<ReadonlySet<number>> {
  const answer =
    uids.length <= FEW && session.takesSeveral ? await expungeAndWatch(session, place, uids) : undefined;
  if (answer === undefined) {
    for (const { text } of uidSets(uids)) {
      const command = { command: 'UID EXPUNGE', attributes: [sequence(text)], progress: false };
      await unlessRefused(order(session, { effect: 'UID EXPUNGE', target: place.mailbox, ...command }));
    }
  }
  return answer === 'gone' ? new Set() : stillThere(session, place, uids);
}

/**
 * Expunges few messages, and says in the same breath where in the mailbox each is: so the server's EXPUNGE lines tell of each of them whether it
 * went. One it does not find any more is gone too, whichever of the two commands it carries out first. Undefined where that cannot be; nothing was sent
 * then.
 */
async function expungeAndWatch(
  session: Session,
  { mailbox }: Place,
  uids: readonly number[],
): Promise<'gone' | 'unclear' | undefined> {
  const [set, ...more] = uidSets(uids);
  if (set === undefined || more.length > 0) return undefined;
  const { faults } = session;
  const places = new Map<number, number>();
  let place = 0;
  const request = { mailbox, set: set.text, columns: UID_ONLY };
  const look = bulkFetch(session, request, ({ uid }) => void places.set(uid, place));
  const row = (response: Buffer, from: number) => {
    place = sequenceNumber(response);
    return look.row?.(response, from);
  };
  const text = `UID EXPUNGE ${set.text}`;
  const expunged = (gone: number) => leave(places, gone);
  const results = await session.pipeline([
    { ...look, row },
    { effect: 'UID EXPUNGE', target: mailbox, text, expunged },
  ]);
  if (results === undefined) return undefined;
  for (const result of results)
    if (result instanceof Failed) await unlessRefused(Promise.reject(result.error));
  return results.every(isWhole) && places.size === 0 && session.faults === faults ? 'gone' : 'unclear';
}

/** A message leaves its place, and all behind it move up (RFC 3501 §7.4.1). */
function leave(places: Map<number, number>, gone: number): void {
  for (const [uid, place] of places) {
    if (place === gone) places.delete(uid);
    else if (place > gone) places.set(uid, place - 1);
  }
}

/** A server that announced UIDPLUS may not know the command: never a bare EXPUNGE instead. */
async function unlessRefused(sent: Promise<unknown>): Promise<void> {
  try {
    await sent;
  } catch (error) {
    if (!(error instanceof CommandRefused) || error.code === 'try-later') throw error;
  }
}

/** Marks these messages \Deleted and expunges none. Throws `CommandRefused` where the server does not. */
export async function markDeleted(victims: Victims, set: UidSet): Promise<Map<number, Expunged>> {
  return told(victims, set, await mark(victims, set));
}

/** Why no mark \Deleted lasts in the open mailbox, e.g. for want of a right (RFC 4314 §4); undefined where it does. */
export function markFault({ session }: Victims): string | undefined {
  const permanent = session.selection?.permanentFlags;
  if (permanent === undefined || canStore(permanent, '\\Deleted')) return undefined;
  return 'the mailbox cannot store \\Deleted: the server lets nobody delete in it, or not this user';
}

/** What became of messages that are not expunged. */
function told(victims: Victims, set: UidSet, changed: ReadonlySet<number>): Map<number, Expunged> {
  const fault = markFault(victims);
  const marked: Expunged = fault === undefined ? { kind: 'marked' } : { kind: 'refused', reason: fault };
  return new Map(set.uids.map(uid => [uid, changed.has(uid) ? { kind: 'changed' } : marked]));
}

/** Sets \Deleted, where the server can only on messages that are as we saw them; returns those that are not. */
async function mark({ session, place, live }: Victims, set: UidSet): Promise<Set<number>> {
  const attributes: Attribute[] = [sequence(set.text)];
  const since = session.condstore ? newest(set.uids.map(uid => live.get(uid)?.modseq)) : undefined;
  if (since !== undefined) attributes.push([atom('UNCHANGEDSINCE'), atom(since)]);
  attributes.push(atom('+FLAGS.SILENT'), [atom('\\Deleted')]);
  const store = { effect: 'STORE', target: place.mailbox, command: 'UID STORE', attributes };
  const { code } = await order(session, store);
  if (code?.name !== 'MODIFIED') return new Set();
  const modified = expandUidSet(textOf(code.values[0]) ?? '', set.uids.length);
  if (modified !== undefined) return new Set(modified);
  throw new PosternError(
    'server-refused',
    `the server did not say which messages of ${place.mailbox} changed`,
  );
}

/**
 * The victims in sets that one UNCHANGEDSINCE each can guard with the highest mod-sequence in it. What was so when the mailbox was opened is one:
 * whatever changes later gets a higher one (RFC 7162 §3.1). Of what changed since only messages with the same one are a set, as one of them may have
 * changed before another was looked at.
 */
export function guardedSets({ session, live }: Victims, messages: number): UidSet[] {
  const opened = BigInt(session.selection?.highestModseq ?? 0);
  const moments = groupBy(live, ([, { modseq }]) =>
    modseq === undefined || BigInt(modseq) <= opened ? '' : modseq,
  );
  return [...moments.values()].flatMap(rows =>
    uidSets(
      rows.map(([uid]) => uid),
      { messages },
    ),
  );
}

/** The highest of a guarded set; undefined where one has none. */
function newest(modseqs: readonly (string | undefined)[]): string | undefined {
  let highest: bigint | undefined;
  for (const modseq of modseqs) {
    if (modseq === undefined) return undefined;
    const value = BigInt(modseq);
    if (highest === undefined || value > highest) highest = value;
  }
  return highest?.toString();
}

/** Which of the UIDs the open mailbox has now. */
export async function stillThere(
  session: Session,
  { mailbox }: Place,
  uids: readonly number[],
): Promise<Set<number>> {
  const left = new Set<number>();
  if (uids.length === 0) return left;
  await fetchSets(
    session,
    { mailbox, sets: uidSets(uids), columns: UID_ONLY },
    { take: ({ uid }) => void left.add(uid), refused: () => {} },
  );
  return left;
}
