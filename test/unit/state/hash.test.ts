import { addHash, hashRecord, sameHash, subtractHash, xxh32, ZERO_HASH } from '@postern/core/state/hash.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const hash64 = fc.record({
  high: fc.integer({ min: 0, max: 0xffffffff }),
  low: fc.integer({ min: 0, max: 0xffffffff }),
});
const big = ({ high, low }: { high: number; low: number }) => (BigInt(high) << 32n) | BigInt(low);

describe('xxh32', () => {
  it.each([
    ['', 0, 0x02cc5d05],
    ['', 0x9e3779b1, 0x36b78ae7],
    ['a', 0, 0x550d7456],
    ['abc', 0, 0x32d153ff],
    ['Nobody inspects the spammish repetition', 0, 0xe2293b2f],
  ])('gives the published value of %j with seed %i', (text, seed, expected) => {
    const bytes = Buffer.from(text);
    expect(xxh32(bytes, 0, bytes.length, seed)).toBe(expected);
  });

  it('does not look outside its range', () => {
    const bytes = Buffer.from('..Nobody inspects the spammish repetition..');
    expect(xxh32(bytes, 2, bytes.length - 2, 0)).toBe(0xe2293b2f);
  });
});

describe('the hash of a record', () => {
  it('depends on every bit of key and octets, and on where the key ends', () => {
    const key = 'remote\0INBOX\x0042';
    const bytes = Buffer.from('a payload of some length, longer than sixteen octets');
    const sound = hashRecord(key, bytes, 0);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(sameHash(hashRecord(key, flipped, 0), sound)).toBe(false);
    }
    expect(sameHash(hashRecord(`${key}a`, bytes.subarray(1), 0), sound)).toBe(false);
    expect(sameHash(hashRecord(key.replace('INBOX', 'INBOY'), bytes, 0), sound)).toBe(false);
  });

  it('takes keys of any length and script', () => {
    const bytes = Buffer.from('payload');
    const hashes = ['ä', '邮件', '邮'.repeat(5000), '😀'].map(key => big(hashRecord(key, bytes, 0)));
    expect(new Set(hashes).size).toBe(4);
  });
});

describe('sums of hashes', () => {
  it('are additions mod 2^64', () => {
    fc.assert(
      fc.property(hash64, hash64, (a, b) => {
        expect(big(addHash(a, b))).toBe(BigInt.asUintN(64, big(a) + big(b)));
        expect(big(subtractHash(a, b))).toBe(BigInt.asUintN(64, big(a) - big(b)));
        expect(subtractHash(addHash(a, b), b)).toEqual(a);
        expect(subtractHash(a, a)).toEqual(ZERO_HASH);
      }),
    );
  });
});
