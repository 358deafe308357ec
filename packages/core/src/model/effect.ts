/**
 * The seam for side effects. Whatever changes the file system, goes out on the wire or is written to the database
 * passes `run` (or `runSync`), so that tests can count effects, stop before or after one, or make it fail.
 */
export interface Effect {
  readonly surface: 'fs' | 'wire' | 'db';
  /** A verb: `link`, `fsync`, `APPEND`, `batch`. */
  readonly name: string;
  /** What it acts on: a file name, a mailbox, a record. For people; never parsed. */
  readonly target: string;
}

export interface Seam {
  run<T>(effect: Effect, act: () => Promise<T>): Promise<T>;
  runSync<T>(effect: Effect, act: () => T): T;
}

/** The seam of production: every effect simply happens. */
export const openSeam: Seam = {
  run: (_effect, act) => act(),
  runSync: (_effect, act) => act(),
};
