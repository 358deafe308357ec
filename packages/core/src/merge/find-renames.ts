import { otherSide, SIDES } from '../model/by-side.js';
import { isSameMailbox } from '../model/same-mailbox.js';
import type { MailboxView } from '../model/view.js';
import type { Decision } from './decision.js';

export interface Renames {
  readonly decisions: readonly Decision[];
  /** The views to merge: a renamed mailbox is one view under its new name, as after the rename. */
  readonly views: readonly MailboxView[];
}

/**
 * Finds mailboxes that were renamed on one side: base knows one that is gone there, and a new one there holds the messages
 * of its pairs under the same keys. Pure.
 */
export function findRenames(views: readonly MailboxView[]): Renames {
  const decisions: Decision[] = [];
  const left = new Set(views);
  for (const on of SIDES) {
    const renamedOn = otherSide(on);
    for (const old of views) {
      if (!left.has(old) || old.pairs.length === 0 || old.rematch !== undefined) continue;
      if (old.sides[renamedOn] !== undefined || old.sides[on] === undefined) continue;
      const now = views.find(view => {
        const snapshot = view.sides[renamedOn];
        const fresh =
          left.has(view) && !view.known && view.pairs.length === 0 && view.sides[on] === undefined;
        return fresh && snapshot !== undefined && isSameMailbox(old.pairs, renamedOn, snapshot);
      });
      if (now === undefined) continue;
      left.delete(old);
      left.delete(now);
      const why = `renamed to ${now.mailbox} on ${renamedOn}`;
      decisions.push({ kind: 'rename-mailbox', on, mailbox: old.mailbox, to: now.mailbox, why });
      left.add({
        mailbox: now.mailbox,
        pairs: old.pairs,
        sides: { remote: now.sides.remote ?? old.sides.remote, local: now.sides.local ?? old.sides.local },
        known: true,
      });
    }
  }
  return { decisions, views: [...left] };
}
