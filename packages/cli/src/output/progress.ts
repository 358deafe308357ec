import type { Writable } from 'node:stream';
import { printable } from '@postern/core/model/escape-text.js';
import type { Progress } from '@postern/core/state/repository.js';
import { count } from './numbers.js';
import { isTerminal } from './terminal.js';

const VERBS = { fetch: 'Fetching', scan: 'Scanning', compare: 'Comparing', apply: 'Applying' } as const;
const MILLISECONDS_BETWEEN = 100;

/** One line on a terminal that says how far a long run is; nothing anywhere else. */
export class ProgressLine {
  readonly #stream: Writable;
  readonly #shown: boolean;
  #last = 0;
  #drawn = false;

  constructor(stream: Writable, options: { readonly quiet: boolean }) {
    this.#stream = stream;
    this.#shown = !options.quiet && isTerminal(stream);
  }

  readonly update: Progress = step => {
    if (!this.#shown) return;
    const now = Date.now();
    if (now - this.#last < MILLISECONDS_BETWEEN) return;
    this.#last = now;
    const far = step.total > 0 ? ` (${count(step.done)} of ${count(step.total)})` : '';
    const columns = (this.#stream as { columns?: number }).columns || 80;
    const text = `${VERBS[step.what]} ${printable(step.mailbox)}${far}`.slice(0, columns - 1);
    this.#stream.write(`\r\u001b[K${text}`);
    this.#drawn = true;
  };

  /** Takes the line away, so that a report can be written in its place. */
  clear(): void {
    if (this.#drawn) this.#stream.write('\r\u001b[K');
    this.#drawn = false;
  }
}
