import { otherSide } from '../model/by-side.js';
import type { MailboxView } from '../model/view.js';
import type { Decision, Merge } from './decision.js';

/** Merges a mailbox that one side lacks: created there when it is new; when it was there before, nothing is done for it. */
export function mergeMissingMailbox(view: MailboxView): Merge {
  const there = view.sides.remote === undefined ? 'local' : 'remote';
  const missing = otherSide(there);
  const snapshot = view.sides[there];
  if (snapshot === undefined) return { decisions: [], blocked: [] };
  if (view.known || view.pairs.length > 0) {
    const reason = `the mailbox is no longer on the ${missing} side: nothing is copied or deleted for it until it is there again or removed on the ${there} side too`;
    return { decisions: [], blocked: [{ mailbox: view.mailbox, reason }] };
  }
  const why = `new on ${there}`;
  const copies = [...snapshot.rows.values()].map(
    (row): Decision => ({ kind: 'copy', to: missing, mailbox: view.mailbox, row, why }),
  );
  return {
    decisions: [{ kind: 'create-mailbox', on: missing, mailbox: view.mailbox, why }, ...copies],
    blocked: [],
  };
}
