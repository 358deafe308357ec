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
    const reason = `the ${missing} side did not show this mailbox; one look is not enough to take it for deleted: sync again, or bring it back`;
    return { decisions: [], blocked: [{ mailbox, reason }], waiting: [...waitingIn(view, snapshot, there)] };
  }
  if (view.rematch !== undefined) return bringBack(view, snapshot, missing, view.rematch);
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
  if (stays)
    return bringBack(view, snapshot, missing, `deleted on ${missing}, but not all of its mail may go: kept`);
  const why = `deleted on ${missing}`;
  return { decisions: [...decisions, { kind: 'delete-mailbox', on: there, mailbox, why }], blocked };
}

/** The mailbox is made again and all that is in it counts as new: base proves nothing there any more. */
function bringBack(view: MailboxView, snapshot: Snapshot, on: SideName, why: string): Merge {
  const { mailbox } = view;
  const copies = [...snapshot.rows.values()].map(
    (row): Decision => ({ kind: 'copy', to: on, mailbox, row, why }),
  );
  const unpairs = view.pairs.map((pair): Decision => ({ kind: 'unpair', mailbox, pair, why }));
  const creation: Decision = { kind: 'create-mailbox', on, mailbox, conflict: true, why };
  return { decisions: [creation, ...copies, ...unpairs], blocked: [] };
}

/** Everything in the mailbox may turn out to have moved: what base knows, and what is new in it. */
function* waitingIn(view: MailboxView, snapshot: Snapshot, on: SideName): Generator<Waiting> {
  const pairs = new Map(view.pairs.map(pair => [`${pair[on].epoch}:${pair[on].key}`, pair]));
  for (const row of snapshot.rows.values()) {
    const pair = pairs.get(`${snapshot.cursor.epoch}:${row.key}`);
    if (pair !== undefined && isEdited(pair, on, row)) continue;
    yield { on, mailbox: view.mailbox, identity: pair?.identity ?? row.identity, row };
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
