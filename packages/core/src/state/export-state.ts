import { EXPORT_VERSION, type ExportEnd, type ExportHeader, ExportSum } from './export-form.js';
import type { InspectedRecord } from './inspect.js';
import type { LevelStore } from './level-store.js';
import { KINDS } from './records.js';

export interface ExportOptions {
  readonly repository: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * Every line of an export, header first and end last, in a stable order: kinds as in KINDS, mailboxes sorted, keys in the
 * database's order. A thousand records are in memory at a time. Where the state is damaged it throws, and there is no end.
 */
export async function* exportState(
  store: LevelStore,
  { repository, now }: ExportOptions,
): AsyncGenerator<ExportHeader | InspectedRecord | ExportEnd> {
  const sum = new ExportSum();
  const exported = new Date(now).toISOString();
  const header: ExportHeader = { postern: 'state', version: EXPORT_VERSION, repository, exported };
  yield header;
  for (const kind of KINDS) {
    for (const mailbox of await store.partitions(kind)) {
      for await (const [key, value] of store.each(kind, mailbox)) {
        const record = { kind, mailbox, key, value } as InspectedRecord;
        sum.add(record);
        yield record;
      }
    }
  }
  yield sum.finish();
}
