/** 64 bits as two unsigned 32-bit halves: no bigint on the way of every record. */
export interface Hash64 {
  readonly high: number;
  readonly low: number;
}

export const ZERO_HASH: Hash64 = { high: 0, low: 0 };

const PRIME_1 = 0x9e3779b1 | 0;
const PRIME_2 = 0x85ebca77 | 0;
const PRIME_3 = 0xc2b2ae3d | 0;
const PRIME_4 = 0x27d4eb2f | 0;
const PRIME_5 = 0x165667b1 | 0;

/**
 * XXH32 (xxHash specification 0.1.1) of `bytes[from, end)`, unsigned. Any damage within one aligned 32-bit word changes
 * it for certain; other damage goes unseen once in 2^32.
 */
export function xxh32(bytes: Uint8Array, from: number, end: number, seed: number): number {
  let at = from;
  let hash: number;
  if (end - from >= 16) {
    let a = (seed + PRIME_1 + PRIME_2) | 0;
    let b = (seed + PRIME_2) | 0;
    let c = seed | 0;
    let d = (seed - PRIME_1) | 0;
    for (const last = end - 16; at <= last; at += 16) {
      a = lane(a, word(bytes, at));
      b = lane(b, word(bytes, at + 4));
      c = lane(c, word(bytes, at + 8));
      d = lane(d, word(bytes, at + 12));
    }
    hash = (turn(a, 1) + turn(b, 7) + turn(c, 12) + turn(d, 18)) | 0;
  } else {
    hash = (seed + PRIME_5) | 0;
  }
  hash = (hash + (end - from)) | 0;
  for (; at + 4 <= end; at += 4) {
    hash = Math.imul(turn((hash + Math.imul(word(bytes, at), PRIME_3)) | 0, 17), PRIME_4);
  }
  for (; at < end; at++) {
    hash = Math.imul(turn((hash + Math.imul(bytes[at]!, PRIME_5)) | 0, 11), PRIME_1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function lane(state: number, input: number): number {
  return Math.imul(turn((state + Math.imul(input, PRIME_2)) | 0, 13), PRIME_1);
}

function turn(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

const HIGH_SEED = 0;
const LOW_SEED = 0x706f7374;

let scratch = Buffer.allocUnsafe(4096);

/** The hash of a key (its UTF-8 octets) together with `bytes[from, end of bytes)`; the key's hash seeds the rest's. */
export function hashRecord(key: string, bytes: Uint8Array, from: number): Hash64 {
  if (key.length * 3 > scratch.length) scratch = Buffer.allocUnsafe(key.length * 3);
  const length = scratch.write(key, 'utf8');
  return {
    high: xxh32(bytes, from, bytes.length, xxh32(scratch, 0, length, HIGH_SEED)),
    low: xxh32(bytes, from, bytes.length, xxh32(scratch, 0, length, LOW_SEED)),
  };
}

/** a + b mod 2^64. */
export function addHash(a: Hash64, b: Hash64): Hash64 {
  const low = a.low + b.low;
  return { high: (a.high + b.high + (low > 0xffffffff ? 1 : 0)) >>> 0, low: low >>> 0 };
}

/** a - b mod 2^64. */
export function subtractHash(a: Hash64, b: Hash64): Hash64 {
  return { high: (a.high - b.high - (a.low < b.low ? 1 : 0)) >>> 0, low: (a.low - b.low) >>> 0 };
}

export function sameHash(a: Hash64, b: Hash64): boolean {
  return a.high === b.high && a.low === b.low;
}
