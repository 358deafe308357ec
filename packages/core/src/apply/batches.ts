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
export function* inSteps(copies: readonly Action[]): Generator<readonly Action[]> {
  let step: Action[] = [];
  let octets = 0;
  for (const copy of copies) {
    const size = copy.message?.size ?? 0;
    if (step.length > 0 && (step.length >= COPIES_A_STEP || octets + size > OCTETS_A_STEP)) {
      yield step;
      step = [];
      octets = 0;
    }
    step.push(copy);
    octets += size;
  }
  if (step.length > 0) yield step;
}
