import { PosternError } from '@postern/core/model/error.js';
import type { Pair } from '@postern/core/model/pair.js';
import type { Epoch, MessageKey, Row } from '@postern/core/model/row.js';
import { digestsOf } from '@postern/core/observe/base-digests.js';
import { pack } from '@postern/core/state/codec.js';
import { peekDigest, peekDigests, peekLocalEnd, peekRow } from '@postern/core/state/glimpse.js';
import { readRow, storePair, storeRow } from '@postern/core/state/message-forms.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ minLength: 250, maxLength: 300, unit: 'grapheme' }),
);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const number = fc.oneof(
  fc.integer(),
  fc.integer({ min: -200, max: 300 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer({ min: 1_500_000_000_000, max: 1_800_000_000_000 }),
  fc.constantFrom(
    0,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    2 ** 32,
    2 ** 40,
    -32,
    -33,
    -128,
    -129,
    -32_769,
    -(2 ** 31) - 1,
  ),
);
const identity = fc
  .record({ messageId: maybe(text), digest: text, size: fc.nat(), content: maybe(text) })
  .map(given => given as Row['identity']);
const flags = fc.oneof(
  fc.constantFrom<readonly string[]>([], ['\\Seen'], ['\\Flagged', '\\Seen']),
  fc.array(text, { maxLength: 40 }),
);
const row = fc.record({
  key: text.map(key => key as MessageKey),
  flags,
  // MessagePack has no negative zero.
  date: number.map(date => date + 0),
  identity,
  envelope: fc.record({ from: maybe(text), subject: maybe(text), date: maybe(text) }),
  serverId: maybe(text),
  modseq: maybe(text),
  stamp: maybe(text),
}) as fc.Arbitrary<Row>;
const end = fc.record({
  epoch: text.map(epoch => epoch as Epoch),
  key: text.map(key => key as MessageKey),
});
const pair = fc.record({
  remote: end,
  local: end,
  flags,
  identity,
  weak: maybe(fc.boolean()),
}) as fc.Arbitrary<Pair>;

describe('a glimpse', () => {
  it('of a row shows what the whole row says', () => {
    fc.assert(
      fc.property(row, given => {
        const stored = storeRow(given);
        const { flags, date, modseq, stamp } = readRow(stored);
        const expected = {
          flags,
          date,
          ...(modseq === undefined ? {} : { modseq }),
          ...(stamp === undefined ? {} : { stamp }),
        };
        expect(peekRow(pack(stored))).toEqual(expected);
        expect(peekDigest(pack(stored))).toBe(given.identity.digest);
      }),
      { numRuns: 2000 },
    );
  });

  it('of a pair shows its local end, and its digests', () => {
    fc.assert(
      fc.property(pair, given => {
        expect(peekLocalEnd(pack(storePair(given)))).toEqual(given.local);
        expect(peekDigests(pack(storePair(given)))).toEqual(digestsOf(given));
      }),
      { numRuns: 1000 },
    );
  });

  it('of what is cut short, or is something else, is an error of the state and nothing else', () => {
    const whole = pack(storeRow(fc.sample(row, { numRuns: 1, seed: 7 })[0]!));
    let refused = 0;
    for (let length = 0; length < whole.length; length++) {
      for (const peek of [peekRow, peekDigest, peekLocalEnd, peekDigests]) {
        try {
          peek(whole.subarray(0, length));
        } catch (error) {
          expect(error).toBeInstanceOf(PosternError);
          expect(error).toMatchObject({ code: 'state-damaged' });
          refused++;
        }
      }
    }
    expect(refused).toBeGreaterThan(whole.length);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), octets => {
        for (const peek of [peekRow, peekDigest, peekLocalEnd, peekDigests]) {
          try {
            peek(Buffer.from(octets));
          } catch (error) {
            expect(error).toMatchObject({ code: 'state-damaged' });
          }
        }
      }),
      { numRuns: 5000 },
    );
  });
});
