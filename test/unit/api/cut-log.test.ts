import type { Effect, Seam } from '@postern/core/model/effect.js';
import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';

type State = Awaited<ReturnType<Rig['saveState']>>;

/** What a database log that is cut leaves: the state as it was after one of the batches. */
class EveryState implements Seam {
  readonly states: State[] = [];
  readonly #rig: Rig;

  constructor(rig: Rig) {
    this.#rig = rig;
  }

  async run<T>(effect: Effect, act: () => Promise<T>): Promise<T> {
    const result = await act();
    if (effect.surface === 'db') this.states.push(await this.#rig.saveState());
    return result;
  }

  runSync<T>(_effect: Effect, act: () => T): T {
    return act();
  }
}

const flagsIn = (rig: Rig, side: 'remote' | 'local') =>
  [...rig[side].mailbox('INBOX').messages.values()].map(({ flags }) => flags.join(' ')).sort();

const keyOf = (rig: Rig, side: 'remote' | 'local') => [...rig[side].mailbox('INBOX').messages.keys()][0]!;

interface Story {
  readonly before: (rig: Rig) => void;
  /** After the sync that carried it over, on either side. */
  readonly since: (rig: Rig) => void;
  readonly flags: readonly string[];
}

const FLAG = ['\\Flagged'];

const STORIES: Readonly<Record<string, Story>> = {
  'a flag taken away, and set again since': {
    before: rig => rig.remote.flag('INBOX', keyOf(rig, 'remote'), { remove: FLAG }),
    since: rig => rig.local.flag('INBOX', keyOf(rig, 'local'), { add: FLAG }),
    flags: ['', '\\Flagged'],
  },
  'a flag taken away here, and set again there': {
    before: rig => rig.local.flag('INBOX', keyOf(rig, 'local'), { remove: FLAG }),
    since: rig => rig.remote.flag('INBOX', keyOf(rig, 'remote'), { add: FLAG }),
    flags: ['', '\\Flagged'],
  },
  'a message that came, and was flagged since': {
    before: rig => void rig.remote.add('INBOX', message({ subject: 'late' })),
    since: rig => rig.local.flag('INBOX', keyOf(rig, 'local'), { add: ['\\Seen'] }),
    flags: ['', '', '\\Flagged \\Seen'],
  },
};

describe('a database log that is cut in the middle of the last apply', () => {
  for (const [name, { before, since, flags }] of Object.entries(STORIES)) {
    it(`${name}: nothing of it is undone (DB-05)`, async () => {
      const rig = await Rig.create();
      rig.remote.add('INBOX', message({ subject: 'one' }), FLAG);
      rig.remote.add('INBOX', message({ subject: 'two' }));
      await rig.sync();
      before(rig);
      const seam = new EveryState(rig);
      await rig.sync({}, seam);
      expect(seam.states.length).toBeGreaterThan(4);
      since(rig);
      for (const state of seam.states) {
        const cut = await rig.clone();
        await cut.restoreState(state);
        await cut.sync();
        await cut.sync();
        expect([flagsIn(cut, 'remote'), flagsIn(cut, 'local')]).toEqual([flags, flags]);
      }
    });
  }
});
