import type { Action } from '../model/action.js';

const ACTIONS_A_BATCH = 512;

/** Cuts a list into batches that one look and one commit serve. */
export function* inBatches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += ACTIONS_A_BATCH)
    yield items.slice(from, from + ACTIONS_A_BATCH);
}

/** Copies of one step: several deliveries, which overlap, but not so many octets that whoever interrupts it waits for long. */
const COPIES_A_STEP = 2_048;
const OCTETS_A_STEP = 32 * 1024 * 1024;

/** Cuts copies into steps. */
export function inSteps(copies: readonly Action[]): Generator<readonly Action[]> {
  return inStretches(copies, { most: COPIES_A_STEP, octets: OCTETS_A_STEP }, copy => copy.message?.size ?? 0);
}

/** Cuts a list into stretches of so many items and octets at most; one large item is a stretch of its own. */
export function* inStretches<T>(
  items: readonly T[],
  { most, octets }: { readonly most: number; readonly octets: number },
  sizeOf: (item: T) => number,
): Generator<readonly T[]> {
  let stretch: T[] = [];
  let sum = 0;
  for (const item of items) {
    const size = sizeOf(item);
    if (stretch.length > 0 && (stretch.length >= most || sum + size > octets)) {
      yield stretch;
      stretch = [];
      sum = 0;
    }
    stretch.push(item);
    sum += size;
  }
  if (stretch.length > 0) yield stretch;
}
