import type { Original, Originals } from '../merge/find-copies.js';
import { SIDES, type SideName } from '../model/by-side.js';
import { isEdited } from '../model/pair.js';
import type { MailboxView } from '../model/view.js';
import { loadView } from '../observe/load-view.js';
import type { MailboxRecord } from '../state/records.js';
import type { Store } from '../state/store.js';

/** Messages in quiet mailboxes that are looked through for originals; beyond that their bytes travel once more. */
const MOST_LOOKED_THROUGH = 30_000;

/**
 * Finds the paired messages of some digests: in the mailboxes that were merged anyway, and in quiet ones as long as they
 * are few. The cost of a new message must not grow with the account.
 */
export async function findOriginals(
  store: Store,
  wanted: ReadonlySet<string>,
  { views, records }: { readonly views: readonly MailboxView[]; readonly records: readonly MailboxRecord[] },
): Promise<Originals> {
  const found: Record<SideName, Map<string, Original[]>> = { remote: new Map(), local: new Map() };
  if (wanted.size > 0) {
    for (const view of views) collect(view, wanted, found);
    let left = MOST_LOOKED_THROUGH;
    for (const record of records) {
      if (!record.quiet) continue;
      left -= record.sides.local?.cursor.count ?? 0;
      if (left < 0) break;
      const pairs = await store.all('pair', record.mailbox);
      const some = [...pairs.values()].some(pair => wanted.has(pair.identity.digest));
      if (some) collect(await loadView(store, record), wanted, found);
    }
  }
  return (side, digest) => found[side].get(digest) ?? [];
}

function collect(
  view: MailboxView,
  wanted: ReadonlySet<string>,
  found: Record<SideName, Map<string, Original[]>>,
): void {
  if (view.rematch !== undefined) return;
  for (const pair of view.pairs) {
    const { digest } = pair.identity;
    if (!wanted.has(digest) || pair.weak) continue;
    const rowOf = (side: SideName) => {
      const snapshot = view.sides[side];
      const row = snapshot?.cursor.epoch === pair[side].epoch ? snapshot.rows.get(pair[side].key) : undefined;
      return row === undefined || isEdited(pair, side, row) ? undefined : row;
    };
    const [remote, local] = [rowOf('remote'), rowOf('local')];
    if (remote === undefined || local === undefined) continue;
    for (const side of SIDES) {
      const original = { mailbox: view.mailbox, row: side === 'remote' ? remote : local };
      const list = found[side].get(digest);
      if (list === undefined) found[side].set(digest, [original]);
      else list.push(original);
    }
  }
}
