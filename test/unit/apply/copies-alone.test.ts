import { applyActions } from '@postern/core/api/apply.js';
import { sync } from '@postern/core/api/sync.js';
import { otherSide, type SideName } from '@postern/core/model/by-side.js';
import type { Side } from '@postern/core/side/side.js';
import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';
import { whenDone } from '../../support/when-done.js';

/** One more than are carried out at once. */
const MANY = 513;

async function withNew(from: SideName, messages: number): Promise<Rig> {
  const rig = await Rig.create();
  for (let n = 0; n < messages; n++) rig[from].add('INBOX', message({ id: `m${n}` }), ['\\Seen']);
  return rig;
}

const keyOf = (rig: Rig, side: SideName, id: string) =>
  [...rig[side].mailbox('INBOX').messages].find(([, { bytes }]) => bytes.includes(`<${id}@`))![0];

function expectOnce(rig: Rig, messages: number): void {
  expect(rig.remote.contents('INBOX')).toHaveLength(messages);
  expect(rig.local.contents('INBOX')).toEqual(rig.remote.contents('INBOX'));
}

/** Changes what a side says its deliveries came to. */
function delivering(side: Side, change: (outcome: unknown) => unknown): void {
  const deliver = side.deliver.bind(side);
  side.deliver = async mailbox => {
    const batch = await deliver(mailbox);
    const publish = batch.publish.bind(batch);
    batch.publish = async () => (await publish()).map(one => change(one) as typeof one);
    return batch;
  };
}

describe.each<SideName>(['remote', 'local'])(
  'lines that bring what is new on the %s side, and nothing else',
  from => {
    const to = otherSide(from);

    it('leave alone what came to the other side since, unpaired', async () => {
      const rig = await withNew(from, 3);
      const { actions } = await rig.plan();
      rig[to].add('INBOX', message({ id: 'm1' }));
      expect((await rig.apply(actions)).counts).toMatchObject({ done: 2, skipped: 1, failed: 0 });
      await rig.sync();
      expectOnce(rig, 3);
    });

    it('leave alone what came between two applies of one command', async () => {
      const rig = await withNew(from, 4);
      const { actions } = await rig.plan();
      await rig.run(async repository => {
        await applyActions(repository, actions.slice(0, 2));
        rig[to].add('INBOX', message({ id: 'm3' }));
        expect((await applyActions(repository, actions.slice(2))).counts).toMatchObject({
          done: 1,
          skipped: 1,
        });
      });
      await rig.sync();
      expectOnce(rig, 4);
    });

    it('bring a message once that two of them name, however far apart they are', async () => {
      const rig = await withNew(from, MANY);
      const { actions } = await rig.plan();
      const again = { ...actions[0]!, id: 'another' };
      expect((await rig.apply([...actions, again])).counts).toMatchObject({ done: MANY, already: 1 });
      expectOnce(rig, MANY);
    });

    it('leave a mailbox to the next look where a flag was not kept', async () => {
      const rig = await withNew(from, 3);
      await rig.run(async repository => {
        delivering(repository.sides[to], given => {
          const outcome = given as { kind: string; row?: { key: string } };
          if (outcome.row === undefined) return outcome;
          rig[to].flag('INBOX', outcome.row.key, { remove: ['\\Seen'] });
          return { ...outcome, row: { ...outcome.row, flags: [] } };
        });
        await sync(repository);
      });
      await rig.sync();
      expectOnce(rig, 3);
      expect(rig[to].contents('INBOX').every(({ flags }) => flags.includes('\\Seen'))).toBe(true);
    });
  },
);

describe('uploads', () => {
  it('do not forget a flag that a look between them saw', async () => {
    const rig = await withNew('local', MANY);
    const progress = whenDone(512, () => {
      // Something comes and goes, so that the server's next UID is another one, and the number of messages is not.
      rig.remote.remove('INBOX', rig.remote.add('INBOX', message({ id: 'visitor' })));
      rig.remote.flag('INBOX', keyOf(rig, 'remote', 'm7'), { add: ['\\Flagged'] });
    });
    await rig.run(repository => sync(repository, { progress }));
    await rig.sync();
    expectOnce(rig, MANY);
    expect(rig.local.contents('INBOX').filter(({ flags }) => flags.includes('\\Flagged'))).toHaveLength(1);
  });

  it('do not forget what was refused when the last part is empty', async () => {
    const rig = await withNew('local', 40);
    const progress = whenDone(12, () => {
      for (let n = 30; n < 40; n++) rig.local.remove('INBOX', keyOf(rig, 'local', `m${n}`));
      rig.clock.pass(60_000);
    });
    await rig.run(async repository => {
      let deliveries = 0;
      delivering(repository.sides.remote, outcome => {
        if (++deliveries !== 5) return outcome;
        const { row, slot } = outcome as { row: { key: string }; slot: unknown };
        rig.remote.remove('INBOX', row.key);
        return { slot, kind: 'refused', reason: 'not today' };
      });
      const { apply } = await sync(repository, { atOnce: 10, progress });
      expect(apply.counts).toMatchObject({ done: 29, failed: 1 });
    });
    await rig.sync();
    expectOnce(rig, 30);
  });
});
