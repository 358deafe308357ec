import { describe, expect, it } from 'vitest';
import { Random } from '../support/random.js';
import { boxesOf, countsOf, type TinyBox, type TinyState } from './tiny/tiny-account.js';
import { TinyChecker } from './tiny/tiny-checker.js';
import { boundsOf, faultOfEnd, faultOfRest, faultOfStep, stepFrom } from './tiny/tiny-oracle.js';
import { checkReal } from './tiny/tiny-real.js';
import { familiesOf } from './tiny/tiny-states.js';

/** One state in so many is checked; 1 is all of them, and more of them (`npm run soak:model`). */
const STRIDE = Number(process.env['POSTERN_MODEL_STRIDE'] ?? 29);
/** States of a family that the real stages get, too. */
const APPLIED = Number(process.env['POSTERN_MODEL_APPLIED'] ?? 10);
const FAMILIES = [...familiesOf(STRIDE === 1 ? 'whole' : 'usual')];
/** What is shown of a long list of faults. */
const SHOWN = 12;

describe('every small state', () => {
  it.each(FAMILIES)(
    'P1, P2, P3, P4: %s: any part of the plan loses nothing, doubles nothing and comes to rest in three rounds',
    { timeout: 3_600_000 },
    (name, states) => {
      const checker = new TinyChecker();
      for (const state of everyOf(states(), STRIDE)) checker.check(state);
      if (STRIDE === 1) {
        console.log(`${name}: ${checker.states} states, ${checker.applies} parts, ${checker.met} outcomes`);
      }
      expect(checker.states).toBeGreaterThan(40);
      expect(checker.applies).toBeGreaterThan(3 * checker.states);
      expect(checker.faults.slice(0, SHOWN)).toEqual([]);
    },
  );

  it.each(FAMILIES.filter(([name]) => !name.includes('estimates')))(
    'P1, P2, P3, P4: %s: the real stages plan and do what the model does',
    { timeout: 36_000_000 },
    async (_name, states) => {
      const random = new Random(7);
      const faults: string[] = [];
      const total = [...states()].length;
      let applied = 0;
      for (const state of everyOf(states(), Math.max(1, Math.floor(total / APPLIED)))) {
        const real = await checkReal(state, random);
        faults.push(...real.faults);
        applied += real.applies;
      }
      expect(applied).toBeGreaterThan(APPLIED);
      expect(faults.slice(0, SHOWN)).toEqual([]);
    },
  );
});

describe('the oracle', () => {
  const state: TinyState = {
    kind: { id: true },
    boxes: [
      [
        { remote: '·', base: '·', local: '·' },
        { remote: '∅', base: '·', local: 'S' },
      ],
    ],
  };
  const played = (change: (box: TinyBox) => void) => {
    const [box] = boxesOf(state);
    if (box === undefined) throw new Error('no mailbox');
    change(box);
    return [box];
  };

  it('sees a message that is lost, and one that is there too often', () => {
    const bounds = boundsOf(boxesOf(state));
    expect(bounds.get('o')).toEqual({ least: 1, most: 2 });
    const empty = played(box => {
      for (const rows of [box.rows.remote, box.rows.local]) rows.clear();
    });
    expect(faultOfEnd(bounds, countsOf(empty))).toMatch(/^P1/);
    const full = played(box => {
      const [row] = box.rows.local.values();
      for (let copy = 0; copy < 2 && row !== undefined; copy++) {
        const key = box.newKey('local');
        box.rows.local.set(key, { ...row, key });
      }
    });
    expect(faultOfEnd(bounds, countsOf(full))).toMatch(/^P2/);
  });

  it('sees a step that takes more than was deleted', () => {
    const before = stepFrom(boxesOf(state));
    expect(before.deletable).toEqual({ remote: 0, local: 1 });
    const one = played(box => box.rows.local.delete([...box.rows.local.keys()][1]!));
    expect(faultOfStep(before, countsOf(one))).toBeUndefined();
    const both = played(box => box.rows.local.clear());
    expect(faultOfStep(before, countsOf(both))).toMatch(/^P3/);
  });

  it('sees a pair that is not whole at the end', () => {
    expect(faultOfRest(boxesOf(state))).toBeDefined();
  });
});

function* everyOf(states: Iterable<TinyState>, stride: number): Generator<TinyState> {
  let index = 0;
  for (const state of states) if (index++ % stride === Math.floor(stride / 2)) yield state;
}
