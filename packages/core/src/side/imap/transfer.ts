import { type Copied, readCopyUid } from './copy-uid.js';
import { CommandRefused } from './error-words.js';
import {
  type Expunged,
  expunge,
  guardedSets,
  markDeleted,
  markFault,
  stillThere,
  type Victims,
} from './expunge.js';
import { order } from './order.js';
import type { Place } from './selection.js';
import { quoted, type ResponseCode, sequence } from './tokens.js';
import { type UidSet, uidSets } from './uid-set.js';

interface Copy {
  readonly kind: 'done' | 'marked';
  /** What it is in the other mailbox, where the server told. */
  readonly copied?: NewUid;
}

export type Transferred =
  | Copy
  | { readonly kind: 'gone' }
  | { readonly kind: 'changed'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

export interface NewUid {
  readonly epoch: Copied['epoch'];
  readonly uid: number;
}

const AT_ONCE = 1_000;

/**
 * Brings verified messages of the open mailbox to another one: MOVE (RFC 6851) where the server has it. Else they are
 * copied, and nothing is marked or expunged before the server has confirmed the copies (SAFETY §3.4); nothing is copied
 * where no mark would last.
 */
export async function moveAway(victims: Victims, to: Place): Promise<Map<number, Transferred>> {
  if (victims.session.has('MOVE')) return inSets(plainSets(victims), set => moveSet(victims, set, to));
  const reason = markFault(victims);
  if (reason === undefined)
    return inSets(guardedSets(victims, AT_ONCE), set => copyAndExpunge(victims, set, to));
  return new Map([...victims.live.keys()].map(uid => [uid, { kind: 'refused', reason }]));
}

/** Copies verified messages of the open mailbox to another one. */
export async function copyAlong(victims: Victims, to: Place): Promise<Map<number, Transferred>> {
  return inSets(plainSets(victims), set => copySet(victims, set, to));
}

/** Expunges verified messages of the open mailbox, exactly these. */
export async function expungeAll(victims: Victims): Promise<Map<number, Transferred>> {
  return inSets(guardedSets(victims, AT_ONCE), async set => inWords(await expunge(victims, set)));
}

/** Marks verified messages of the open mailbox \Deleted; they stay. */
export async function markAll(victims: Victims): Promise<Map<number, Transferred>> {
  return inSets(guardedSets(victims, AT_ONCE), async set => inWords(await markDeleted(victims, set)));
}

function inWords(expunged: ReadonlyMap<number, Expunged>): Map<number, Transferred> {
  return new Map([...expunged].map(([uid, outcome]) => [uid, worded(outcome)]));
}

function plainSets({ live }: Victims): readonly UidSet[] {
  return uidSets(live.keys(), { messages: AT_ONCE });
}

/** What the server refuses for one set does not stop the others. */
async function inSets(
  sets: readonly UidSet[],
  act: (set: UidSet) => Promise<ReadonlyMap<number, Transferred>>,
): Promise<Map<number, Transferred>> {
  const all = new Map<number, Transferred>();
  for (const set of sets) {
    try {
      for (const [uid, outcome] of await act(set)) all.set(uid, outcome);
    } catch (error) {
      if (!(error instanceof CommandRefused) || error.code === 'try-later') throw error;
      const reason = `the server refused it: ${error.words}`;
      for (const uid of set.uids) all.set(uid, { kind: 'refused', reason });
    }
  }
  return all;
}

/** A MOVE that was refused may have moved a part (RFC 6851 §3.3): what is left says which. */
async function moveSet(victims: Victims, set: UidSet, to: Place): Promise<Map<number, Transferred>> {
  const { copied, refusal } = await send('MOVE', victims, set, to);
  const left = await stillThere(victims.session, victims.place, set.uids);
  const reason =
    refusal === undefined
      ? 'the server said it moved it, but it is still there'
      : `the server refused it: ${refusal.words}`;
  const outcomes = new Map<number, Transferred>();
  for (const uid of set.uids) {
    const confirmed = copied === undefined ? refusal === undefined : copied.uids.has(uid);
    if (left.has(uid)) outcomes.set(uid, { kind: 'refused', reason });
    else outcomes.set(uid, confirmed ? { kind: 'done', ...newUid(copied, uid) } : { kind: 'gone' });
  }
  return outcomes;
}

/** The second half of a move: expunges what `copies` says has been copied. */
export async function finishMove(
  victims: Victims,
  copies: ReadonlyMap<number, NewUid>,
): Promise<Map<number, Transferred>> {
  return inSets(guardedSets(victims, AT_ONCE), async set => {
    const copied = set.uids.map((uid): [number, Copy] => [uid, { kind: 'done', copied: copies.get(uid)! }]);
    return expungeCopied(victims, new Map(copied));
  });
}

async function copyAndExpunge(victims: Victims, set: UidSet, to: Place): Promise<Map<number, Transferred>> {
  return expungeCopied(victims, await copySet(victims, set, to));
}

async function expungeCopied(
  victims: Victims,
  outcomes: Map<number, Transferred>,
): Promise<Map<number, Transferred>> {
  const copies = new Map<number, Copy>();
  for (const [uid, outcome] of outcomes) if (outcome.kind === 'done') copies.set(uid, outcome);
  for (const part of uidSets(copies.keys())) {
    for (const [uid, outcome] of await expunge(victims, part)) {
      const { kind } = outcome;
      const stays = kind === 'changed' || kind === 'refused';
      outcomes.set(uid, stays ? worded(outcome) : { ...copies.get(uid)!, kind });
    }
  }
  return outcomes;
}

/** A tagged OK means that all that are there were copied (RFC 3501 §6.4.7); COPYUID names them. */
async function copySet(victims: Victims, set: UidSet, to: Place): Promise<Map<number, Transferred>> {
  const { copied, refusal } = await send('COPY', victims, set, to);
  if (refusal !== undefined) throw refusal;
  const missing = copied === undefined ? [] : set.uids.filter(uid => !copied.uids.has(uid));
  const left = await stillThere(victims.session, victims.place, missing);
  const outcomes = new Map<number, Transferred>();
  for (const uid of set.uids) outcomes.set(uid, { kind: 'done', ...newUid(copied, uid) });
  for (const uid of missing) {
    const reason = 'the server did not copy it';
    outcomes.set(uid, left.has(uid) ? { kind: 'refused', reason } : { kind: 'gone' });
  }
  return outcomes;
}

interface Sent {
  readonly copied: Copied | undefined;
  readonly refusal: CommandRefused | undefined;
}

async function send(verb: 'MOVE' | 'COPY', victims: Victims, set: UidSet, to: Place): Promise<Sent> {
  const codes: (ResponseCode | undefined)[] = [];
  let refusal: CommandRefused | undefined;
  try {
    const request = {
      effect: verb,
      target: victims.place.mailbox,
      command: `UID ${verb}`,
      attributes: [sequence(set.text), quoted(to.raw)],
      progress: false,
    };
    await order(victims.session, request, code => void codes.push(code));
  } catch (error) {
    if (!(error instanceof CommandRefused) || error.code === 'try-later') throw error;
    refusal = error;
  }
  return { copied: readCopyUid(codes, set.uids), refusal };
}

function newUid(copied: Copied | undefined, uid: number): { copied?: NewUid } {
  const fresh = copied?.uids.get(uid);
  return copied === undefined || fresh === undefined ? {} : { copied: { epoch: copied.epoch, uid: fresh } };
}

function worded(outcome: Expunged): Transferred {
  if (outcome.kind !== 'changed') return outcome;
  return { ...outcome, reason: 'it was changed while it was about to be removed' };
}
