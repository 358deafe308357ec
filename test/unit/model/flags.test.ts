import { flagsFrom, isFlag } from '@postern/core/model/flags.js';
import { describe, expect, it } from 'vitest';

describe('flags from outside', () => {
  it('are sorted, each once, in their usual spelling, without \\Recent', () => {
    expect(flagsFrom(['\\seen', 'b', '$forwarded', '\\RECENT', 'B', '\\Seen', '\\Custom'])).toEqual([
      '$Forwarded',
      '\\Custom',
      '\\Seen',
      'b',
    ]);
  });

  it.each([
    ['8-bit octets', 'gr\u00fcn'],
    ['a control of direction', '\u202eflag'],
    ['a C1 control', '\u009b31m'],
    ['a blank', 'two words'],
    ['a line end', 'x\r\na1 DELETE INBOX'],
    ['a bracket that ends a list', 'x)'],
    ['a wildcard', '\\*'],
    ['a quote', 'x"y'],
    ['nothing in it', ''],
    ['a backslash alone', '\\'],
    ['129 characters', 'x'.repeat(129)],
  ])('with %s are none: no plan, no file and no server would take them', (_what, text) => {
    expect(isFlag(text)).toBe(false);
    expect(flagsFrom(['\\Seen', text])).toEqual(['\\Seen']);
  });
});
