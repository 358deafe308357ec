import type { Hash64 } from './hash.js';
import { type AnyLevel, type KeyRange, walk } from './level.js';
import { EMPTY_TALLY, type Tally, withHash } from './seal.js';

/** What the records of a range add up to, once `read` has read each of them. */
export async function tallyOf(
  level: AnyLevel,
  range: KeyRange,
  read: (name: string, bytes: Buffer) => Hash64,
): Promise<Tally> {
  let tally: Tally = EMPTY_TALLY;
  await walk(level, range, (name, bytes) => {
    tally = withHash(tally, read(name, bytes));
  });
  return tally;
}
