import { SIDES } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Store } from '../state/store.js';

/** What one command found out about mailboxes, each for as long as a stamp is the same. Ends with the store. */
export class MailboxMemory<T> {
  readonly #known = new WeakMap<Store, Map<MailboxName, { readonly stamp: string; readonly value: T }>>();

  recall(store: Store, mailbox: MailboxName, stamp: string): T | undefined {
    const known = this.#known.get(store)?.get(mailbox);
    return known?.stamp === stamp ? known.value : undefined;
  }

  note(store: Store, mailbox: MailboxName, stamp: string, value: T): void {
    const known = this.#known.get(store) ?? new Map<MailboxName, { stamp: string; value: T }>();
    this.#known.set(store, known);
    known.set(mailbox, { stamp, value });
  }
}

/** Another text after each write of a row or a pair. */
export function editionsOf(store: Store, mailbox: MailboxName): string {
  return (['pair', ...SIDES] as const).map(kind => store.edition(kind, mailbox)).join(' ');
}
