const ENOUGH_OCTETS = 4096;
/** How often in a row octets alone count as progress: long enough for the largest response over a poor line. */
const OCTETS_ALONE = 20;

/**
 * Ends a command that makes no progress although octets trickle in. Progress is a response we asked for, or, a few times
 * in a row, at least 4 KB received within the time. Where `silence` is a shorter time, it also ends one of which nothing at all comes for that long.
 */
export class StallGuard {
  readonly #received: () => number;
  readonly #timers: NodeJS.Timeout[];
  #last: number;
  #moved = false;
  #busy = 0;
  #octetsAlone = 0;

  constructor(options: {
    readonly limit: number;
    readonly silence?: number;
    readonly received: () => number;
    /** Told for how many milliseconds nothing was done. */
    readonly give: (milliseconds: number) => void;
  }) {
    const { limit, silence = limit, received, give } = options;
    this.#received = received;
    this.#last = received();
    this.#timers = [setInterval(() => this.#takeStock() || give(limit), limit)];
    if (silence >= limit) return;
    let heard = received();
    const listen = () => {
      const before = heard;
      heard = received();
      if (heard === before && this.#busy === 0) give(silence);
    };
    this.#timers.push(setInterval(listen, silence));
  }

  /** Whether there was progress since the last time. */
  #takeStock(): boolean {
    const now = this.#received();
    const answered = this.#moved || this.#busy > 0;
    this.#octetsAlone = answered ? 0 : this.#octetsAlone + 1;
    const moving = answered || (now - this.#last >= ENOUGH_OCTETS && this.#octetsAlone < OCTETS_ALONE);
    this.#moved = false;
    this.#last = now;
    return moving;
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
    for (const timer of this.#timers) clearInterval(timer);
  }
}
