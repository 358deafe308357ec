import type { Action } from '@postern/core/model/action.js';
import type { Random } from '../../support/random.js';
import { boxesOf, type Counts, countsOf, shapeOf, stateWords, type TinyState } from './tiny-account.js';
import { applyTo } from './tiny-apply.js';
import { ROUNDS } from './tiny-checker.js';
import { planOf } from './tiny-merge.js';
import { boundsOf, faultOfEnd, faultOfRest, faultOfStep, stepFrom } from './tiny-oracle.js';
import { planWords, TinyRig } from './tiny-rig.js';

/** What the real stages made of a state. */
export interface RealCheck {
  readonly applies: number;
  readonly faults: readonly string[];
}

/**
 * The same promises on the real stages: fetch, plan, apply and the state between them, for nothing, everything, everything
 * backwards and random parts of the plan. The pure model must have planned the same, and come to the same.
 */
export async function checkReal(state: TinyState, random: Random): Promise<RealCheck> {
  const ready = await TinyRig.create(state);
  const bounds = boundsOf(boxesOf(state));
  const faults: string[] = [];
  const { actions } = await ready.plan();
  const model = boxesOf(state);
  const planned = planWords(planOf(model).actions);
  if (planWords(actions).join() !== planned.join())
    faults.push(`${stateWords(state)}: planned ${planWords(actions)}, and the model ${planned}`);
  const parts = partsOf(actions, random);
  for (const part of parts) {
    const tiny = await ready.clone();
    const before = stepFrom(await tiny.boxes());
    await tiny.apply(part);
    const after = await tiny.boxes();
    const fault = faultOfStep(before, countsOf(after)) ?? (await faultOnTheWay(tiny, bounds));
    if (fault !== undefined)
      faults.push(`${stateWords(state)}: ${fault}, after ${planWords(part).join(', ') || 'nothing'}`);
  }
  const all = await ready.clone();
  await all.apply(actions);
  applyTo(model, planOf(model).actions);
  const [real, modelled] = [shapeOf(await all.boxes()), shapeOf(model)];
  if (real !== modelled) faults.push(`${stateWords(state)}: comes to ${real}, and the model to ${modelled}`);
  return { applies: parts.length, faults };
}

async function faultOnTheWay(
  tiny: TinyRig,
  bounds: ReturnType<typeof boundsOf>,
): Promise<string | undefined> {
  for (let round = 0; round <= ROUNDS; round++) {
    const { actions, blocked } = await tiny.plan();
    if (actions.length === 0) {
      const boxes = await tiny.boxes();
      return faultOfEnd(bounds, countsOf(boxes)) ?? (blocked.length > 0 ? undefined : faultOfRest(boxes));
    }
    const before = stepFrom(await tiny.boxes());
    await tiny.apply(actions);
    const counts: Counts = countsOf(await tiny.boxes());
    const fault = faultOfStep(before, counts);
    if (fault !== undefined) return fault;
  }
  return `no rest after ${ROUNDS} rounds`;
}

function partsOf(actions: readonly Action[], random: Random): readonly (readonly Action[])[] {
  const some = () => random.shuffled(actions.filter(() => random.chance(0.5)));
  return [[], actions, [...actions].reverse(), some(), some()];
}
