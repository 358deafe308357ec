import { UidRanges } from '@postern/core/side/imap/uid-ranges.js';
import { describe, expect, it } from 'vitest';
import { Random } from '../../support/random.js';

const LAST = 30;
const ALL = Array.from({ length: LAST }, (_, n) => n + 1);

/** Said as a server may: in any order, ranges backwards, over each other, and single UIDs twice. */
function saidOf(random: Random, ranges: number): { text: string; uids: number[] } {
  const parts = Array.from({ length: ranges }, () => {
    const [a, b] = [1 + random.below(LAST), 1 + random.below(LAST)];
    const isSingle = random.chance(0.6);
    const [low, high] = isSingle ? [a, a] : [Math.min(a, b), Math.min(Math.max(a, b), Math.min(a, b) + 4)];
    const text = isSingle ? `${a}` : random.chance(0.3) ? `${high}:${low}` : `${low}:${high}`;
    return { text, uids: ALL.filter(uid => uid >= low && uid <= high) };
  });
  return { text: parts.map(part => part.text).join(','), uids: parts.flatMap(part => part.uids) };
}

describe('ranges of UIDs', () => {
  it('have those they name, each once, and lack the others', () => {
    const random = new Random(3);
    for (let round = 0; round < 2_000; round++) {
      const { text, uids } = saidOf(random, 1 + random.below(8));
      const set = new Set(uids);
      for (const ranges of [UidRanges.parse(text, 1_000)!, UidRanges.of(random.shuffled(uids))]) {
        expect(ranges.size).toBe(set.size);
        expect([...ranges]).toEqual([...set].sort((a, b) => a - b));
        expect(ALL.filter(uid => ranges.has(uid))).toEqual(ALL.filter(uid => set.has(uid)));
        const end = 1 + random.below(LAST + 5);
        const lacking = Array.from({ length: end - 1 }, (_, n) => n + 1).filter(uid => !set.has(uid));
        expect(ranges.lacking(end, lacking.length)).toEqual(lacking);
        if (lacking.length > 0) expect(ranges.lacking(end, lacking.length - 1)).toBeUndefined();
      }
    }
  });

  it('may be none', () => {
    const none = UidRanges.of([]);
    expect([none.size, [...none], none.has(1), none.lacking(4, 9)]).toEqual([0, [], false, [1, 2, 3]]);
  });

  it.each(['', '1,', '0', '1:2:3', '1:*', 'a', '4294967296', '-1', '1 2'])('are no %j', text => {
    expect(UidRanges.parse(text, 10)).toBeUndefined();
  });

  it('are not more than there may be, however few ranges name them', () => {
    expect(UidRanges.parse('1:4294967295', 10)).toBeUndefined();
    expect(UidRanges.parse('1:5,3:7', 10)?.size).toBe(7);
    expect(UidRanges.parse('1:6,3:7', 10)).toBeUndefined();
    expect(UidRanges.of([1, 4_294_967_295]).lacking(4_294_967_295, 100)).toBeUndefined();
  });
});
