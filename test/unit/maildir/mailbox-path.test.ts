import { type MailboxName, mailboxName, toMailboxName } from '@postern/core/model/mailbox.js';
import { directoryNames, mailboxOf, type PathStyle } from '@postern/core/side/maildir/mailbox-path.js';
import { type Octets, octetsOf, octetsOfText } from '@postern/core/side/maildir/octets.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const styles: readonly PathStyle[] = (['maildir++', 'fs'] as const).flatMap(layout =>
  (['modified-utf-7', 'utf-8'] as const).map(encoding => ({ layout, encoding })),
);
const [plusPlus, , fs] = styles as readonly [PathStyle, PathStyle, PathStyle, PathStyle];

const oddLevel = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'ab.&-\\2f5c62e6 ~ü日📬"*%^'), minLength: 1, maxLength: 12 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
  fc.constantFrom(
    'postern',
    'Postern-x',
    'cur',
    'NEW',
    'tmp',
    'INBOX',
    'inbox',
    'subscriptions',
    'dovecot.index',
  ),
);
const anyName = fc
  .array(oddLevel, { minLength: 1, maxLength: 4 })
  .map(levels => toMailboxName(levels.join('/')))
  .filter((name): name is MailboxName => name !== undefined);

describe.each(styles)('mailbox names on disk ($layout, $encoding)', style => {
  it('come back as they were, whatever they hold', () => {
    fc.assert(
      fc.property(anyName, name => {
        const names = directoryNames(name, style);
        fc.pre(names !== undefined);
        expect(mailboxOf(names!, style.layout)).toBe(name);
      }),
      { numRuns: 1000 },
    );
  });

  it('FO-21: never lead out of the Maildir, to its own files or to ours', () => {
    fc.assert(
      fc.property(anyName, name => {
        for (const part of directoryNames(name, style) ?? []) {
          expect(part).not.toMatch(/[/\0]|^\.{0,2}$|^\.postern/i);
          if (style.layout === 'fs')
            expect(part).not.toMatch(/^\.|^(?:cur|new|tmp|subscriptions|dovecot\.index)$/i);
          else expect(part.startsWith('.')).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a mailbox name', () => {
  it.each([
    ['INBOX', [], ['INBOX']],
    ['Work/2026', ['.Work.2026'], ['Work', '2026']],
    ['Entwürfe', ['.Entw&APw-rfe'], ['Entw&APw-rfe']],
    ['R&D', ['.R&-D'], ['R&-D']],
    ['v1.2', ['.v1\\2e2'], ['v1\\2e2']],
    ['a\\2fb\\5cc', ['.a\\2fb\\5cc'], ['a\\2fb\\5cc']],
    ['postern', ['.\\70ostern'], ['postern']],
    ['x/cur', ['.x.cur'], ['x', '\\63ur']],
    ['.hidden', ['.\\2ehidden'], ['\\2ehidden']],
    ['INBOX/x', ['.INBOX.x'], ['INBOX', 'x']],
    ['\\26AP-', ['.\\26AP-'], ['\\26AP-']],
  ])('%s lies in %j or %j', (name, flat, nested) => {
    expect(directoryNames(mailboxName(name), plusPlus)).toEqual(flat);
    expect(directoryNames(mailboxName(name), fs)).toEqual(nested);
  });

  it('has no directory when the directory’s name would be longer than 255 octets', () => {
    expect(directoryNames(mailboxName('x'.repeat(254)), plusPlus)).toHaveLength(1);
    expect(directoryNames(mailboxName('x'.repeat(255)), plusPlus)).toBeUndefined();
    expect(directoryNames(mailboxName('x'.repeat(255)), fs)).toHaveLength(1);
    expect(directoryNames(mailboxName('é-'.repeat(85)), fs)).toBeUndefined();
  });
});

describe('a directory name that postern did not write', () => {
  it.each([
    ['UTF-8', octetsOfText('Entwürfe'), 'Entwürfe'],
    ['invalid modified UTF-7', 'Tom & Jerry' as Octets, 'Tom & Jerry'],
    ['another encoding of ASCII', '&AGE-' as Octets, '&AGE-'],
    ['a lone backslash', 'a\\b' as Octets, 'a\\5cb'],
    ['an escape nobody needs', '\\41b' as Octets, 'Ab'],
    ['an escaped control character', 'a\\0a' as Octets, 'a\\5c0a'],
    ['a dot inside', 'v1.2' as Octets, 'v1.2'],
    ['INBOX in lower case', 'inbox' as Octets, 'INBOX'],
  ])('in %s has a mailbox name', (_what, directory, name) => {
    expect(mailboxOf([directory], 'fs')).toBe(name);
  });

  it.each([
    ['octets that are not UTF-8', octetsOf(Buffer.from('Entw\xfcrfe', 'latin1'))],
    ['control characters', 'a\x1b[2J' as Octets],
    ['encoded control characters', 'a&ABs-' as Octets],
  ])('with %s has none, and it says why', (_what, directory) => {
    expect(mailboxOf([directory], 'fs')).toEqual({ fault: expect.any(String) });
  });

  it('with an empty level has none', () => {
    expect(mailboxOf(['.a..b' as Octets], 'maildir++')).toEqual({ fault: 'it has an empty level' });
  });
});
