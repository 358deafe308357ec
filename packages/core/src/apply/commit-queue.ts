export interface CommitOptions {
  readonly durable: boolean;
}

/**
 * Commits that follow each other. One that waits writes what gathered until its turn comes, durably where any that waits asked
 * for it; what is left of the others finds nothing to write. After one that failed all fail.
 */
export class CommitQueue {
  readonly #write: (options: CommitOptions) => Promise<void>;
  #last: Promise<void> = Promise.resolve();
  #durable = false;

  constructor(write: (options: CommitOptions) => Promise<void>) {
    this.#write = write;
  }

  commit({ durable }: CommitOptions): Promise<void> {
    this.#durable ||= durable;
    this.#last = this.#last.then(() => {
      const options = { durable: this.#durable };
      this.#durable = false;
      return this.#write(options);
    });
    return this.#last;
  }
}
