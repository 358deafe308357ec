import {
  describeKey,
  parseRecordKey,
  parseSealKey,
  partitionRange,
  recordKey,
  sealKey,
} from '@postern/core/state/keys.js';
import { KINDS } from '@postern/core/state/records.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const part = fc.string({ unit: 'binary' }).filter(text => !text.includes('\0') && text.isWellFormed());
const kind = fc.constantFrom(...KINDS);
const octets = (text: string) => Buffer.from(text);

describe('state keys', () => {
  it('can be taken apart into what they were made of', () => {
    fc.assert(
      fc.property(kind, part, part, (kind, mailbox, key) => {
        expect(parseRecordKey(recordKey(kind, mailbox, key))).toEqual({ kind, mailbox, key });
        expect(parseSealKey(sealKey(kind, mailbox))).toEqual({ kind, mailbox });
        expect(parseRecordKey(sealKey(kind, mailbox))).toBeUndefined();
      }),
    );
  });

  it('lie in the range of their own partition and of no other, and seals in none', () => {
    fc.assert(
      fc.property(kind, part, kind, part, part, (kind, mailbox, otherKind, otherMailbox, key) => {
        const range = partitionRange(kind, mailbox);
        const inside = (text: string) =>
          octets(range.gte).compare(octets(text)) <= 0 && octets(text).compare(octets(range.lt)) < 0;
        expect(inside(recordKey(kind, mailbox, key))).toBe(true);
        const same = kind === otherKind && mailbox === otherMailbox;
        expect(inside(recordKey(otherKind, otherMailbox, key))).toBe(same);
        expect(inside(sealKey(kind, mailbox))).toBe(false);
      }),
    );
  });

  it('stand in the order of their parts', () => {
    fc.assert(
      fc.property(kind, part, part, part, (kind, mailbox, a, b) => {
        const order = octets(recordKey(kind, mailbox, a)).compare(octets(recordKey(kind, mailbox, b)));
        expect(order).toBe(octets(a).compare(octets(b)));
      }),
    );
  });

  it('are not made from what could be mistaken for something else', () => {
    expect(() => recordKey('pair', 'a\0b', 'c')).toThrow('cannot be part of a state key');
    expect(() => recordKey('pair', 'a', 'b\0c')).toThrow('cannot be part of a state key');
    expect(() => recordKey('pair', '\ud800', 'c')).toThrow('cannot be part of a state key');
    expect(parseRecordKey('pear\0a\0b')).toBeUndefined();
    expect(parseRecordKey('pair\0a')).toBeUndefined();
  });

  it('are described without control characters', () => {
    expect(describeKey(recordKey('pair', 'IN\u001bBOX', '7:42'))).toBe(
      'pair record "7:42" of mailbox "IN\\u001bBOX"',
    );
    expect(describeKey(sealKey('meta', ''))).toBe('seal of the meta records');
    expect(describeKey('what\0ever')).toBe('key "what\\u0000ever"');
  });
});
