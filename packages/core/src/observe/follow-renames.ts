import { SIDES } from '../model/by-side.js';
import { compareText } from '../model/mailbox.js';
import { isSameMailbox } from '../model/same-mailbox.js';
import { clearHints } from '../state/hints.js';
import { type MailboxRecord, unquiet } from '../state/records.js';
import type { Change, Store } from '../state/store.js';
import { loadSnapshot } from './load-view.js';

/**
 * Base follows a mailbox that both sides call otherwise now: a rename that an apply carried out and died before it could
 * record it, or two people of one mind. Both must hold the messages of its pairs under the same keys. Only the state changes.
 */
export async function followRenames(store: Store): Promise<void> {
  const records = [...(await store.all('mailbox', '')).values()];
  records.sort((a, b) => compareText(a.mailbox, b.mailbox));
  const left = records.filter(
    ({ sides, rematch, faults }) =>
      SIDES.every(side => sides[side] === undefined) && rematch === undefined && faults === undefined,
  );
  for (const old of left) {
    const pairs = await store.all('pair', old.mailbox);
    if (pairs.size === 0) continue;
    for (const now of records) {
      if (!(await isItNow(store, [...pairs.values()], now))) continue;
      const value: MailboxRecord = {
        ...unquiet(now),
        generation: old.generation,
        ...(old.pending === undefined ? {} : { pending: old.pending }),
        agreed: true,
        formerly: old.mailbox,
      };
      const changes: Change[] = [
        { clear: 'pair', mailbox: old.mailbox },
        ...clearHints(old.mailbox),
        ...clearHints(now.mailbox),
        { del: 'mailbox', mailbox: '', key: old.mailbox },
        { put: 'mailbox', mailbox: '', key: now.mailbox, value },
      ];
      for (const [key, pair] of pairs) changes.push({ put: 'pair', mailbox: now.mailbox, key, value: pair });
      await store.write(changes, { durable: true });
      break;
    }
  }
}

async function isItNow(
  store: Store,
  pairs: Parameters<typeof isSameMailbox>[0],
  record: MailboxRecord,
): Promise<boolean> {
  if (record.generation > 0 || record.rematch !== undefined) return false;
  if (SIDES.some(side => record.sides[side] === undefined)) return false;
  if ((await store.all('pair', record.mailbox)).size > 0) return false;
  for (const side of SIDES) {
    const snapshot = await loadSnapshot(store, record, side);
    if (snapshot === undefined || !isSameMailbox(pairs, side, snapshot)) return false;
  }
  return true;
}
