import { exitOf } from '@postern/core/api/apply.js';
import type { Action } from '@postern/core/model/action.js';
import type { Outcome } from '@postern/core/model/outcome.js';
import { actionId } from '@postern/core/plan/action-id.js';
import { planLines } from '@postern/core/plan/write-plan.js';
import { describe, expect, it } from 'vitest';
import { everyOp } from '../support/every-op.js';
import { message } from '../support/messages.js';
import { Rig } from '../support/rig.js';
import { CountingSeam } from '../support/seam.js';

describe('PL: what a plan promises, with every op in it', () => {
  it('PL-03: applied a second time it writes nothing on either side, and that is no failure', async () => {
    const { rig, plan } = await everyOp();
    expect(exitOf(await rig.apply(plan.actions))).toBe(0);
    const seam = new CountingSeam();
    const outcomes: Outcome[] = [];
    const second = await rig.apply(plan.actions, { onOutcome: outcome => outcomes.push(outcome) }, seam);
    expect(outcomes.filter(({ result }) => result !== 'already')).toEqual([]);
    expect(second.counts).toMatchObject({ done: 0, already: plan.actions.length });
    expect(exitOf(second)).toBe(0);
    // Besides the records of the run itself only the witness of a mailbox that was looked at is written anew.
    const touched = seam.effects.filter(({ surface }) => surface !== 'db').map(({ target }) => target);
    expect(touched.filter(target => !/^INBOX(\/witness(\.tmp)?)?$/.test(target))).toEqual([]);
    expect(
      seam.effects.map(({ name }) => name).filter(name => /^(link|unlink|APPEND|UID)/.test(name)),
    ).toEqual([]);
  });

  it('PL-20: planned twice it is the same octet by octet, apart from its header', async () => {
    const { rig, plan } = await everyOp();
    rig.clock.pass(90_000);
    const again = await (await rig.clone()).plan();
    const [first, ...lines] = planLines(plan.header, plan.actions);
    const [second, ...others] = planLines(again.header, again.actions);
    expect(others).toEqual(lines);
    expect(second).not.toBe(first);
  });

  it('PL-17: a line that was signed anew for another message delivers nothing', async () => {
    const { rig, plan } = await everyOp();
    for (const op of [
      'download',
      'upload',
      'copy-local',
      'copy-remote',
      'move-local',
      'move-remote',
      'pair',
    ] as const) {
      const line = plan.actions.find(action => action.op === op && action.conflict === undefined)!;
      const changed = { ...line, message: { ...line.message!, digest: 'f'.repeat(32) } };
      const forged: Action = { ...changed, id: actionId(rig.id, changed) };
      const copy = await rig.clone();
      const traffic = () => structuredClone([copy.remote.traffic, copy.local.traffic]);
      const before = traffic();
      const outcomes: Outcome[] = [];
      await copy.apply([forged], { onOutcome: outcome => outcomes.push(outcome) });
      expect(outcomes, op).toMatchObject([{ result: 'skipped' }]);
      expect(traffic(), op).toEqual(before);
    }
  });

  it('PL-19: the brake counts at apply, whatever the plan was made with', async () => {
    const rig = await Rig.create();
    const keys = Array.from({ length: 120 }, (_, index) =>
      rig.remote.add('INBOX', message({ id: `m${index}` })),
    );
    await rig.sync();
    for (const key of keys.slice(0, 80)) rig.remote.remove('INBOX', key);
    const { actions, brakes } = await rig.plan();
    expect(actions).toHaveLength(80);
    expect(brakes).not.toEqual([]);
    const held = await rig.apply(actions);
    expect(held.counts).toMatchObject({ held: 80, done: 0 });
    expect(exitOf(held)).toBe(6);
    expect(rig.local.contents('INBOX')).toHaveLength(120);
    const allowed = await rig.apply(actions, { maxDelete: 80 });
    expect(allowed.counts).toMatchObject({ held: 0, done: 80 });
    expect(exitOf(allowed)).toBe(0);
  });
});
