import { CommandRefused, SaidBye } from './error-words.js';
import { type Fetched, type FetchRequest, fetch } from './fetch.js';
import type { Session } from './session.js';
import { type UidSet, uidSets } from './uid-set.js';

/** A new connection with the same mailbox open, after the server ended the old one. */
export type Reopen = () => Promise<Session>;

/** How often a server may say BYE over what it is asked to hand out. */
const MOST_BYES = 64;

/** Refusals before the first row, after which it is not single messages that are refused. */
const MOST_REFUSED = 64;

/**
 * UID FETCH of several sets. A set the server refuses is cut in half until the message that cannot be read is found,
 * and `refused` is told of it (some servers fail a whole command for one message). With `reopen` the same is done where the
 * server says BYE instead: what came before it counts, and the rest is asked for on a new connection.
 */
export async function fetchSets(
  session: Session,
  request: Omit<FetchRequest, 'set'> & { readonly sets: readonly UidSet[] },
  handle: {
    readonly take: (fetched: Fetched) => void | Promise<void>;
    readonly refused: (uid: number, reason: string) => void;
    readonly reopen?: Reopen;
    /** After each set that was fetched. */
    readonly done?: () => Promise<void>;
  },
): Promise<void> {
  const waiting = [...request.sets].reverse();
  let current = session;
  let taken = 0;
  let refused = 0;
  let byes = 0;
  for (let set = waiting.pop(); set !== undefined; set = waiting.pop()) {
    const seen = new Set<number>();
    const take: typeof handle.take = fetched => {
      taken++;
      seen.add(fetched.uid);
      return handle.take(fetched);
    };
    try {
      await fetch(current, { ...request, set: set.text }, take);
      await handle.done?.();
    } catch (error) {
      if (error instanceof SaidBye && handle.reopen !== undefined && ++byes <= MOST_BYES) {
        current = await handle.reopen();
        const left = set.uids.filter(uid => !seen.has(uid));
        if (set.uids.length === 1) handle.refused(set.uids[0]!, error.words);
        else waiting.push(...withFirstAlone(left));
        continue;
      }
      if (!(error instanceof CommandRefused) || error.code === 'try-later') throw error;
      if (taken === 0 && ++refused > MOST_REFUSED) throw error;
      if (set.uids.length === 1) handle.refused(set.uids[0]!, error.words);
      else waiting.push(...halves(set));
    }
  }
}

/** Rows come in order: the first that did not is asked for alone, as it may be the one the server stumbles over. */
function withFirstAlone(left: readonly number[]): UidSet[] {
  const rest = left.slice(1);
  return [
    ...uidSets(left.slice(0, 1)),
    ...(rest.length === 0 ? [] : halves({ text: '', uids: rest }).reverse()),
  ].reverse();
}

/** The second half first, as they are taken from the end. */
function halves(set: UidSet): UidSet[] {
  const middle = set.uids.length >> 1;
  return [...uidSets(set.uids.slice(0, middle)), ...uidSets(set.uids.slice(middle))].reverse();
}
