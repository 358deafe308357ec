import { describe, expect, it } from 'vitest';
import { twins } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';

describe('pair lines', () => {
  it('are done already when twins were paired crosswise since', async () => {
    const rig = await Rig.create();
    for (const bytes of twins()) {
      rig.remote.add('INBOX', bytes);
      rig.local.add('INBOX', bytes);
    }
    const { actions } = await rig.plan();
    expect(actions.map(({ op }) => op)).toEqual(['pair', 'pair']);
    const [first, second] = [actions[0]!, actions[1]!];
    // The same plan with the local ends exchanged: what settling open deliveries may have recorded.
    const crossed = [
      { ...first, id: 'crossed 1', local: second.local! },
      { ...second, id: 'crossed 2', local: first.local! },
    ];
    expect((await rig.apply(crossed)).counts).toMatchObject({ done: 2 });
    expect((await rig.apply(actions)).counts).toMatchObject({ already: 2, skipped: 0, done: 0 });
    expect((await rig.plan()).actions).toEqual([]);
  });

  it('are skipped when one end is paired and the other is not', async () => {
    const rig = await Rig.create();
    for (const bytes of twins()) {
      rig.remote.add('INBOX', bytes);
      rig.local.add('INBOX', bytes);
    }
    const [first, second] = (await rig.plan()).actions.filter(({ op }) => op === 'pair');
    const crossed = { ...first!, id: 'crossed', local: second!.local! };
    expect((await rig.apply([crossed])).counts).toMatchObject({ done: 1 });
    expect((await rig.apply([first!, second!])).counts).toMatchObject({ skipped: 2, done: 0 });
    expect((await rig.plan()).actions.filter(({ op }) => op === 'pair')).toHaveLength(1);
  });
});
