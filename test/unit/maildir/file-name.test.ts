import type { MessageKey } from '@postern/core/model/row.js';
import { baseOf, keyOf, parseFileName, withFlags } from '@postern/core/side/maildir/file-name.js';
import { KeywordLetters } from '@postern/core/side/maildir/keyword-letters.js';
import { type Octets, octetsOf, octetsOfText } from '@postern/core/side/maildir/octets.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const plain = KeywordLetters.none;
const flagged = (name: string, flags: readonly string[], letters = plain) =>
  withFlags(parseFileName(name as Octets), flags, letters);

describe('the flags in a file name', () => {
  it.each([
    ['1.a.h', []],
    ['1.a.h:2,', []],
    ['1.a.h:2,S', ['\\Seen']],
    ['1.a.h:2,DFPRST', plain.flags],
    ['1.a.h:2,TSF', ['\\Deleted', '\\Flagged', '\\Seen']],
    ['1.a.h:2,SSFS', ['\\Flagged', '\\Seen']],
    ['1.a.h:2,FSabZ', ['\\Flagged', '\\Seen']],
    ['1.a.h:2,S,extra=DT', ['\\Seen']],
    ['1.a.h:1,DRS', []],
    ['1.a.h;2,S', []],
    ['1.a.h!2,S', []],
    ['1.a.h,S=5,W=6:2,R', ['\\Answered']],
  ])('MG-27, MG-28: of %s are %j', (name, flags) => {
    expect(plain.flagsOf(parseFileName(name as Octets))).toEqual(flags);
  });

  it('MG-27: keep letters they do not know, and what follows them, in ASCII order when they change', () => {
    expect(flagged('1.a.h:2,aSbSF,extra=1', ['\\Answered', '\\Seen'])).toBe('1.a.h:2,RSab,extra=1');
    expect(flagged('1.a.h', ['\\Deleted', '\\Draft', 'Work'])).toBe('1.a.h:2,DT');
    expect(flagged('1.a.h:2,S', [])).toBe('1.a.h:2,');
  });

  it('come back from the letters they were written with', () => {
    fc.assert(
      fc.property(fc.subarray([...plain.flags]), flags => {
        const name = parseFileName(`b:2,${plain.lettersOf(flags)}` as Octets);
        expect(plain.flagsOf(name)).toEqual(flags);
        expect(plain.lettersOf(flags)).toBe([...plain.lettersOf(flags)].sort().join(''));
      }),
    );
  });
});

describe('the key of a file', () => {
  it('escapes percent signs and octets outside printable ASCII', () => {
    expect(keyOf('1%2.h' as Octets)).toBe('1%252.h');
    expect(keyOf(octetsOfText('grüß\n'))).toBe('gr%C3%BC%C3%9F%0A');
    expect(keyOf(octetsOf(Buffer.from([0xff, 0x41])))).toBe('%FFA');
    expect(keyOf('a b' as Octets)).toBe('a b');
  });

  it('leads back to any base name', () => {
    const octet = fc.integer({ min: 1, max: 255 }).filter(code => code !== 0x2f);
    const base = fc
      .array(octet, { minLength: 1, maxLength: 255 })
      .map(codes => octetsOf(Buffer.from(codes)))
      .filter(name => !name.startsWith('.') && !name.includes(':2,'));
    fc.assert(
      fc.property(base, name => {
        expect(baseOf(keyOf(name))).toBe(name);
      }),
    );
  });

  it.each([
    '',
    '.',
    '..',
    '../x',
    'a/b',
    'a%2Fb',
    'a%00',
    '%2E.',
    'a%2e',
    '%41',
    '100%',
    'a\n',
    'ü',
    'x:2,S',
    '.dot',
  ])('is never %j, which is no base name or not the one way to write it', key => {
    expect(baseOf(key as MessageKey)).toBeUndefined();
  });
});
