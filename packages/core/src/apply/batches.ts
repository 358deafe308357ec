const ACTIONS_A_BATCH = 512;

/** Cuts a list into batches that one look and one commit serve. */
export function* inBatches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += ACTIONS_A_BATCH)
    yield items.slice(from, from + ACTIONS_A_BATCH);
}
