import { commandText } from '@postern/core/side/imap/bulk/command-text.js';
import { atom, quoted, sequence } from '@postern/core/side/imap/tokens.js';
import { describe, expect, it } from 'vitest';

describe('a command for the bulk lane', () => {
  it('is words, lists and quoted strings', () => {
    const flags = [atom('+FLAGS.SILENT'), [atom('\\Deleted')]];
    expect(commandText('UID STORE', [sequence('1:2'), ...flags])).toBe(
      'UID STORE 1:2 +FLAGS.SILENT (\\Deleted)',
    );
    expect(commandText('UID MOVE', [sequence('7'), quoted('a "b" \\c')])).toBe(
      'UID MOVE 7 "a \\"b\\" \\\\c"',
    );
  });

  it('cannot be said where a string needs a literal, at any depth', () => {
    for (const name of ['W\u00f6rk', 'a\r\nA1 LOGOUT', 'tab\there']) {
      expect(commandText('UID MOVE', [sequence('7'), quoted(name)])).toBeUndefined();
      expect(commandText('X', [[atom('Y'), [quoted(name)]]])).toBeUndefined();
    }
  });

  it('never holds what breaks an atom', () => {
    for (const value of ['', '1 2', '1\r\nA1 LOGOUT'])
      expect(() => commandText('UID FETCH', [sequence(value)])).toThrow();
  });
});
