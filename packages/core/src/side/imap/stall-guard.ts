const ENOUGH_OCTETS = 4096;
/** How often in a row octets alone count as progress: long enough for the largest response over a poor line. */
const OCTETS_ALONE = 20;

/**
 * Ends a command that makes no progress although octets trickle in. Progress is a response we asked for, or, a few times
 * in a row, at least 4 KB received within the time.
 */
export class StallGuard {
  readonly #received: () => number;
  readonly #timer: NodeJS.Timeout;
  #last: number;
  #moved = false;
  #busy = 0;
  #octetsAlone = 0;

  constructor(options: {
    readonly limit: number;
    readonly received: () => number;
    readonly give: () => void;
  }) {
    this.#received = options.received;
    this.#last = options.received();
    this.#timer = setInterval(() => {
      const now = this.#received();
      const answered = this.#moved || this.#busy > 0;
      this.#octetsAlone = answered ? 0 : this.#octetsAlone + 1;
      const moving = answered || (now - this.#last >= ENOUGH_OCTETS && this.#octetsAlone < OCTETS_ALONE);
      this.#moved = false;
      this.#last = now;
      if (!moving) options.give();
    }, options.limit);
  }

  /** Runs what handles a response; time it takes is ours, not the server's. */
  during(handle: () => void | Promise<void>): void | Promise<void> {
    this.#moved = true;
    const pending = handle();
    if (pending === undefined) return;
    this.#busy++;
    return pending.finally(() => {
      this.#busy--;
      this.#moved = true;
    });
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
