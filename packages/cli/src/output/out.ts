import type { Writable } from 'node:stream';
import { errnoOf } from '@postern/core/model/error.js';

/**
 * Writes lines to a stream at the pace its reader takes them. A reader that goes away (`postern plan | head`) is no error:
 * what follows is dropped, and `closed` says so.
 */
export class Out {
  readonly #stream: Writable;
  #closed = false;
  #failure: Error | undefined;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on('error', error => {
      this.#closed = true;
      if (errnoOf(error) !== 'EPIPE') this.#failure = error;
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves when there is room for more. */
  line(text: string, end = '\n'): Promise<void> {
    return this.bytes(text + end);
  }

  /** Like `line`, for what is written as it is. */
  async bytes(chunk: Uint8Array | string): Promise<void> {
    if (this.#closed || this.#stream.write(chunk)) return;
    await new Promise<void>(resolve => {
      const go = () => {
        this.#stream.off('drain', go).off('error', go).off('close', go);
        resolve();
      };
      this.#stream.on('drain', go).on('error', go).on('close', go);
    });
  }

  async lines(lines: Iterable<string>, end = '\n'): Promise<void> {
    for (const line of lines) {
      if (this.#closed) return;
      await this.line(line, end);
    }
  }

  /** Writes without waiting: for the few lines of a report, and from callbacks. */
  say(text: string): void {
    if (!this.#closed) this.#stream.write(`${text}\n`);
  }

  /** Resolves when everything is written; throws when it could not be (a full disk). */
  async flush(): Promise<void> {
    if (!this.#closed) await new Promise<void>(resolve => this.#stream.write('', () => resolve()));
    if (this.#failure !== undefined) throw this.#failure;
  }
}
