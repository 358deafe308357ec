import type { SideName } from '../model/by-side.js';
import { hiddenAt, hides } from '../model/hidden.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Listing } from '../model/row.js';
import type { Repository } from '../state/repository.js';
import { type Refusal, skipped } from './judgement.js';

/** So many mailboxes are made between two looks around: each look costs a listing of every mailbox. */
const MADE_A_LOOK = 32;

/** What a side shows around mailboxes that are being made there. */
export class Outlook {
  readonly #repository: Repository;
  readonly #seen = new Map<SideName, { readonly listing: Listing; uses: number }>();

  constructor(repository: Repository) {
    this.#repository = repository;
  }

  /** Something else changed than that mailboxes were made: the next look is a new one. */
  forget(): void {
    this.#seen.clear();
  }

  /** Where known mailboxes are out of sight, nothing is made beside them: it would hide them for good, and lie on another disk. */
  async refusalBeside(on: SideName, mailbox: MailboxName): Promise<Refusal | undefined> {
    const { store, sides } = this.#repository;
    if (sides[on].keys !== 'file') return undefined;
    const { entries, hidden } = await this.#look(on);
    const place = hidden?.find(one => hides(one, mailbox));
    if (place === undefined) return undefined;
    const listed = new Set(entries.map(entry => entry.mailbox));
    for (const record of (await store.all('mailbox', '')).values()) {
      if (
        record.agreed &&
        record.mailbox !== mailbox &&
        !listed.has(record.mailbox) &&
        hiddenAt([place], record) !== undefined
      ) {
        return skipped(`${record.mailbox} is out of sight there: ${place.reason}`);
      }
    }
    return undefined;
  }

  async #look(on: SideName): Promise<Listing> {
    const seen = this.#seen.get(on);
    if (seen !== undefined && seen.uses < MADE_A_LOOK) {
      seen.uses++;
      return seen.listing;
    }
    const listing = await this.#repository.sides[on].list();
    this.#seen.set(on, { listing, uses: 1 });
    return listing;
  }
}
