import { bisect } from '../../model/bisect.js';
import { parseUidSet, type UidRange } from './uid-set.js';

/** Many UIDs, as the ranges in which a server says them. */
export class UidRanges {
  readonly size: number;
  /** Sorted, none touches another. */
  readonly #ranges: readonly UidRange[];

  private constructor(ranges: Iterable<UidRange>) {
    this.#ranges = joined(ranges);
    this.size = this.#ranges.reduce((size, [low, high]) => size + high - low + 1, 0);
  }

  static of(uids: Iterable<number>): UidRanges {
    return new UidRanges([...uids].map(uid => [uid, uid]));
  }

  /** Of a set from the wire; undefined where it is none or names more than `most`. */
  static parse(text: string, most: number): UidRanges | undefined {
    const ranges = parseUidSet(text, most);
    return ranges && new UidRanges(ranges);
  }

  has(uid: number): boolean {
    const ranges = this.#ranges;
    const next = ranges[bisect(ranges.length, at => ranges[at]![1] < uid)];
    return next !== undefined && next[0] <= uid;
  }

  /** In ascending order. */
  *[Symbol.iterator](): Generator<number> {
    for (const [low, high] of this.#ranges) for (let uid = low; uid <= high; uid++) yield uid;
  }

  /** Those below `end` that are not among them; undefined where they are more than `most`. */
  lacking(end: number, most: number): number[] | undefined {
    const uids: number[] = [];
    let next = 1;
    for (const [low, high] of [...this.#ranges, [end, end] as const]) {
      const stop = Math.min(low, end);
      if (uids.length + stop - next > most) return undefined;
      for (; next < stop; next++) uids.push(next);
      next = high + 1;
      if (next >= end) break;
    }
    return uids;
  }
}

function joined(ranges: Iterable<UidRange>): UidRange[] {
  const all: [number, number][] = [];
  for (const [low, high] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = all.at(-1);
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else all.push([low, high]);
  }
  return all;
}
