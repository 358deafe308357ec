import { isCopy, type Known } from '@postern/core/model/is-copy.js';
import { describe, expect, it } from 'vitest';

const digest = '0123456789abcdef0123456789abcdef';
const date = Date.parse('2026-11-22T05:00:00Z');
const contents = { one: '1'.repeat(64), other: '2'.repeat(64) };

function known(
  identity: Partial<Known['identity']> = {},
  facts: Partial<Pick<Known, 'date' | 'serverId'>> = {},
): Known {
  return { identity: { messageId: '<a@example.org>', digest, size: 1944, ...identity }, date, ...facts };
}

function withoutMessageId(facts: Partial<Known> = {}): Known {
  return { identity: { digest, size: 1944 }, date, ...facts };
}

const copy = (a: Known, b: Known, areSole = true) => {
  const answers = [isCopy(a, b, () => areSole), isCopy(b, a, () => areSole)];
  expect(answers[0]).toBe(answers[1]);
  return answers[0];
};

describe('a message stands in for one in another mailbox', () => {
  it('when their contents are equal, whatever else is said of them', () => {
    const content = contents.one;
    const far = { date: 0, serverId: 'M2' };
    expect(copy(known({ content }), known({ content, size: 7 }, far), false)).toBe(true);
    expect(copy(withoutMessageId(), known({ content }))).toBe(false);
  });

  it('when the server calls both by one name, and header and size agree', () => {
    const [one, two] = [{ serverId: 'M1' }, { serverId: 'M1', date: 0 }];
    expect(copy(known({}, one), known({}, two), false)).toBe(true);
    expect(copy(withoutMessageId(one), withoutMessageId(two), false)).toBe(true);
    expect(copy(known({}, one), known({ size: 1945 }, two))).toBe(false);
    expect(copy(known({}, one), known({ digest: 'f'.repeat(32) }, two))).toBe(false);
  });

  it('when header, Message-ID, size and the second of arrival agree and none else is like them', () => {
    expect(copy(known(), known())).toBe(true);
    expect(copy(known(), known({}, { date: date + 999 }))).toBe(true);
    expect(copy(known({ content: contents.one }), known({}, { serverId: 'M1' }))).toBe(true);
  });

  it('and never when one of these differs', () => {
    expect(copy(known(), known(), false)).toBe(false);
    expect(copy(known(), known({}, { date: date + 1000 }))).toBe(false);
    expect(copy(known(), known({ size: 1945 }))).toBe(false);
    expect(copy(known(), known({ messageId: '<A@example.org>' }))).toBe(false);
    expect(copy(known({}, { serverId: 'M1' }), known({}, { serverId: 'M2' }))).toBe(false);
    expect(copy(known({ content: contents.one }), known({ content: contents.other }))).toBe(false);
    expect(copy(withoutMessageId(), withoutMessageId())).toBe(false);
  });
});
