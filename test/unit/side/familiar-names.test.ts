import { firstFrom } from '@postern/core/model/bisect.js';
import { FamiliarNames, textOfNames } from '@postern/core/side/familiar-names.js';
import { describe, expect, it } from 'vitest';
import { Random } from '../../support/random.js';

const NAMES = [...'abcdefgh'].flatMap(letter => [
  letter,
  `${letter}:2,`,
  `${letter}:2,S`,
  `${letter}${letter}é`,
]);
const SPOTS = ['c', 'n'].flatMap(letter => NAMES.map(name => letter + name));

const some = (random: Random, all: readonly string[]) => all.filter(() => random.chance(0.5));

/** What is there, as two directories that are listed one after the other. */
const listingsOf = (there: readonly string[]) =>
  ['n', 'c'].map(letter => ({
    letter,
    names: there
      .filter(spot => spot.startsWith(letter))
      .map(spot => spot.slice(1))
      .sort(),
  }));

describe('familiar names', () => {
  it.each(['sorted', 'in any order'])('are compared with what is there, kept %s', order => {
    const random = new Random(order.length);
    for (let round = 0; round < 2_000; round++) {
      const all = some(random, SPOTS);
      const [gone, added] = [some(random, SPOTS), some(random, SPOTS)];
      const there = random.chance(0.5) ? some(random, SPOTS) : all.filter(() => random.chance(0.9));
      const kept = order === 'sorted' ? [...all].sort() : random.shuffled(all);
      const since = random.chance(0.3) ? [] : [gone, added];
      const names = new FamiliarNames(textOfNames(kept), ...since);
      const familiar = new Set(all);
      for (const name of since[0] ?? []) familiar.delete(name);
      for (const name of since[1] ?? []) familiar.add(name);
      expect(names.set()).toEqual(familiar);
      expect(names.compare(listingsOf(there))).toEqual({
        strangers: new Set(there.filter(name => !familiar.has(name))),
        gone: new Set([...familiar].filter(name => !there.includes(name))),
        met: there.filter(name => familiar.has(name)).length,
      });
    }
  });

  it('are not taken for ones that begin or end like them', () => {
    const names = new FamiliarNames('cab/cb/nab/');
    expect(names.compare(listingsOf(['ca', 'cabb', 'cb', 'nb', 'cab:2,S']))).toEqual({
      strangers: new Set(['ca', 'cabb', 'nb', 'cab:2,S']),
      gone: new Set(['cab', 'nab']),
      met: 1,
    });
    expect(new FamiliarNames('').compare(listingsOf(['ca']))).toEqual({
      strangers: new Set(['ca']),
      gone: new Set(),
      met: 0,
    });
  });
});

describe('the place in sorted names', () => {
  it('is that of the name, or of the next', () => {
    expect(['', 'a', 'aa', 'b', 'c', 'd'].map(name => firstFrom(['a', 'b', 'c'], name))).toEqual([
      0, 0, 1, 1, 2, 3,
    ]);
  });
});
