import { mailboxName } from '@postern/core/model/mailbox.js';
import { RecordCache } from '@postern/core/state/record-cache.js';
import { describe, expect, it } from 'vitest';
import { rowOf } from '../../contract/store.js';

const rows = (count: number) =>
  new Map(Array.from({ length: count }, (_, index) => [String(1000 + index), rowOf(String(1000 + index))]));

describe('the cache of partitions', () => {
  it('forgets what was used longest ago when it holds too much', () => {
    const cache = new RecordCache();
    for (const mailbox of ['a', 'b', 'c']) cache.keep('remote', mailbox, rows(10_000));
    expect(cache.all('remote', 'a')?.size).toBe(10_000);
    cache.keep('remote', 'd', rows(10_000));
    expect(['a', 'b', 'c', 'd'].filter(mailbox => cache.has('remote', mailbox))).toEqual(['a', 'c', 'd']);
  });

  it('keeps no partition that is too large for it, and no kind of which there are few', () => {
    const cache = new RecordCache();
    cache.keep('remote', 'a', rows(70_000));
    cache.keep('meta', '', new Map());
    expect([cache.has('remote', 'a'), cache.has('meta', '')]).toEqual([false, false]);
  });

  it('forgets a partition of which a good part changed: a first sync is not held in memory', () => {
    const cache = new RecordCache();
    cache.keep('remote', 'a', rows(400));
    cache.note('remote', 'a', [...rows(100)]);
    expect(cache.all('remote', 'a')?.size).toBe(400);
    cache.note('remote', 'a', [...rows(400)]);
    expect(cache.all('remote', 'a')).toBeUndefined();
    cache.keep('pair', 'a', new Map());
    cache.note('pair', 'a', [...rows(400)]);
    expect(cache.all('pair', 'a')).toBeUndefined();
  });

  it('goes on holding mailboxes however many of them changed, but none whose place in the order it does not know', () => {
    const names = Array.from({ length: 200 }, (_, index) => `m${100 + index}`);
    const mailboxes = (generation: number) =>
      new Map(names.map(name => [name, { mailbox: mailboxName(name), generation, sides: {} }] as const));
    const cache = new RecordCache();
    cache.keep('mailbox', '', mailboxes(1));
    for (const [name, record] of mailboxes(2)) cache.note('mailbox', '', [[name, record]]);
    expect(cache.one('mailbox', '', 'm150')?.value?.generation).toBe(2);
    expect(cache.one('mailbox', '', 'none')).toEqual({ value: undefined });
    expect(new Set([...(cache.all('mailbox', '')?.values() ?? [])].map(one => one.generation))).toEqual(
      new Set([2]),
    );
    cache.note('mailbox', '', [['m150', undefined]]);
    expect([...(cache.all('mailbox', '')?.keys() ?? [])]).toEqual(names.filter(name => name !== 'm150'));
    cache.note('mailbox', '', [['\u{1f4ec}', mailboxes(3).get('m100')]]);
    expect(cache.one('mailbox', '', 'm100')).toBeUndefined();
  });
});
