import { formatInternalDate, parseInternalDate } from '@postern/core/side/imap/internal-date.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe('dates on the wire', () => {
  it('are read with their zone', () => {
    const date = Date.UTC(1996, 6, 17, 9, 44, 25);
    expect(parseInternalDate('17-Jul-1996 02:44:25 -0700')).toBe(date);
    expect(parseInternalDate('17-JUL-1996 15:14:25 +0530')).toBe(date);
    expect(parseInternalDate(' 1-Jan-1970 00:00:00 +0000')).toBe(0);
  });

  it('MM-19: are none when anything is amiss', () => {
    for (const text of [
      '',
      'yesterday',
      '17-Jux-1996 02:44:25 -0700',
      '17-Jul-1996',
      '17-Jul-1996 02:44:25 PST',
    ]) {
      expect(parseInternalDate(text)).toBeUndefined();
    }
  });

  it('MM-19: are not sent where the wire cannot say them', () => {
    for (const date of [Number.NaN, Date.UTC(10_000, 0), Number.POSITIVE_INFINITY]) {
      expect(formatInternalDate(date)).toBeUndefined();
    }
  });

  it('come back to the second', () => {
    const second = fc.integer({ min: Date.UTC(1000, 0) / 1000, max: Date.UTC(9999, 11, 31) / 1000 });
    fc.assert(
      fc.property(second, seconds => {
        expect(parseInternalDate(formatInternalDate(seconds * 1000)!)).toBe(seconds * 1000);
      }),
    );
  });
});
