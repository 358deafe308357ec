import type { Action } from '@postern/core/model/action.js';
import {
  boxesOf,
  type Counts,
  countsOf,
  stateWords,
  type TinyBox,
  type TinyState,
  textOf,
} from './tiny-account.js';
import { applyTo } from './tiny-apply.js';
import { planOf } from './tiny-merge.js';
import { boundsOf, faultOfEnd, faultOfRest, faultOfStep, stepFrom } from './tiny-oracle.js';

/** Rounds of fetch, plan and apply after which there must be nothing left to do. */
export const ROUNDS = 3;
/** Plans that are longer than this are cut into random parts, not into all. */
const ALL_PARTS_OF = 8;

/** What becomes of a state when nobody but postern does anything any more. */
interface End {
  readonly counts: Counts;
  readonly rounds: number;
  readonly fault?: string;
}

/**
 * Plans a state, applies every part of the plan, forwards and backwards, and lets each outcome come to rest: nothing is
 * lost, nothing is there too often, and the plan is empty soon. Outcomes that were seen before are not played again.
 */
export class TinyChecker {
  states = 0;
  applies = 0;
  longest = 0;
  readonly faults: string[] = [];
  readonly #ends = new Map<string, End>();

  /** Different states that were met on the way, given ones included. */
  get met(): number {
    return this.#ends.size;
  }

  check(state: TinyState): void {
    this.states++;
    const boxes = boxesOf(state);
    const bounds = boundsOf(boxes);
    const { actions } = planOf(boxes);
    const before = stepFrom(boxes);
    for (const part of partsOf(actions)) {
      this.applies++;
      const after = boxes.map(box => box.clone());
      applyTo(after, part);
      const step = faultOfStep(before, countsOf(after));
      const end = this.#rest(after);
      this.longest = Math.max(this.longest, end.rounds);
      const late = end.rounds > ROUNDS ? `${end.rounds} rounds to rest` : undefined;
      const fault = step ?? end.fault ?? faultOfEnd(bounds, end.counts) ?? late;
      if (fault !== undefined) {
        const lines = part.map(
          ({ op, mailbox, to }) => `${op} ${mailbox}${to === undefined ? '' : `→${to}`}`,
        );
        this.faults.push(`${stateWords(state)}: ${fault}, after ${lines.join(', ') || 'nothing'}`);
      }
    }
  }

  /** Plays on to the end, or to a state whose end is known. */
  #rest(boxes: readonly TinyBox[], depth = 0): End {
    const { id, estimated } = boxes[0]?.kind ?? { id: true };
    const name = `${id}${estimated} ${textOf(boxes)}`;
    const known = this.#ends.get(name);
    if (known !== undefined) return known;
    const end = this.#playOn(boxes, depth);
    this.#ends.set(name, end);
    return end;
  }

  #playOn(boxes: readonly TinyBox[], depth: number): End {
    const { actions, blocked } = planOf(boxes);
    if (actions.length === 0 && !boxes.some(({ rematch }) => rematch)) {
      const fault = blocked.length > 0 ? undefined : faultOfRest(boxes);
      return { counts: countsOf(boxes), rounds: 0, ...(fault === undefined ? {} : { fault }) };
    }
    const before = stepFrom(boxes);
    applyTo(boxes, actions);
    const counts = countsOf(boxes);
    const fault = depth > 2 * ROUNDS ? 'it never comes to rest' : faultOfStep(before, counts);
    if (fault !== undefined) return { counts, rounds: 1, fault };
    const next = this.#rest(boxes, depth + 1);
    return { ...next, rounds: next.rounds + 1 };
  }
}

/** Every part of a plan, and every part backwards where that is another order. */
function* partsOf(actions: readonly Action[]): Generator<readonly Action[]> {
  const all = 2 ** Math.min(actions.length, ALL_PARTS_OF);
  for (let bits = 0; bits < all; bits++) {
    const part = actions.filter((_action, index) => (bits >> (index % ALL_PARTS_OF)) & 1);
    yield part;
    const ops = new Set(part.map(({ op, mailbox }) => `${op} ${mailbox}`));
    if (ops.size < part.length) yield [...part].reverse();
  }
}
