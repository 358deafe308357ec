import { matchRows } from '@postern/core/match/match-rows.js';
import { rowsToMatch, sortPairs } from '@postern/core/match/sort-pairs.js';
import { findCopies, type Original, type Originals } from '@postern/core/merge/find-copies.js';
import { mergeMailbox } from '@postern/core/merge/merge-mailbox.js';
import { type Relocation, relocate } from '@postern/core/merge/relocate.js';
import type { Action } from '@postern/core/model/action.js';
import { agreedFlags } from '@postern/core/model/agreed-flags.js';
import { otherSide, SIDES, type SideName } from '@postern/core/model/by-side.js';
import { sameFlags } from '@postern/core/model/flags.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import { isEdited, pairKey } from '@postern/core/model/pair.js';
import type { Row } from '@postern/core/model/row.js';
import type { Blocked } from '@postern/core/model/view.js';
import { actionsOf, sortActions } from '@postern/core/plan/build-plan.js';
import { EPOCHS, identity, permanent, type TinyBox } from './tiny-account.js';

export interface TinyPlan {
  readonly actions: readonly Action[];
  readonly blocked: readonly Blocked[];
}

/** What fetch and plan make of the boxes: the pure stages, and the reading of contents that they ask for. */
export function planOf(boxes: readonly TinyBox[]): TinyPlan {
  for (const box of boxes) settleBox(box);
  let merged = mergeAll(boxes);
  for (const { side, mailbox, row } of merged.wanted) read(boxOf(boxes, mailbox), { side, row });
  const learned = boxes.map(refreshBase).includes(true);
  if (merged.wanted.length > 0 || learned) merged = mergeAll(boxes);
  const { decisions, blocked } = merged;
  const epochs = () => EPOCHS;
  return {
    actions: sortActions(
      actionsOf(findCopies(decisions, originalsIn(boxes)), { repository: 'tiny', epochs }),
    ),
    blocked,
  };
}

export function boxOf(boxes: readonly TinyBox[], mailbox: MailboxName): TinyBox {
  const box = boxes.find(({ name }) => name === mailbox);
  if (box === undefined) throw new Error(`no mailbox ${mailbox}`);
  return box;
}

function settleBox(box: TinyBox): void {
  if (![...box.rows.remote.values()].some(row => row.identity.content === undefined)) return;
  for (let pass = 0; pass < 3; pass++) {
    const view = box.view();
    const { remote, local } = view.sides;
    if (remote === undefined || local === undefined) return;
    const snapshots = { remote, local };
    const { wanted } = matchRows(rowsToMatch(sortPairs(view, snapshots), snapshots));
    const unread = SIDES.flatMap(side => wanted[side].map(row => ({ side, row })));
    if (unread.length === 0) return;
    for (const one of unread) read(box, one);
  }
}

function read(box: TinyBox, { side, row }: { readonly side: SideName; readonly row: Row }): void {
  const known = box.rows[side].get(row.key);
  if (known === undefined) throw new Error('a row that is not there is to be read');
  const { content } = identity(box.kind, known.truth);
  box.rows[side].set(row.key, { ...known, identity: { ...known.identity, content } });
}

/** What both sides agree on, base learns without anybody's doing. Returns whether there was any such thing. */
function refreshBase(box: TinyBox): boolean {
  let learned = false;
  for (const pair of box.rematch ? [] : box.pairs.values()) {
    const rows = { remote: box.row('remote', pair.remote), local: box.row('local', pair.local) };
    if (rows.remote === undefined || rows.local === undefined) continue;
    const now = { remote: rows.remote.flags, local: rows.local.flags };
    const flags = agreedFlags(pair.flags, now, permanent);
    if (sameFlags(flags, pair.flags)) continue;
    box.pairs.set(pairKey(pair), { ...pair, flags });
    learned = true;
  }
  return learned;
}

function mergeAll(boxes: readonly TinyBox[]): Relocation {
  return relocate(
    boxes.map(box => mergeMailbox(box.view())),
    (side, digest, not) =>
      boxes.find(box => box.name !== not && box.unpaired(side).some(row => row.identity.digest === digest))
        ?.name,
  );
}

function originalsIn(boxes: readonly TinyBox[]): Originals {
  return {
    find: (on, digest) =>
      boxes.filter(({ rematch }) => !rematch).flatMap(box => originalsOf(box, on, digest)),
    count: (side, mailbox, digest) =>
      [...boxOf(boxes, mailbox).rows[side].values()].filter(row => row.identity.digest === digest).length,
  };
}

function originalsOf(box: TinyBox, on: SideName, digest: string): Original[] {
  return [...box.pairs.values()].flatMap(pair => {
    if (pair.identity.digest !== digest || pair.weak) return [];
    const other = otherSide(on);
    const [row, counterpart] = [box.row(on, pair[on]), box.row(other, pair[other])];
    if (row === undefined || counterpart === undefined) return [];
    if (isEdited(pair, on, row) || isEdited(pair, other, counterpart)) return [];
    return [{ mailbox: box.name, row, counterpart }];
  });
}
