import type { Octets } from './octets.js';
import type { Pass } from './scan-pass.js';

/** Passes that have to miss a message. */
export const NEEDED = 2;

/**
 * Collects proof that messages are gone. One pass proves nothing: while another program renames, `readdir` misses files.
 * A message is gone when the last passes, two at least, all missed it and enough of them were stable.
 */
export class AbsenceProof {
  readonly #wanted: ReadonlySet<Octets>;
  readonly #stableNeeded: number;
  readonly #missed = new Map<Octets, { passes: number; stable: number }>();

  constructor(wanted: ReadonlySet<Octets>, stableNeeded: 1 | 2) {
    this.#wanted = wanted;
    this.#stableNeeded = stableNeeded;
  }

  note(pass: Pass): void {
    for (const base of this.#wanted) {
      if (pass.spots.has(base)) {
        this.#missed.delete(base);
        continue;
      }
      const missed = this.#missed.get(base) ?? { passes: 0, stable: 0 };
      missed.passes++;
      if (pass.stable) missed.stable++;
      this.#missed.set(base, missed);
    }
  }

  isGone(base: Octets): boolean {
    const missed = this.#missed.get(base);
    return missed !== undefined && missed.passes >= NEEDED && missed.stable >= this.#stableNeeded;
  }

  /** Whether every message that the last pass missed is proven gone. */
  get settled(): boolean {
    for (const base of this.#missed.keys()) if (!this.isGone(base)) return false;
    return true;
  }
}
