import { otherSide, type SideName } from '../model/by-side.js';
import { isEdited } from '../model/pair.js';
import { NO_EPOCH, type Snapshot } from '../model/row.js';
import type { MailboxView } from '../model/view.js';
import type { Decision, Merge, Waiting } from './decision.js';

/**
 * Merges a mailbox that a side lacks (DESIGN §5). New: it is created there. Known, and listed without it more than once: its
 * messages are merged as if it were there and empty, by `mergeBoth`; if they all go, the mailbox goes, else it comes back.
 */
export function mergeMissingMailbox(view: MailboxView, mergeBoth: (view: MailboxView) => Merge): Merge {
  const { mailbox, pairs, sides } = view;
  const there: SideName = sides.remote === undefined ? 'local' : 'remote';
  const missing = otherSide(there);
  const snapshot = sides[there];
  if (snapshot === undefined) {
    const why = 'the mailbox is gone on both sides';
    return { decisions: pairs.map(pair => ({ kind: 'unpair', mailbox, pair, why })), blocked: [] };
  }
  if (!view.known && pairs.length === 0) return createThere(view, snapshot, missing);
  if (!view.vanished?.includes(missing)) {
    const reason = `the ${missing} side came without this mailbox: nothing is done until it does so again`;
    return { decisions: [], blocked: [{ mailbox, reason }], waiting: [...waitingIn(view, snapshot, there)] };
  }
  if (view.rematch !== undefined) return bringBack(view, snapshot, missing);
  const empty: Snapshot = {
    mailbox,
    cursor: { epoch: pairs[0]?.[missing].epoch ?? NO_EPOCH, count: 0 },
    permanentFlags: snapshot.permanentFlags,
    rows: new Map(),
    unreadable: new Map(),
  };
  const { decisions, blocked } = mergeBoth({ ...view, sides: { ...sides, [missing]: empty } });
  const stays =
    decisions.some(({ kind }) => kind === 'copy') || blocked.length > 0 || snapshot.unreadable.size > 0;
  const own: Decision = stays
    ? {
        kind: 'create-mailbox',
        on: missing,
        mailbox,
        conflict: true,
        why: `deleted on ${missing}, but not all of its mail: kept`,
      }
    : { kind: 'delete-mailbox', on: there, mailbox, why: `deleted on ${missing}` };
  return { decisions: [...decisions, own], blocked };
}

/** Base proves nothing in this round, so what is there counts as new. */
function bringBack(view: MailboxView, snapshot: Snapshot, on: SideName): Merge {
  const { mailbox, pairs } = view;
  const why = view.rematch ?? '';
  const unpairs = pairs.map((pair): Decision => ({ kind: 'unpair', mailbox, pair, why }));
  return { decisions: [...createThere(view, snapshot, on).decisions, ...unpairs], blocked: [] };
}

function* waitingIn(view: MailboxView, snapshot: Snapshot, on: SideName): Generator<Waiting> {
  for (const pair of view.pairs) {
    const row = pair[on].epoch === snapshot.cursor.epoch ? snapshot.rows.get(pair[on].key) : undefined;
    if (row !== undefined && !isEdited(pair, on, row)) yield { on, mailbox: view.mailbox, pair, row };
  }
}

function createThere(view: MailboxView, snapshot: Snapshot, on: SideName): Merge {
  const { mailbox } = view;
  const why = `new on ${otherSide(on)}`;
  const copies = [...snapshot.rows.values()].map(
    (row): Decision => ({ kind: 'copy', to: on, mailbox, row, why }),
  );
  return { decisions: [{ kind: 'create-mailbox', on, mailbox, why }, ...copies], blocked: [] };
}
