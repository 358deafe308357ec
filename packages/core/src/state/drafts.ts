import { type Encoded, encodeRecord } from './codec.js';
import { type Partition, partitionKey, recordKey } from './keys.js';
import type { Kind } from './records.js';
import type { Change } from './store.js';

/** What a batch asks of one partition: the last word on each key, and whether all else goes. */
export interface Draft extends Partition {
  cleared: boolean;
  readonly final: Map<string, Encoded<unknown> | undefined>;
}

/** The last word of a batch on each key, by partition, in the order the partitions came. */
export function draftsOf(changes: readonly Change[]): Iterable<Draft> {
  const drafts = new Map<string, Draft>();
  const draftOf = (kind: Kind, mailbox: string): Draft => {
    const name = partitionKey(kind, mailbox);
    const known = drafts.get(name);
    if (known !== undefined) return known;
    const draft: Draft = { kind, mailbox, cleared: false, final: new Map() };
    drafts.set(name, draft);
    return draft;
  };
  for (const change of changes) {
    if ('put' in change) {
      const key = recordKey(change.put, change.mailbox, change.key);
      draftOf(change.put, change.mailbox).final.set(key, encodeRecord(change.put, key, change.value));
    } else if ('del' in change) {
      const key = recordKey(change.del, change.mailbox, change.key);
      draftOf(change.del, change.mailbox).final.set(key, undefined);
    } else {
      const draft = draftOf(change.clear, change.mailbox);
      draft.cleared = true;
      draft.final.clear();
    }
  }
  return drafts.values();
}
