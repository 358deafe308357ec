import type { MessageKey } from '@postern/core/model/row.js';
import { expandUidSet, LARGEST_UID, parseUid, uidOf, uidSets } from '@postern/core/side/imap/uid-set.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const uid = fc.integer({ min: 1, max: LARGEST_UID });

describe('UIDs', () => {
  it('are numbers from 1 to 2^32-1, and nothing else', () => {
    expect([parseUid('1'), parseUid('4294967295')]).toEqual([1, LARGEST_UID]);
    for (const text of ['0', '4294967296', '-1', 'abc', '', '1e3', '99999999999', undefined]) {
      expect(parseUid(text)).toBeUndefined();
    }
  });

  it('are keys in one spelling only', () => {
    expect(uidOf('12' as MessageKey)).toBe(12);
    expect(uidOf('012' as MessageKey)).toBeUndefined();
  });
});

describe('sets of UIDs', () => {
  it('join neighbours to ranges', () => {
    expect(uidSets([5, 1, 2, 3, 9, 9, 10]).map(set => set.text)).toEqual(['1:3,5,9:10']);
  });

  it('span UIDs that do not exist when they know which do', () => {
    expect(uidSets([2, 9, 40], { among: [2, 9, 30, 40] }).map(set => set.text)).toEqual(['2:9,40']);
  });

  it('are cut at the number of messages, ranges too', () => {
    const sets = uidSets([1, 2, 3, 4, 5, 9], { messages: 2 });
    expect(sets.map(set => set.text)).toEqual(['1:2', '3:4', '5,9']);
  });

  it('MG-31, RF-20: name every UID once, each command below 8 KB', () => {
    fc.assert(
      fc.property(
        fc.array(uid, { maxLength: 3_000 }),
        fc.integer({ min: 1, max: 2_000 }),
        (uids, messages) => {
          const sets = uidSets(uids, { messages });
          const named = sets.flatMap(set => expandUidSet(set.text, messages) ?? []);
          expect(named).toEqual([...new Set(uids)].sort((a, b) => a - b));
          expect(sets.flatMap(set => set.uids)).toEqual(named);
          for (const { text } of sets) expect(text.length).toBeLessThan(8_000);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('from a server are taken in their order and never expanded without bound', () => {
    expect(expandUidSet('7,3:5', 10)).toEqual([7, 3, 4, 5]);
    expect(expandUidSet('5:3', 10)).toEqual([3, 4, 5]);
    for (const text of ['', '1:', '1:2:3', 'x', '0', '1,,2', '*', '1:4294967295']) {
      expect(expandUidSet(text, 1_000)).toBeUndefined();
    }
  });
});
