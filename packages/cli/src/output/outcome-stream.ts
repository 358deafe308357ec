import type { ApplyReport } from '@postern/core/api/apply.js';
import type { Action } from '@postern/core/model/action.js';
import { escapeText } from '@postern/core/model/escape-text.js';
import type { Outcome } from '@postern/core/model/outcome.js';
import { outcomeWords } from './apply-text.js';
import { count } from './numbers.js';

/** Deletions that a brake holds back are many by nature; so many are named one by one. */
const HELD_SHOWN = 10;

export interface OutcomeOutputs {
  readonly json: boolean;
  readonly say: (line: string) => void;
  readonly warn: (line: string) => void;
}

/** Shows what became of each action: all of it as JSON lines at once, or for people, at the end, what did not go well. */
export class OutcomeStream {
  readonly #outputs: OutcomeOutputs;
  readonly #unusual: Outcome[] = [];

  constructor(outputs: OutcomeOutputs) {
    this.#outputs = outputs;
  }

  readonly take = (outcome: Outcome): void => {
    if (this.#outputs.json) this.#outputs.say(escapeText(JSON.stringify(outcome)));
    else if (outcome.result !== 'done' && outcome.result !== 'already') this.#unusual.push(outcome);
  };

  /** To be called when all outcomes are in, with the actions they are about. */
  finish(actions: readonly Action[]): void {
    if (this.#unusual.length === 0) return;
    const byId = new Map(actions.map(action => [action.id, action]));
    let held = 0;
    for (const outcome of this.#unusual) {
      if (outcome.result === 'held' && ++held > HELD_SHOWN) continue;
      this.#outputs.warn(`postern: ${outcomeWords(outcome, byId.get(outcome.id))}`);
    }
    if (held > HELD_SHOWN) {
      this.#outputs.warn(`postern: and ${count(held - HELD_SHOWN)} more held back (--json shows them all)`);
    }
  }
}

/** The last line of `apply --json` and `sync --json`. */
export function summaryJson(report: ApplyReport, more: Record<string, unknown> = {}): string {
  const { operation, counts, brakes, problems, stopped } = report;
  const stop = stopped === undefined ? {} : { stopped: { code: stopped.code, message: stopped.message } };
  return escapeText(
    JSON.stringify({ summary: { operation, ...counts, brakes, problems, ...stop, ...more } }),
  );
}
