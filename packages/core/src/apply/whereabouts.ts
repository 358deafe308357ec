import type { SideName } from '../model/by-side.js';
import type { Unseen } from '../observe/observe-side.js';
import { type MailboxesByDigest, unpairedDigests } from '../observe/unpaired-digests.js';
import type { Store } from '../state/store.js';
import { type MovedTo, mayBeIn } from './removing.js';

/** Where a message that is gone from a mailbox may be: new in another one, or in one that cannot be read. */
export class Whereabouts {
  readonly #store: Store;
  readonly #unseen: Partial<Record<SideName, Unseen['unseen']>> = {};
  readonly #unpaired: Partial<Record<SideName, MailboxesByDigest>> = {};

  constructor(store: Store) {
    this.#store = store;
  }

  noteUnseen(side: SideName, unseen: Unseen['unseen']): void {
    this.#unseen[side] = unseen;
  }

  readonly movedTo: MovedTo = async (side, digest, not) => {
    const unpaired = this.#unpaired[side] ?? (await unpairedDigests(this.#store))[side];
    this.#unpaired[side] = unpaired;
    for (const mailbox of unpaired.get(digest) ?? []) if (mailbox !== not) return mayBeIn(mailbox);
    for (const [mailbox, reason] of this.#unseen[side] ?? []) {
      if (mailbox !== not)
        return `it may have moved to ${mailbox}, which cannot be read on the ${side} side (${reason}): nothing is deleted for that side before it can`;
    }
    return undefined;
  };
}
