import { decodeModifiedUtf7, encodeModifiedUtf7 } from '@postern/core/model/modified-utf7.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe('modified UTF-7 (RFC 3501 §5.1.3)', () => {
  const examples: readonly (readonly [string, string])[] = [
    ['', ''],
    ['INBOX', 'INBOX'],
    ['Entwürfe', 'Entw&APw-rfe'],
    ['Tom & Jerry', 'Tom &- Jerry'],
    ['~peter/mail/台北/日本語', '~peter/mail/&U,BTFw-/&ZeVnLIqe-'],
    ['台北日本語', '&U,BTF2XlZyyKng-'],
    ['📬', '&2D3c7A-'],
    ['a\tb', 'a&AAk-b'],
  ];

  it.each(examples)('writes %j as %j and reads it back', (text, encoded) => {
    expect(encodeModifiedUtf7(text)).toBe(encoded);
    expect(decodeModifiedUtf7(encoded)).toBe(text);
  });

  it('reads back whatever it wrote', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), text => {
        expect(decodeModifiedUtf7(encodeModifiedUtf7(text))).toBe(text);
      }),
    );
  });

  it('never reads two encodings as one text', () => {
    const near = fc.string({ unit: fc.constantFrom(...'&-,+AUDw'), maxLength: 9 });
    fc.assert(
      fc.property(near, encoded => {
        const text = decodeModifiedUtf7(encoded);
        if (text !== undefined) expect(encodeModifiedUtf7(text)).toBe(encoded);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['an open shift', 'a&APw'],
    ['a lone ampersand', 'Tom & Jerry'],
    ['printable ASCII in base64', '&AGE-'],
    ['an ampersand in base64', '&ACY-'],
    ['half a UTF-16 unit', '&AP-'],
    ['bits left over that are not zero', '&APx-'],
    ['two shifts where one would do', '&APw-&APw-'],
    ['a lone surrogate', '&2AA-'],
    ['octets outside ASCII', 'Entw\u00fcrfe'],
    ['a control character', 'a\tb'],
    ['base64 padding', '&APw=-'],
  ])('refuses %s', (_what, encoded) => {
    expect(decodeModifiedUtf7(encoded)).toBeUndefined();
  });

  it('reads a long run of shifts in linear time', () => {
    expect(decodeModifiedUtf7('&-'.repeat(200_000))).toBe('&'.repeat(200_000));
    expect(decodeModifiedUtf7('&'.repeat(200_000))).toBeUndefined();
  });
});
