import { mergeFlags } from '@postern/core/merge/merge-flags.js';
import { agreedFlags } from '@postern/core/model/agreed-flags.js';
import { applyDelta, type Flags, flagsFrom } from '@postern/core/model/flags.js';
import { describe, expect, it } from 'vitest';

const ALL = { remote: ['\\Seen', '\\Flagged', '\\*'], local: ['\\Seen', '\\Flagged', '\\*'] };

/** Every flag alone: base, remote, local, and what both sides are to have. */
const TABLE = [
  ['·', '·', '·', '·'],
  ['·', '·', 'F', 'F'],
  ['·', 'F', '·', 'F'],
  ['·', 'F', 'F', 'F'],
  ['F', '·', '·', '·'],
  ['F', '·', 'F', '·'],
  ['F', 'F', '·', '·'],
  ['F', 'F', 'F', 'F'],
] as const;

const flag = (cell: string): Flags => (cell === 'F' ? ['\\Flagged'] : []);

describe('the merge of flags', () => {
  it.each(TABLE)('base %s, remote %s, local %s gives %s on both sides', (base, remote, local, wanted) => {
    const now = { remote: flag(remote), local: flag(local) };
    const deltas = mergeFlags(flag(base), now, ALL);
    expect(applyDelta(now.remote, deltas.remote)).toEqual(flag(wanted));
    expect(applyDelta(now.local, deltas.local)).toEqual(flag(wanted));
  });

  it('merges each flag on its own', () => {
    const deltas = mergeFlags(['\\Seen', 'a'], { remote: ['\\Flagged', 'a'], local: ['\\Seen', 'b'] }, ALL);
    expect(deltas).toEqual({
      remote: { add: ['b'], remove: ['a'] },
      local: { add: ['\\Flagged'], remove: ['\\Seen'] },
    });
  });

  it('plans nothing for a flag that one side cannot store, whichever side it is on', () => {
    const some = { remote: ['\\Seen', '\\*'], local: ['\\Seen'] };
    const none = { remote: { add: [], remove: [] }, local: { add: [], remove: [] } };
    expect(mergeFlags([], { remote: ['Work'], local: [] }, some)).toEqual(none);
    expect(mergeFlags(['Work'], { remote: ['Work'], local: [] }, some)).toEqual(none);
    expect(mergeFlags(['Work'], { remote: [], local: [] }, some)).toEqual(none);
  });

  it('ends with both sides equal and base learning just that, for every combination of two flags', () => {
    const sets: Flags[] = [[], ['\\Flagged'], ['\\Seen'], ['\\Flagged', '\\Seen']];
    for (const base of sets)
      for (const remote of sets)
        for (const local of sets) {
          const deltas = mergeFlags(base, { remote, local }, ALL);
          const after = { remote: applyDelta(remote, deltas.remote), local: applyDelta(local, deltas.local) };
          expect(flagsFrom(after.remote)).toEqual(flagsFrom(after.local));
          expect(agreedFlags(base, after, ALL)).toEqual(flagsFrom(after.remote));
        }
  });
});
