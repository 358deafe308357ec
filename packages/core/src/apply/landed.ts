import { type Action, isDelivery } from '../model/action.js';
import { type BySide, otherSide, type SideName } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Epoch, MessageKey } from '../model/row.js';
import { targetOf } from './copy-target.js';

/** A message that a run brought to a side, or found there. */
export interface Landed {
  readonly mailbox: MailboxName;
  /** Where it is on the side it came to. */
  readonly epoch: Epoch;
  readonly key: MessageKey;
  /** What the side it came from says of it. */
  readonly size: number;
  readonly date: number;
  readonly serverId: string | undefined;
  /** No other message of its mailbox there has its digest. */
  readonly sole: boolean;
}

interface Noted extends Landed {
  /** Another one like it, noted before. There hardly ever is one: a list for each would take more memory than they do. */
  readonly earlier: Noted | undefined;
}

/** Of messages that differ although their headers do not, so many are remembered. */
const MOST_OF_A_KIND = 8;

/**
 * Remembers where messages landed that a run is to bring to several mailboxes, so that their bytes travel once. Holds
 * nothing about the others.
 */
export class LandedMessages {
  readonly #shared: BySide<Map<string, Noted | undefined>> = { remote: new Map(), local: new Map() };

  constructor(actions: Iterable<Action>) {
    const first: BySide<Map<string, MailboxName>> = { remote: new Map(), local: new Map() };
    for (const action of actions) {
      const on = newCopyOn(action);
      const digest = action.message?.digest;
      if (on === undefined || digest === undefined) continue;
      const before = first[on].get(digest);
      if (before === undefined) first[on].set(digest, action.mailbox);
      else if (before !== action.mailbox) this.#shared[on].set(digest, undefined);
    }
  }

  /** Whether several mailboxes want messages like this one. */
  isShared(action: Action): boolean {
    const on = newCopyOn(action);
    const digest = action.message?.digest;
    return on !== undefined && digest !== undefined && this.#shared[on].has(digest);
  }

  note(action: Action, landed: Landed): void {
    const on = newCopyOn(action);
    const digest = action.message?.digest;
    if (on === undefined || digest === undefined || !this.#shared[on].has(digest)) return;
    if (this.#noted(action).length >= MOST_OF_A_KIND) return;
    const { mailbox, epoch, key, size, date, serverId, sole } = landed;
    const earlier = this.#shared[on].get(digest);
    this.#shared[on].set(digest, { mailbox, epoch, key, size, date, serverId, sole, earlier });
  }

  /** What landed in other mailboxes and may be the message of this line. */
  find(action: Action): readonly Landed[] {
    return this.#noted(action).filter(
      ({ mailbox, size }) => mailbox !== action.mailbox && size === action.message?.size,
    );
  }

  #noted(action: Action): Noted[] {
    const on = newCopyOn(action);
    const digest = action.message?.digest;
    const noted: Noted[] = [];
    if (on === undefined || digest === undefined) return noted;
    for (let one = this.#shared[on].get(digest); one !== undefined; one = one.earlier) noted.push(one);
    return noted;
  }
}

/** The side a `download` or `upload` goes to, unless it takes the place of something there. */
function newCopyOn(action: Action): SideName | undefined {
  if (!isDelivery(action.op)) return undefined;
  const on = targetOf(action);
  return action[on] === undefined && action[otherSide(on)] !== undefined ? on : undefined;
}
