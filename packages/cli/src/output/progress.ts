import type { Writable } from 'node:stream';
import { printable } from '@postern/core/model/escape-text.js';
import type { Progress } from '@postern/core/state/repository.js';
import { count } from './numbers.js';
import { isTerminal } from './terminal.js';

type Step = Parameters<Progress>[0];

const VERBS = { fetch: 'Fetching', scan: 'Scanning', compare: 'Comparing', apply: 'Applying' } as const;
const BETWEEN = 100;
/** What is over before, in milliseconds, needs no line; nor can a rate be told by then. */
const SHORT = 1000;

export interface ProgressOptions {
  readonly quiet: boolean;
  /** Milliseconds that only grow; the process's own when absent. */
  readonly now?: () => number;
}

/** One line on a terminal that says how far a run is that takes longer than a second, how fast it is, and how long it still takes. */
export class ProgressLine {
  readonly #stream: Writable;
  readonly #shown: boolean;
  readonly #now: () => number;
  readonly #begun: number;
  /** When the phase under way began, and how much of it was done by then. */
  #phase: { readonly what: Step['what']; readonly since: number; readonly done: number } | undefined;
  #last = 0;
  #drawn = false;

  constructor(stream: Writable, { quiet, now = () => performance.now() }: ProgressOptions) {
    this.#stream = stream;
    this.#shown = !quiet && isTerminal(stream);
    this.#now = now;
    this.#begun = now();
  }

  readonly update: Progress = step => {
    if (!this.#shown) return;
    const now = this.#now();
    if (this.#phase?.what !== step.what || step.done < this.#phase.done)
      this.#phase = { what: step.what, since: now, done: step.done };
    if (now - this.#begun < SHORT || now - this.#last < BETWEEN) return;
    this.#last = now;
    const columns = (this.#stream as { columns?: number }).columns || 80;
    const far = farness(step, { done: step.done - this.#phase.done, for: now - this.#phase.since });
    const text = `${VERBS[step.what]} ${printable(step.mailbox)}`.slice(
      0,
      Math.max(0, columns - 1 - far.length),
    );
    this.#stream.write(`\r\u001b[K${`${text}${far}`.slice(0, columns - 1)}`);
    this.#drawn = true;
  };

  /** Takes the line away, so that a report can be written in its place. */
  clear(): void {
    if (this.#drawn) this.#stream.write('\r\u001b[K');
    this.#drawn = false;
  }
}

/** ` (1,204 of 20,000, 1,300 a second, 14 s left)`. */
function farness({ done, total }: Step, pace: { readonly done: number; readonly for: number }): string {
  if (total === 0) return '';
  const parts = [`${count(done)} of ${count(total)}`];
  const rate = (1000 * pace.done) / pace.for;
  if (pace.for >= SHORT && pace.done > 0) {
    parts.push(`${count(Math.max(1, Math.round(rate)))} a second`);
    if (done < total) parts.push(`${timeLeft((total - done) / rate)} left`);
  }
  return ` (${parts.join(', ')})`;
}

/** Seconds in words, rounded up: nobody minds being surprised by an early end. */
function timeLeft(seconds: number): string {
  if (seconds <= 90) return `${count(Math.max(1, Math.ceil(seconds)))} s`;
  if (seconds <= 90 * 60) return `${count(Math.ceil(seconds / 60))} min`;
  return `${count(Math.ceil(seconds / 3600))} h`;
}
