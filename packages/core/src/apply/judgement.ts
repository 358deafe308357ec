import type { Action } from '../model/action.js';
import type { Outcome, Result } from '../model/outcome.js';

/** What a check says of an action: why it will not run, or undefined when it may. */
export interface Refusal {
  readonly result: Result;
  readonly reason: string;
}

export function already(reason: string): Refusal {
  return { result: 'already', reason };
}

export function skipped(reason: string): Refusal {
  return { result: 'skipped', reason };
}

export function failed(reason: string): Refusal {
  return { result: 'failed', reason };
}

export function outcomeOf(action: Action, refusal?: Refusal): Outcome {
  const { id, op, mailbox } = action;
  return {
    id,
    op,
    mailbox,
    result: refusal?.result ?? 'done',
    ...(refusal === undefined ? {} : { reason: refusal.reason }),
  };
}

/** Where the outcomes of an apply go, one by one. */
export type Report = (action: Action, refusal?: Refusal) => void;
