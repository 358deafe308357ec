import { mailboxNameFault, toMailboxName } from '@postern/core/model/mailbox.js';
import { type NameStyle, rawNameOf, readRawName } from '@postern/core/side/imap/mailbox-names.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const slash: NameStyle = { separator: '/', prefix: '', otherPrefixes: [] };
const cyrus: NameStyle = { separator: '.', prefix: 'INBOX.', otherPrefixes: ['user.', 'shared.'] };

const nameOf = (raw: string, style = slash) => {
  const read = readRawName(raw, style.separator ?? null, style);
  return read.kind === 'name' ? read.mailbox : `fault: ${read.reason}`;
};
const rawOf = (text: string, style = slash) => {
  const raw = rawNameOf(toMailboxName(text)!, style);
  return raw.kind === 'raw' ? raw.raw : `fault: ${raw.reason}`;
};

describe('mailbox names of a server', () => {
  it('are decoded, and their levels joined by slashes', () => {
    expect(nameOf('Entw&APw-rfe/&ZeVnLIqe-')).toBe('Entwürfe/日本語');
    expect(nameOf('a.b.c', cyrus)).toBe('a/b/c');
    expect(nameOf('R&-D')).toBe('R&D');
  });

  it('lose the prefix of the personal namespace, while INBOX stays INBOX', () => {
    expect(nameOf('INBOX', cyrus)).toBe('INBOX');
    expect(nameOf('inbox', cyrus)).toBe('INBOX');
    expect(nameOf('INBOX.Work.2026', cyrus)).toBe('Work/2026');
    expect(nameOf('user.bob.Work', cyrus)).toBe('user/bob/Work');
    expect(rawOf('Work/2026', cyrus)).toBe('INBOX.Work.2026');
    expect(rawOf('user/bob/Work', cyrus)).toBe('user.bob.Work');
    expect(rawOf('INBOX', cyrus)).toBe('INBOX');
  });

  it('FO-16: keep a slash and a backslash inside a level apart from ours', () => {
    expect(nameOf('INBOX.a/b.c\\d', cyrus)).toBe('a\\2fb/c\\5cd');
    expect(rawOf('a\\2fb/c\\5cd', cyrus)).toBe('INBOX.a/b.c\\d');
    expect(nameOf('x\\26y')).toBe('x\\5c26y');
    expect(rawOf('x\\5c26y')).toBe('x\\26y');
  });

  it('FO-17: that are no valid modified UTF-7 are kept as they are, reversibly', () => {
    for (const raw of ['bad&AP', 'x&AEE-y', '&', 'a&&b', '&2D0-']) {
      const name = nameOf(raw);
      expect(name).toBe(raw.replaceAll('&', '\\26'));
      expect(rawOf(name)).toBe(raw);
    }
  });

  it('without hierarchy have one level, whatever is in them', () => {
    const flat: NameStyle = { separator: undefined, prefix: '', otherPrefixes: [] };
    expect(nameOf('a/b', flat)).toBe('a\\2fb');
    expect(rawOf('a\\2fb', flat)).toBe('a/b');
    expect(rawOf('a/b', flat)).toContain('fault');
  });

  it('SE-01, SE-02: that could escape a directory or a terminal are left alone', () => {
    for (const raw of [
      '../x',
      'a/../b',
      '/etc',
      'a//b',
      '.',
      'a/',
      'x\u001b[2J',
      'a\u0085b',
      'b\u202eidi',
      'x'.repeat(256),
    ]) {
      expect(nameOf(raw), JSON.stringify(raw)).toContain('fault');
    }
    expect(nameOf('x\ufffdy')).toBe('fault: its name is not valid UTF-8');
  });

  it('cannot be made where a level holds what stands between levels', () => {
    expect(rawOf('dot.ted', cyrus)).toContain('fault');
    expect(rawOf('dot.ted')).toBe('dot.ted');
  });

  it('come back as they went out, whatever they hold', () => {
    const level = fc.oneof(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
      fc.stringMatching(/^[ -~]{1,12}$/),
      fc.constantFrom('&', '&-', '&AOk-', '\\2f', '\\', '.', 'INBOX', 'inbox', '26'),
    );
    fc.assert(
      fc.property(
        fc.array(level, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(slash, cyrus),
        (levels, style) => {
          const raw = style.prefix + levels.join(style.separator);
          const read = readRawName(raw, style.separator ?? null, style);
          if (read.kind === 'fault') return;
          expect(mailboxNameFault(read.mailbox)).toBeUndefined();
          const back = rawNameOf(read.mailbox, style);
          // A name in other letters than ours (8-bit, another case of INBOX) is reached through the listing only.
          const printable = /^[ -~]*$/.test(raw) && !/^(INBOX\.)?inbox\b/i.test(raw);
          if (!printable) return;
          expect(back).toEqual({ kind: 'raw', raw });
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('go out and come back the same from any name of ours', () => {
    const level = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.array(level, { minLength: 1, maxLength: 3 }), levels => {
        const name = toMailboxName(levels.join('/'));
        if (name === undefined || name.includes('\\')) return;
        const raw = rawNameOf(name, slash);
        if (raw.kind === 'raw')
          expect(readRawName(raw.raw, '/', slash)).toEqual({ kind: 'name', mailbox: name });
      }),
      { numRuns: 2_000 },
    );
  });
});
