import { hostname } from 'node:os';
import type { Clock } from '../../model/clock.js';
import { type Octets, octetsOfText } from './octets.js';

/**
 * Base names for new files, unique among all deliveries anywhere (maildir(5)):
 * `<sec>.M<usec>P<pid>Q<n>R<random>.<host>`.
 */
export class UniqueNames {
  readonly #clock: Clock;
  readonly #random: () => string;
  readonly #host: string;
  #count = 0;

  constructor(clock: Clock, random: () => string, host: string = hostname()) {
    this.#clock = clock;
    this.#random = random;
    this.#host = host.slice(0, 64).replaceAll('/', '\\057').replaceAll(':', '\\072') || 'localhost';
  }

  next(): Octets {
    const now = Math.max(0, Math.floor(this.#clock.now()));
    const seconds = Math.floor(now / 1000);
    const micros = String((now % 1000) * 1000).padStart(6, '0');
    const random = this.randomPart();
    return octetsOfText(`${seconds}.M${micros}P${process.pid}Q${++this.#count}R${random}.${this.#host}`);
  }

  /** Letters and digits, another text each time. */
  randomPart(): string {
    return this.#random()
      .replace(/[^A-Za-z0-9]/g, '')
      .slice(0, 32);
  }
}

/** Whether a name is one that postern, here or elsewhere, gave to a file. */
export function isUniqueName(name: Octets): boolean {
  return /^\d+\.M\d{6}P\d+Q\d+R[A-Za-z0-9]{1,32}\.[^/]+$/.test(name);
}
