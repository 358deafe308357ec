import type { ApplyReport } from '@postern/core/api/apply.js';
import type { Action } from '@postern/core/model/action.js';
import { escapeText, printable } from '@postern/core/model/escape-text.js';
import type { Outcome } from '@postern/core/model/outcome.js';
import { outcomeWords } from './apply-text.js';
import { count } from './numbers.js';

/** What fails for one reason may fail for thousands of messages; so many are named one by one. */
const SHOWN_FOR_A_REASON = 10;

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
    const told = new Map<string, number>();
    for (const outcome of this.#unusual) {
      const cause = `${outcome.result}: ${outcome.reason ?? ''}`;
      const before = told.get(cause) ?? 0;
      told.set(cause, before + 1);
      if (before < SHOWN_FOR_A_REASON) {
        this.#outputs.warn(`postern: ${outcomeWords(outcome, byId.get(outcome.id))}`);
      }
    }
    for (const [cause, number] of told) {
      if (number <= SHOWN_FOR_A_REASON) continue;
      this.#outputs.warn(
        `postern: and ${count(number - SHOWN_FOR_A_REASON)} more ${printable(cause)} (--json shows them all)`,
      );
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
