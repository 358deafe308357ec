import type { MailboxName } from '@postern/core/model/mailbox.js';
import { anyPattern, mailboxPatternFault } from '@postern/core/model/mailbox-pattern.js';
import { describe, expect, it } from 'vitest';

const fits = (pattern: string, name: string) => anyPattern([pattern])(name as MailboxName);

describe('a pattern on mailbox names', () => {
  it.each([
    ['Work', ['Work'], ['work', 'Works', 'Work/a', 'My/Work']],
    ['Lists/*', ['Lists/dev', 'Lists/*'], ['Lists', 'Lists/dev/old', 'Lists2/dev']],
    ['Lists/**', ['Lists/dev', 'Lists/dev/old'], ['Lists', 'ListsX']],
    ['**', ['INBOX', 'a/b/c'], []],
    ['*', ['INBOX', 'a'], ['a/b']],
    ['**/old', ['old', 'a/old', 'a/b/old'], ['bold', 'old/a', 'a/bold']],
    ['a/**/z', ['a/z', 'a/b/z', 'a/b/c/z'], ['az', 'a/bz', 'a/z/b']],
    ['Archive*', ['Archive', 'Archive-2020'], ['Archive/2020', 'MyArchive']],
    ['a**z', ['az', 'a/b/z', 'abz'], ['a/b', 'ab/c']],
    ['*.old/*', ['b.old/c', '.old/c'], ['b_old/c']],
    ['inbox', ['INBOX'], ['INBOX/a']],
    ['Inbox/*', ['INBOX/a'], ['INBOX', 'Inbox2/a']],
    ['Entwürfe/*📬', ['Entwürfe/x📬'], ['Entwürfe/x']],
  ])('%s', (pattern, good, bad) => {
    expect(good.filter(name => !fits(pattern, name))).toEqual([]);
    expect(bad.filter(name => fits(pattern, name))).toEqual([]);
  });

  it('is one of several', () => {
    const either = anyPattern(['a', 'b/*']);
    expect([either('a' as MailboxName), either('b/c' as MailboxName), either('b' as MailboxName)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(anyPattern([])('INBOX' as MailboxName)).toBe(false);
  });

  it('takes no longer for a name made to make it slow', () => {
    const pattern = `${'*a'.repeat(40)}b`;
    expect(fits(pattern, 'a'.repeat(900))).toBe(false);
    expect(fits(pattern, `${'a'.repeat(900)}b`)).toBe(true);
  });

  it.each(['', '/', 'a//b', '/a', 'a/', 'a\u0000', '..', 'a\\b'])('%j is none', text => {
    expect(mailboxPatternFault(text)).toBeTypeOf('string');
  });
});
