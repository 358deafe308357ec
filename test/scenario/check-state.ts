import { SIDES } from '@postern/core/model/by-side.js';
import { sameFlags } from '@postern/core/model/flags.js';
import { pairKey } from '@postern/core/model/pair.js';
import { loadView } from '@postern/core/observe/load-view.js';
import { KINDS } from '@postern/core/state/records.js';
import type { Store } from '@postern/core/state/store.js';
import type { Sight } from './words.js';

/**
 * What is wrong with a state, in sentences. Every partition can be read and no message is in two pairs. When all is
 * settled, the snapshots show what is there, and each pair has both its ends.
 */
export async function checkState(
  store: Store,
  sight: Sight,
  options: { readonly settled: boolean },
): Promise<string[]> {
  const faults: string[] = [];
  for (const kind of KINDS)
    for (const mailbox of await store.partitions(kind)) await store.all(kind, mailbox);
  for (const record of (await store.all('mailbox', '')).values()) {
    const view = await loadView(store, record);
    const held = { remote: new Set<string>(), local: new Set<string>() };
    for (const [key, pair] of await store.all('pair', view.mailbox)) {
      if (key !== pairKey(pair))
        faults.push(`${view.mailbox}: a pair is kept under ${key}, not ${pairKey(pair)}`);
      for (const side of SIDES) {
        const end = `${pair[side].epoch}:${pair[side].key}`;
        if (held[side].has(end)) faults.push(`${view.mailbox}: ${side} ${end} is in two pairs`);
        held[side].add(end);
        const snapshot = view.sides[side];
        if (!options.settled || snapshot === undefined || pair.marked) continue;
        const known = snapshot.rows.has(pair[side].key) || snapshot.unreadable.has(pair[side].key);
        if (!known || snapshot.cursor.epoch !== pair[side].epoch)
          faults.push(`${view.mailbox}: the pair's ${side} end ${end} is not there`);
      }
    }
    if (!options.settled) continue;
    for (const side of SIDES) {
      const seen = new Map((sight[side].get(view.mailbox) ?? []).map(message => [message.key, message]));
      for (const [key, row] of view.sides[side]?.rows ?? []) {
        const message = seen.get(key);
        if (message === undefined)
          faults.push(`${view.mailbox}: the ${side} snapshot has ${key}, which is gone`);
        else if (!sameFlags(message.flags, row.flags))
          faults.push(`${view.mailbox}: the ${side} snapshot has other flags of ${key}`);
      }
    }
  }
  return faults;
}
