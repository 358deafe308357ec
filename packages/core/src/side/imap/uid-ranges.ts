import { parseUid } from './uid-set.js';

type Range = readonly [low: number, high: number];

/** Many UIDs, as the ranges in which a server says them. */
export class UidRanges {
  readonly size: number;
  /** Sorted, none touches another. */
  readonly #ranges: readonly Range[];

  private constructor(ranges: Iterable<Range>) {
    this.#ranges = joined(ranges);
    this.size = this.#ranges.reduce((size, [low, high]) => size + high - low + 1, 0);
  }

  static of(uids: Iterable<number>): UidRanges {
    return new UidRanges([...uids].map(uid => [uid, uid]));
  }

  /** Of a set from the wire (RFC 3501 §9); undefined where it is none or names more than `most`. */
  static parse(text: string, most: number): UidRanges | undefined {
    const ranges: Range[] = [];
    let named = 0;
    for (const part of text.split(',')) {
      const [from, to, ...rest] = part.split(':');
      const first = parseUid(from);
      const last = to === undefined ? first : parseUid(to);
      if (first === undefined || last === undefined || rest.length > 0) return undefined;
      const range = [Math.min(first, last), Math.max(first, last)] as const;
      named += range[1] - range[0] + 1;
      if (named > most) return undefined;
      ranges.push(range);
    }
    return new UidRanges(ranges);
  }

  has(uid: number): boolean {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle]![1] < uid) low = middle + 1;
      else high = middle;
    }
    return low < this.#ranges.length && this.#ranges[low]![0] <= uid;
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

function joined(ranges: Iterable<Range>): Range[] {
  const all: [number, number][] = [];
  for (const [low, high] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = all.at(-1);
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else all.push([low, high]);
  }
  return all;
}
