import { KINDS, type Kind, type RecordKinds } from './records.js';
import type { Store } from './store.js';

/** A record as plain JSON. */
export type InspectedRecord = {
  [K in Kind]: {
    readonly kind: K;
    readonly mailbox: string;
    readonly key: string;
    readonly value: RecordKinds[K];
  };
}[Kind];

export interface InspectFilter {
  readonly kind?: Kind;
  /** Records about this mailbox, the one that describes it included. */
  readonly mailbox?: string;
}

/**
 * The records of a store, verified, in a stable order: kinds as in KINDS, mailboxes sorted, keys in the database's order.
 * Holds one partition in memory at a time.
 */
export async function* inspect(store: Store, filter: InspectFilter = {}): AsyncGenerator<InspectedRecord> {
  for (const kind of KINDS) {
    if (filter.kind !== undefined && filter.kind !== kind) continue;
    for (const mailbox of await store.partitions(kind)) {
      for (const [key, value] of await store.all(kind, mailbox)) {
        const about = kind === 'mailbox' ? key : mailbox;
        if (filter.mailbox !== undefined && filter.mailbox !== about) continue;
        yield { kind, mailbox, key, value } as InspectedRecord;
      }
    }
  }
}
