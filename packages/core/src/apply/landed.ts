import type { Action } from '../model/action.js';
import { type BySide, otherSide, type SideName } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Epoch, MessageKey } from '../model/row.js';

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

/** Of messages that differ although their headers do not, so many are remembered. */
const MOST_OF_A_KIND = 8;

/**
 * Remembers where messages landed that a run is to bring to several mailboxes, so that their bytes travel once. Holds
 * nothing about the others.
 */
export class LandedMessages {
  readonly #shared: BySide<Map<string, Landed[]>> = { remote: new Map(), local: new Map() };

  constructor(actions: Iterable<Action>) {
    const first: BySide<Map<string, MailboxName>> = { remote: new Map(), local: new Map() };
    for (const action of actions) {
      const on = newCopyOn(action);
      const digest = action.message?.digest;
      if (on === undefined || digest === undefined) continue;
      const before = first[on].get(digest);
      if (before === undefined) first[on].set(digest, action.mailbox);
      else if (before !== action.mailbox && !this.#shared[on].has(digest)) this.#shared[on].set(digest, []);
    }
  }

  /** Whether several mailboxes want messages like this one. */
  isShared(action: Action): boolean {
    return this.#known(action) !== undefined;
  }

  note(action: Action, landed: Landed): void {
    const known = this.#known(action);
    if (known !== undefined && known.length < MOST_OF_A_KIND) known.push(landed);
  }

  /** What landed in other mailboxes and may be the message of this line. */
  find(action: Action): readonly Landed[] {
    const found = this.#known(action) ?? [];
    return found.filter(({ mailbox, size }) => mailbox !== action.mailbox && size === action.message?.size);
  }

  #known(action: Action): Landed[] | undefined {
    const on = newCopyOn(action);
    const digest = action.message?.digest;
    return on === undefined || digest === undefined ? undefined : this.#shared[on].get(digest);
  }
}

/** The side a `download` or `upload` goes to, unless it takes the place of something there. */
function newCopyOn(action: Action): SideName | undefined {
  if (action.op !== 'download' && action.op !== 'upload') return undefined;
  const on = action.op === 'download' ? 'local' : 'remote';
  return action[on] === undefined && action[otherSide(on)] !== undefined ? on : undefined;
}
