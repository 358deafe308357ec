import { otherSide, SIDES, type SideName } from '@postern/core/model/by-side.js';
import type { Flags } from '@postern/core/model/flags.js';
import type { Pair } from '@postern/core/model/pair.js';
import {
  type Counts,
  countsOf,
  letters,
  type TinyBox,
  TRUTHS,
  type TrueRow,
  type Truth,
} from './tiny-account.js';

/** How many copies of a message both sides must at least, and may at most, end up with. */
export interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** Written without the product's own rules: a flag that says "keep it" came, or the mark for deletion went. */
function isProtected(base: Flags, now: Flags): boolean {
  const before = letters(base);
  const after = letters(now);
  return (after.includes('F') && !before.includes('F')) || (before.includes('T') && !after.includes('T'));
}

/** The end of a pair that a user's deletion on the other side may take along; undefined where there is none. */
function deletableEnd(
  box: TinyBox,
  pair: Pair,
): { readonly side: SideName; readonly row: TrueRow } | undefined {
  if (box.rematch) return undefined;
  for (const side of SIDES) {
    const row = box.row(side, pair[side]);
    if (row === undefined || box.row(otherSide(side), pair[otherSide(side)]) !== undefined) continue;
    if (row.truth === 'o' && !isProtected(pair.flags, row.flags)) return { side, row };
  }
  return undefined;
}

/** Messages of a side that a deletion of the other side's user may take along. */
export function deletableOn(boxes: readonly TinyBox[], side: SideName): number {
  let count = 0;
  for (const box of boxes) {
    for (const pair of box.pairs.values()) if (deletableEnd(box, pair)?.side === side) count++;
  }
  return count;
}

/** P1 and P2 as numbers, from a state nobody has touched yet. */
export function boundsOf(boxes: readonly TinyBox[]): ReadonlyMap<Truth, Bounds> {
  return new Map(TRUTHS.map(truth => [truth, boundsOfTruth(boxes, truth)]));
}

function boundsOfTruth(boxes: readonly TinyBox[], truth: Truth): Bounds {
  const alive = { remote: 0, local: 0 };
  /** Ends that no living pair holds: new mail, and what a deletion would take along. */
  const loose = { remote: 0, local: 0 };
  let pairs = 0;
  let byMailbox = 0;
  let looseByMailbox = 0;
  const isEdited = boxes.some(box => [...box.rows.local.values()].some(row => row.truth === 'e'));
  for (const box of boxes) {
    const here = { remote: 0, local: 0 };
    const held = new Set<TrueRow>();
    const looseHere = { remote: 0, local: 0 };
    for (const pair of box.pairs.values()) {
      const rows = SIDES.map(side => box.row(side, pair[side])).filter(row => row?.truth === truth);
      const deletable = deletableEnd(box, pair);
      const dissolved = box.rematch && rows.length < 2;
      if (deletable !== undefined && deletable.row.truth === truth) {
        held.add(deletable.row);
        looseHere[deletable.side]++;
      } else if (rows.length > 0 && !dissolved) {
        for (const row of rows) if (row !== undefined) held.add(row);
        pairs++;
        for (const side of SIDES) if (box.row(side, pair[side])?.truth === truth) alive[side]++;
      }
    }
    for (const side of SIDES) {
      for (const row of box.rows[side].values()) {
        if (row.truth !== truth) continue;
        here[side]++;
        if (held.has(row)) continue;
        looseHere[side]++;
        alive[side]++;
      }
    }
    byMailbox += Math.max(here.remote, here.local);
    looseByMailbox += Math.max(looseHere.remote, looseHere.local);
    for (const side of SIDES) loose[side] += looseHere[side];
  }
  const least = Math.max(alive.remote, alive.local);
  // Half-gone pairs of twins are one message, and so are new ones in two mailboxes, unless an edited end keeps them apart.
  const most = isEdited
    ? pairs + looseByMailbox
    : Math.min(byMailbox, pairs + Math.max(loose.remote, loose.local));
  return { least, most };
}

/** Why an end is not what the beginning allows; undefined when it is. */
export function faultOfEnd(bounds: ReadonlyMap<Truth, Bounds>, end: Counts): string | undefined {
  for (const [truth, { least, most }] of bounds) {
    const counts = SIDES.map(side => end.get(`${side} ${truth}`) ?? 0);
    const count = Math.max(...counts);
    if (count < least) return `P1: ${count} of ${least} copies are left`;
    if (count > most) return `P2: ${count} copies, and ${most} at most are justified`;
  }
  return undefined;
}

/** What a step is compared with. */
export interface Before {
  readonly counts: Counts;
  readonly deletable: Readonly<Record<SideName, number>>;
}

export function stepFrom(boxes: readonly TinyBox[]): Before {
  return {
    counts: countsOf(boxes),
    deletable: { remote: deletableOn(boxes, 'remote'), local: deletableOn(boxes, 'local') },
  };
}

/** P3, step by step: a side loses no more messages than deletions on the other side speak for. */
export function faultOfStep({ counts, deletable }: Before, after: Counts): string | undefined {
  for (const side of SIDES) {
    for (const truth of TRUTHS) {
      const name = `${side} ${truth}`;
      const lost = (counts.get(name) ?? 0) - (after.get(name) ?? 0);
      const allowed = truth === 'o' ? deletable[side] : 0;
      if (lost > allowed) return `P3: ${lost} messages gone from ${side}, ${allowed} deletions known`;
    }
  }
  return undefined;
}

/** Both sides hold the same messages with the same flags, and base knows each; a weak pair may hold two versions. */
export function faultOfRest(boxes: readonly TinyBox[]): string | undefined {
  for (const box of boxes) {
    for (const side of SIDES) {
      if (box.rows[side].size !== box.pairs.size)
        return `${box.rows[side].size} messages on ${side}, ${box.pairs.size} pairs`;
    }
    for (const pair of box.pairs.values()) {
      const [remote, local] = SIDES.map(side => box.row(side, pair[side]));
      if (remote === undefined || local === undefined) return 'a pair with a missing end is left';
      if (letters(remote.flags) !== letters(local.flags)) return 'a pair has other flags on one side';
      if (remote.truth !== local.truth && !pair.weak) return 'a pair holds two different messages';
    }
  }
  return undefined;
}
