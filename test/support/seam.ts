import type { Effect, Seam } from '@postern/core/model/effect.js';

/** What a crash looks like from inside the process that crashes. Nothing in the project may catch it and go on. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

/** The part of a seam's options that picks effects by name, e.g. `link`. */
export function effectsNamed(name: string): { readonly only: (effect: Effect) => boolean } {
  return { only: effect => effect.name === name };
}

/** Lets every effect happen and remembers them in the order in which they began. */
export class CountingSeam implements Seam {
  readonly effects: Effect[] = [];

  get count(): number {
    return this.effects.length;
  }

  /** How many effects have this name, e.g. `APPEND`, on any target. */
  countOf(name: string): number {
    return this.effects.filter(effect => effect.name === name).length;
  }

  run<T>(effect: Effect, act: () => Promise<T>): Promise<T> {
    this.effects.push(effect);
    return act();
  }

  runSync<T>(effect: Effect, act: () => T): T {
    this.effects.push(effect);
    return act();
  }
}

/**
 * Kills the process before or after its n-th effect (from 1), or its n-th effect that `only` is true of: that effect and
 * every later one throw `Crash`, and none of the later ones happens.
 */
export class CrashSeam implements Seam {
  readonly #at: number;
  readonly #when: 'before' | 'after';
  readonly #only: (effect: Effect) => boolean;
  #count = 0;
  #effect: Effect | undefined;

  constructor(at: number, when: 'before' | 'after', only: (effect: Effect) => boolean = () => true) {
    this.#at = at;
    this.#when = when;
    this.#only = only;
  }

  /** Whether the crash was reached: a run that had fewer effects never met it. */
  get crashed(): boolean {
    return this.#effect !== undefined;
  }

  /** The effect the process died at, in words. */
  get where(): string {
    return this.#effect === undefined
      ? 'nowhere'
      : `${this.#when} effect ${this.#at}, ${this.#effect.surface} ${this.#effect.name} ${this.#effect.target}`;
  }

  async run<T>(effect: Effect, act: () => Promise<T>): Promise<T> {
    if (!this.#enter(effect)) return act();
    if (this.#when === 'after') await act();
    throw new Crash(this.where);
  }

  runSync<T>(effect: Effect, act: () => T): T {
    if (!this.#enter(effect)) return act();
    if (this.#when === 'after') act();
    throw new Crash(this.where);
  }

  /** Counts an effect; true for the one to die at. */
  #enter(effect: Effect): boolean {
    if (this.crashed) throw new Crash(`dead since ${this.where}`);
    if (!this.#only(effect)) return false;
    this.#count++;
    if (this.#count !== this.#at) return false;
    this.#effect = effect;
    return true;
  }
}

export interface FaultOptions {
  /** Fail every matching effect from the n-th on, not only that one. */
  readonly sticky?: boolean;
  /** `after`: the effect happens and its answer is an error (a lost connection). Default `before`. */
  readonly when?: 'before' | 'after';
  /** Counts and fails only these effects. */
  readonly only?: (effect: Effect) => boolean;
}

/** Makes the n-th effect (from 1) fail with a system error, as a full disk or a lost connection does. */
export class FaultSeam implements Seam {
  readonly #at: number;
  readonly #errno: string;
  readonly #options: FaultOptions;
  #count = 0;
  #failed = 0;

  constructor(at: number, errno: string, options: FaultOptions = {}) {
    this.#at = at;
    this.#errno = errno;
    this.#options = options;
  }

  /** How many effects were made to fail. */
  get failed(): number {
    return this.#failed;
  }

  async run<T>(effect: Effect, act: () => Promise<T>): Promise<T> {
    if (!this.#fails(effect)) return act();
    if (this.#options.when === 'after') await act();
    throw this.#error(effect);
  }

  runSync<T>(effect: Effect, act: () => T): T {
    if (!this.#fails(effect)) return act();
    if (this.#options.when === 'after') act();
    throw this.#error(effect);
  }

  #fails(effect: Effect): boolean {
    if (this.#options.only?.(effect) === false) return false;
    this.#count++;
    const fails = this.#count === this.#at || (this.#count > this.#at && this.#options.sticky === true);
    if (fails) this.#failed++;
    return fails;
  }

  #error(effect: Effect): Error {
    return Object.assign(new Error(`${this.#errno}: ${effect.name} ${effect.target}`), {
      code: this.#errno,
      syscall: effect.name,
    });
  }
}

/** Calls a function right before each effect, so that a test can change the world between a check and its act. */
export class HookSeam implements Seam {
  readonly #before: (effect: Effect, count: number) => void;
  #count = 0;

  /** `count` starts at 1. */
  constructor(before: (effect: Effect, count: number) => void) {
    this.#before = before;
  }

  run<T>(effect: Effect, act: () => Promise<T>): Promise<T> {
    this.#before(effect, ++this.#count);
    return act();
  }

  runSync<T>(effect: Effect, act: () => T): T {
    this.#before(effect, ++this.#count);
    return act();
  }
}
