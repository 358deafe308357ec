import type { Original, Originals } from '../merge/find-copies.js';
import { bySide, otherSide, SIDES, type SideName } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
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
  const found = new Found(wanted);
  if (wanted.size > 0) {
    for (const view of views) found.collect(view);
    let left = MOST_LOOKED_THROUGH;
    for (const record of records) {
      if (!record.quiet) continue;
      left -= record.sides.local?.cursor.count ?? 0;
      if (left < 0) break;
      const pairs = await store.all('pair', record.mailbox);
      const some = [...pairs.values()].some(pair => wanted.has(pair.identity.digest));
      if (some) found.collect(await loadView(store, record));
    }
  }
  return found;
}

class Found implements Originals {
  readonly #wanted: ReadonlySet<string>;
  readonly #originals = bySide(() => new Map<string, Original[]>());
  readonly #counts = bySide(() => new Map<string, Map<MailboxName, number>>());

  constructor(wanted: ReadonlySet<string>) {
    this.#wanted = wanted;
  }

  find(side: SideName, digest: string): readonly Original[] {
    return this.#originals[side].get(digest) ?? [];
  }

  count(side: SideName, mailbox: MailboxName, digest: string): number {
    return this.#counts[side].get(digest)?.get(mailbox) ?? 0;
  }

  collect(view: MailboxView): void {
    this.#countRows(view);
    if (view.rematch !== undefined) return;
    for (const pair of view.pairs) {
      const { digest } = pair.identity;
      if (!this.#wanted.has(digest) || pair.weak) continue;
      const rowOf = (side: SideName) => {
        const snapshot = view.sides[side];
        const row =
          snapshot?.cursor.epoch === pair[side].epoch ? snapshot.rows.get(pair[side].key) : undefined;
        return row === undefined || isEdited(pair, side, row) ? undefined : row;
      };
      const rows = { remote: rowOf('remote'), local: rowOf('local') };
      for (const side of SIDES) {
        const [row, counterpart] = [rows[side], rows[otherSide(side)]];
        if (row === undefined || counterpart === undefined) continue;
        const originals = this.#originals[side].get(digest) ?? [];
        this.#originals[side].set(digest, originals);
        originals.push({ mailbox: view.mailbox, row, counterpart });
      }
    }
  }

  #countRows({ mailbox, sides }: MailboxView): void {
    for (const side of SIDES) {
      for (const { identity } of sides[side]?.rows.values() ?? []) {
        if (!this.#wanted.has(identity.digest)) continue;
        const counts = this.#counts[side].get(identity.digest) ?? new Map<MailboxName, number>();
        this.#counts[side].set(identity.digest, counts);
        counts.set(mailbox, (counts.get(mailbox) ?? 0) + 1);
      }
    }
  }
}
