import type { Clock } from '../../model/clock.js';
import type { MessageKey, Row } from '../../model/row.js';
import { type Foreseen, type Moment, RECENT_MS, type Sight } from '../side.js';
import type { TimedPass } from './census.js';
import { baseOf } from './file-name.js';
import type { Octets } from './octets.js';
import { likelySpot } from './reading.js';
import { lookAt } from './scan.js';
import { directoryStamps, type MailDirectories, type Spot, stampsAsNoted } from './scan-pass.js';

/** What is known of some messages of a mailbox whose directories are as they were when it was last listed. */
export interface Expected {
  readonly pass: TimedPass;
  /** The base names that may be asked for: one without a spot is not there. */
  readonly bases: ReadonlySet<Octets>;
  /** Rows that were made of these files. */
  readonly known: ReadonlyMap<MessageKey, Row>;
}

/**
 * What was seen of a mailbox a moment ago, so that not every step of a change lists it again. What lies at a spot is always looked at anew; and
 * that nothing does is believed only of directories that did not change since.
 */
export class Lately {
  #path: Octets | undefined;
  #at = 0;
  #expected: Expected | undefined;
  #pass: TimedPass | undefined;

  /** Where the directories are provably as they were when the rows were made, no listing is needed to find the files. */
  foresee(directories: MailDirectories, { looks, gone, cursor }: Foreseen, clock: Clock): void {
    const at = clock.now();
    const stamps = stampsAsNoted(cursor.stamp, directories);
    if (stamps === undefined) return;
    const letters = directories.keywords.letters();
    const spots = new Map<Octets, Spot[]>();
    const bases = new Set(gone.flatMap(key => baseOf(key) ?? []));
    for (const row of looks) {
      const base = baseOf(row.key);
      if (base === undefined) continue;
      bases.add(base);
      spots.set(base, [likelySpot(base, row, letters)]);
    }
    const pass = { pass: { spots, stamps, stable: true }, at };
    const known = new Map(looks.map(row => [row.key, row]));
    this.#note(directories, pass, { pass, bases, known });
  }

  async look(
    directories: MailDirectories,
    keys: readonly MessageKey[],
    when: Moment,
    clock: Clock,
  ): Promise<Sight> {
    const expected = when !== 'now' && this.#isRecent(directories) ? this.#expected : undefined;
    const isAsExpected =
      keys.every(key => expected?.bases.has(baseOf(key) ?? ('' as Octets))) &&
      directoryStamps(directories).text === expected?.pass.pass.stamps.text;
    if (isAsExpected) return (await lookAt(directories, keys, clock, expected)).sight;
    const { sight, pass } = await lookAt(directories, keys, clock);
    this.#note(directories, pass, undefined);
    return sight;
  }

  /** A pass of a moment ago in which all of these were met, for what looks at each before it does anything. */
  passOver(directories: MailDirectories, bases: readonly Octets[]): TimedPass | undefined {
    const pass = this.#isRecent(directories) ? this.#pass : undefined;
    return pass !== undefined && bases.every(base => pass.pass.spots.has(base)) ? pass : undefined;
  }

  #isRecent({ path }: MailDirectories): boolean {
    return this.#path === path && performance.now() - this.#at < RECENT_MS;
  }

  #note({ path }: MailDirectories, pass: TimedPass | undefined, expected: Expected | undefined): void {
    this.#path = path;
    this.#at = performance.now();
    this.#pass = pass;
    this.#expected = expected;
  }
}
