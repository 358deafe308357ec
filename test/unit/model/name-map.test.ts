import { type MailboxName, toMailboxName } from '@postern/core/model/mailbox.js';
import { NameMap, type NameRule, nameRulesFault } from '@postern/core/model/name-map.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const rules = (...pairs: readonly (readonly [string, string])[]): NameRule[] =>
  pairs.map(([remote, local]) => ({ remote: remote as MailboxName, local: local as MailboxName }));

describe('the names of mailboxes', () => {
  it.each([
    [[['Archive/2026', 'old/2026']], { 'Archive/2026/May': 'old/2026/May', 'Archive/2025': 'Archive/2025' }],
    [
      [
        ['A', 'B'],
        ['B', 'A'],
      ],
      { A: 'B', 'B/x': 'A/x' },
    ],
    [
      [
        ['A', 'X'],
        ['A/b', 'Y'],
      ],
      { 'A/b/c': 'Y/c', 'A/c': 'X/c', Ab: 'Ab' },
    ],
    [
      [['[Gmail]/Sent Mail', 'Sent']],
      { '[Gmail]/Sent Mail': 'Sent', '[Gmail]/All Mail': '[Gmail]/All Mail' },
    ],
  ] as const)('%j', (pairs, names) => {
    const map = new NameMap(rules(...pairs));
    for (const [remote, local] of Object.entries(names)) {
      expect(map.fromRemote(remote as MailboxName)).toBe(local);
      expect(map.toRemote(local as MailboxName)).toBe(remote);
    }
  });

  it('a mailbox whose name a rule gives to another one has none', () => {
    const map = new NameMap(rules(['Archive', 'old']));
    expect(map.fromRemote('old' as MailboxName)).toBeUndefined();
    expect(map.toRemote('Archive/x' as MailboxName)).toBeUndefined();
  });

  it('a name that would be too long is none', () => {
    const map = new NameMap(rules(['a', 'b'.repeat(200)]));
    const deep = `a${'/123456789'.repeat(90)}` as MailboxName;
    expect(map.fromRemote(deep)).toBeUndefined();
  });

  it('FO-25: rules that would make two mailboxes one, or rename INBOX, are refused', () => {
    expect(nameRulesFault(rules(['a', 'x'], ['b', 'x']))).toBe('"a" and "b" would both be called "x"');
    expect(nameRulesFault(rules(['a', 'x'], ['a', 'y']))).toContain('named twice');
    expect(nameRulesFault(rules(['INBOX', 'x']))).toContain('INBOX');
    expect(nameRulesFault(rules(['x', 'INBOX']))).toContain('INBOX');
    expect(nameRulesFault(rules(['INBOX/a', 'a'], ['b', 'INBOX/b']))).toBeUndefined();
  });

  it('are one to one, whatever the rules', () => {
    const level = fc.constantFrom('a', 'b', 'c', 'INBOX');
    const name = fc
      .array(level, { minLength: 1, maxLength: 3 })
      .map(levels => toMailboxName(levels.join('/')) as MailboxName);
    const someRules = fc
      .array(fc.record({ remote: name, local: name }), { maxLength: 4 })
      .filter(made => nameRulesFault(made) === undefined);
    fc.assert(
      fc.property(someRules, fc.array(name, { maxLength: 30 }), (made, names) => {
        const map = new NameMap(made);
        const owners = new Map<MailboxName, MailboxName>();
        for (const remote of names) {
          const local = map.fromRemote(remote);
          if (local === undefined) continue;
          expect(map.toRemote(local)).toBe(remote);
          expect(owners.get(local) ?? remote).toBe(remote);
          owners.set(local, remote);
        }
      }),
      { numRuns: 500 },
    );
  });
});
