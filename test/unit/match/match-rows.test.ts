import { matchRows } from '@postern/core/match/match-rows.js';
import type { Row } from '@postern/core/model/row.js';
import { describe, expect, it } from 'vitest';
import { Random } from '../../support/random.js';
import { row } from './rows.js';

/** A matching as text: `1=a` (a match; `~` weak), then what is wanted, unclear and alone. */
function words(remote: readonly Row[], local: readonly Row[]): string {
  const { matches, wanted, unclear, alone } = matchRows({ remote, local });
  const keys = (rows: readonly Row[]) => rows.map(({ key }) => key).join(' ');
  return [
    ...matches.map(match => `${match.remote.key}${match.weak ? '~' : '='}${match.local.key}`),
    ...(wanted.remote.length + wanted.local.length > 0
      ? [`read ${keys(wanted.remote)}/${keys(wanted.local)}`]
      : []),
    ...unclear.map(({ rows }) => `unclear ${keys(rows.remote)}/${keys(rows.local)}`),
    `alone ${keys(alone.remote)}/${keys(alone.local)}`,
  ].join(', ');
}

describe('matching of unpaired messages', () => {
  it('matches one and one with equal digest and size', () => {
    expect(words([row('1')], [row('a')])).toBe('1=a, alone /');
  });

  it('leaves messages alone that are on one side only', () => {
    expect(words([row('1', { digest: 'x' })], [row('a', { digest: 'y' })])).toBe('alone 1/a');
  });

  it('calls a match weak when sizes differ and nobody compared the contents', () => {
    expect(words([row('1', { size: 9 })], [row('a', { size: 10 })])).toBe('1~a, alone /');
    expect(words([row('1', { size: 9, content: 'c' })], [row('a', { size: 10, content: 'c' })])).toBe(
      '1=a, alone /',
    );
  });

  it('never matches equal headers with contents known to differ', () => {
    expect(words([row('1', { content: 'c' })], [row('a', { content: 'e' })])).toBe('unclear 1/a, alone /');
  });

  it('asks for the contents of a class with several members, and settles nothing before', () => {
    const local = [row('a', { content: 'c' })];
    expect(words([row('1'), row('2')], local)).toBe('read 1 2/, unclear 1 2/a, alone /');
  });

  it('settles a class by contents, as multisets', () => {
    const remote = [row('1', { content: 'c' }), row('2', { content: 'e' }), row('3', { content: 'c' })];
    const local = [row('a', { content: 'e' }), row('b', { content: 'c' })];
    expect(words(remote, local)).toBe('1=b, 2=a, alone 3/');
  });

  it('gives twins to those with their flags first', () => {
    const remote = [row('1', { content: 'c' }), row('2', { content: 'c', flags: ['\\Seen'] })];
    const local = [row('a', { content: 'c', flags: ['\\Seen'] }), row('b', { content: 'c' })];
    expect(words(remote, local)).toBe('1=b, 2=a, alone /');
  });

  it('settles messages without Message-ID by contents alone', () => {
    const bare = { messageId: false } as const;
    expect(words([row('1', bare)], [row('a', { ...bare, content: 'c' })])).toBe(
      'read 1/, unclear 1/a, alone /',
    );
    expect(words([row('1', { ...bare, content: 'c' })], [row('a', { ...bare, content: 'c' })])).toBe(
      '1=a, alone /',
    );
  });

  it('settles an equal Message-ID under another digest by contents alone', () => {
    const remote = row('1', { digest: 'x', messageId: '<m>' });
    const local = row('a', { digest: 'y', messageId: '<m>', content: 'c' });
    expect(words([remote], [local])).toBe('read 1/, unclear 1/a, alone /');
    const read = { ...remote, identity: { ...remote.identity, content: 'c' } };
    expect(words([read], [local])).toBe('1=a, alone /');
    const other = { ...remote, identity: { ...remote.identity, content: 'e' } };
    expect(words([other], [local])).toBe('alone 1/a');
  });

  it('settles a message whose Message-ID one side does not show by contents alone, among those of its size', () => {
    const remote = row('1', { digest: 'x', messageId: false });
    const local = [
      row('a', { digest: 'y', content: 'c' }),
      row('b', { digest: 'z', content: 'e', size: 101 }),
    ];
    expect(words([remote], local)).toBe('read 1/, unclear 1/a, alone /b');
    const read = { ...remote, identity: { ...remote.identity, content: 'c' } };
    expect(words([read], local)).toBe('1=a, alone /b');
    const other = { ...remote, identity: { ...remote.identity, content: 'f' } };
    expect(words([other], local)).toBe('alone 1/a b');
    expect(
      words([row('2', { digest: 'w' })], [row('c', { digest: 'v', messageId: false, content: 'c' })]),
    ).toBe('read 2/, unclear 2/c, alone /');
  });

  it('does not depend on the order of the rows', () => {
    const remote = [
      row('1', { content: 'c' }),
      row('2', { content: 'c', flags: ['\\Seen'] }),
      row('3', { digest: 'x' }),
      row('10', { digest: 'y', messageId: false }),
    ];
    const local = [
      row('a', { content: 'c' }),
      row('b', { digest: 'x' }),
      row('c', { digest: 'y', messageId: false }),
    ];
    const random = new Random(11);
    const first = words(remote, local);
    expect(first).toContain('1=a');
    for (let turn = 0; turn < 20; turn++)
      expect(words(random.shuffled(remote), random.shuffled(local))).toBe(first);
  });

  it('gives every row back exactly once', () => {
    const random = new Random(5);
    for (let turn = 0; turn < 200; turn++) {
      const some = (prefix: string) =>
        Array.from({ length: random.below(5) }, (_one, index) =>
          row(`${prefix}${index}`, {
            digest: random.pick(['x', 'y']),
            messageId: random.pick(['<m>', '<n>', false]),
            size: random.pick([1, 2]),
            ...(random.chance(0.6) ? { content: random.pick(['c', 'e']) } : {}),
          }),
        );
      const rows = { remote: some('r'), local: some('l') };
      const { matches, unclear, alone } = matchRows(rows);
      for (const side of ['remote', 'local'] as const) {
        const seen = [
          ...matches.map(match => match[side].key),
          ...unclear.flatMap(one => one.rows[side].map(({ key }) => key)),
          ...alone[side].map(({ key }) => key),
        ];
        expect(seen.sort()).toEqual(rows[side].map(({ key }) => key).sort());
      }
    }
  });
});
