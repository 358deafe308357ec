import type { Action } from '../model/action.js';
import type { SideName } from '../model/by-side.js';
import { type Identity, sameMessage } from '../model/identity.js';
import type { Unseen } from '../observe/observe-side.js';
import { type UnpairedMessages, unpairedMessages } from '../observe/unpaired.js';
import type { Store } from '../state/store.js';

/** The reason where an unpaired message of the same header was seen. */
export function mayBeIn(mailbox: string): string {
  return `a message like it is new in ${mailbox}: it may have moved there`;
}

/** Where a message that is gone from a mailbox may be: new in another one, or in one that cannot be read. */
export class Whereabouts {
  readonly #store: Store;
  readonly #unseen: Partial<Record<SideName, Unseen['unseen']>> = {};
  readonly #unpaired: Partial<Record<SideName, UnpairedMessages>> = {};

  constructor(store: Store) {
    this.#store = store;
  }

  noteUnseen(side: SideName, unseen: Unseen['unseen']): void {
    this.#unseen[side] = unseen;
  }

  /** Looks before anything is done for these lines: as long as nothing is, little has to be read. */
  async prepareFor(actions: Iterable<Action>): Promise<void> {
    const sides = new Set<SideName>();
    for (const { op } of actions) {
      if (op === 'download' || op === 'delete-remote') sides.add('local');
      if (op === 'upload' || op === 'delete-local') sides.add('remote');
    }
    if (sides.size > 0) await this.#load([...sides]);
  }

  /** Why a message may not be gone from a side, but in another mailbox there; undefined when it is nowhere else. */
  async movedTo(side: SideName, digest: string, not: string): Promise<string | undefined> {
    for (const { mailbox } of await this.#like(side, digest)) if (mailbox !== not) return mayBeIn(mailbox);
    for (const [mailbox, reason] of this.#unseen[side] ?? []) {
      if (mailbox !== not)
        return `it may have moved to ${mailbox}, which cannot be read on the ${side} side (${reason}): nothing is deleted for that side before it can`;
    }
    return undefined;
  }

  /**
   * Why a message that is new in a mailbox may have come to a side already, and to another mailbox there. Where only contents
   * can tell, the next plan reads them.
   */
  async alsoIn(side: SideName, identity: Identity, not: string): Promise<string | undefined> {
    for (const there of await this.#like(side, identity.digest)) {
      const isElsewhere = there.mailbox !== not && there.alone;
      if (isElsewhere && sameMessage(there.identity, identity) !== 'no') return mayBeIn(there.mailbox);
    }
    return undefined;
  }

  async #like(side: SideName, digest: string) {
    if (this.#unpaired[side] === undefined) await this.#load([side]);
    return this.#unpaired[side]?.get(digest) ?? [];
  }

  async #load(sides: readonly SideName[]): Promise<void> {
    const unpaired = await unpairedMessages(this.#store, sides);
    for (const side of sides) this.#unpaired[side] = unpaired[side];
  }
}
