import { decodePayload, pack } from './codec.js';
import { damaged } from './damage.js';
import { type Framed, frame } from './frame.js';
import { addHash, type Hash64, sameHash, subtractHash, ZERO_HASH } from './hash.js';
import { describeKey, ROOT_KEY } from './keys.js';
import { text, tuple, whole } from './shape.js';

/** How many records (or seals) there are, and the sum of their hashes mod 2^64: order does not count. */
export interface Tally {
  readonly count: number;
  readonly sum: Hash64;
}

/** The tally of a partition, and the batch that changed it last. Written in the same batch as its records. */
export interface Seal extends Tally {
  readonly generation: number;
}

/** The seal of all seals: what is lost together with its seal is noticed by it. `generation` counts batches. */
export interface Root extends Seal {
  /** The identity of the database, as in `db.id`. */
  readonly id: string;
}

export const EMPTY_TALLY: Tally = { count: 0, sum: ZERO_HASH };

export function withHash(tally: Tally, hash: Hash64): Tally {
  return { count: tally.count + 1, sum: addHash(tally.sum, hash) };
}

export function withoutHash(tally: Tally, hash: Hash64): Tally {
  return { count: tally.count - 1, sum: subtractHash(tally.sum, hash) };
}

export function sameTally(a: Tally, b: Tally): boolean {
  return a.count === b.count && sameHash(a.sum, b.sum);
}

export function encodeSeal(key: string, seal: Seal): Framed {
  return frame(key, pack([seal.count, seal.sum.high, seal.sum.low, seal.generation]));
}

/** Throws `state-damaged` or `state-version`, as records do; so does `decodeRoot`. */
export function decodeSeal(key: string, bytes: Buffer): { readonly seal: Seal; readonly hash: Hash64 } {
  const { value, hash } = decodePayload(key, bytes);
  return { seal: shaped(key, () => readSeal(tuple(value, 4))), hash };
}

export function encodeRoot(root: Root): Framed {
  return frame(ROOT_KEY, pack([root.count, root.sum.high, root.sum.low, root.generation, root.id]));
}

export function decodeRoot(bytes: Buffer): Root {
  const { value } = decodePayload(ROOT_KEY, bytes);
  return shaped(ROOT_KEY, () => {
    const stored = tuple(value, 5);
    return { ...readSeal(stored), id: text(stored[4]) };
  });
}

function readSeal(stored: readonly unknown[]): Seal {
  return {
    count: whole(stored[0]),
    sum: { high: whole(stored[1]), low: whole(stored[2]) },
    generation: whole(stored[3]),
  };
}

function shaped<T>(key: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw damaged(`${describeKey(key)} holds ${(error as Error).message}`, error);
  }
}
