import { rowsToMatch, sortPairs } from '@postern/core/match/sort-pairs.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import type { Pair } from '@postern/core/model/pair.js';
import type { Epoch, MessageKey, Row } from '@postern/core/model/row.js';
import type { MailboxView } from '@postern/core/model/view.js';
import { describe, expect, it } from 'vitest';
import { pair, row, snapshot } from './rows.js';

interface Parts {
  readonly remote: readonly Row[];
  readonly local: readonly Row[];
  readonly pairs: readonly Pair[];
  readonly rematch?: string;
  readonly unreadable?: string;
}

function sorted({ remote, local, pairs, rematch, unreadable }: Parts) {
  const hidden = new Map(unreadable === undefined ? [] : [[unreadable as MessageKey, 'EIO']]);
  const snapshots = {
    remote: snapshot('remote', remote),
    local: snapshot('local', local, { unreadable: hidden }),
  };
  const view: MailboxView = {
    mailbox: INBOX,
    pairs,
    sides: snapshots,
    known: true,
    ...(rematch === undefined ? {} : { rematch }),
  };
  const result = sortPairs(view, snapshots);
  const keys = (rows: readonly Row[]) => rows.map(({ key }) => key).join(' ');
  const match = rowsToMatch(result, snapshots);
  return {
    valid: result.valid.map(one => one.pair.remote.key).join(' '),
    void: result.void.map(one => one.pair.remote.key).join(' '),
    match: `${keys(match.remote)}/${keys(match.local)}`,
  };
}

describe('pairs of a mailbox', () => {
  it('count with both ends, and leave nothing to match', () => {
    expect(sorted({ remote: [row('1')], local: [row('a')], pairs: [pair('1', 'a')] })).toEqual({
      valid: '1',
      void: '',
      match: '/',
    });
  });

  it('count with one end, which is matched against what turned up under another key', () => {
    expect(sorted({ remote: [row('2')], local: [row('a')], pairs: [pair('1', 'a')] })).toEqual({
      valid: '1',
      void: '',
      match: '2/a',
    });
  });

  it('do not offer an end that was edited', () => {
    const local = [row('a', { digest: 'x' })];
    expect(sorted({ remote: [row('2')], local, pairs: [pair('1', 'a')] }).match).toBe('2/');
  });

  it('do not offer an end whose partner is there but unreadable', () => {
    const given = { remote: [row('1')], local: [], pairs: [pair('1', 'a')], unreadable: 'a' };
    expect(sorted(given)).toEqual({ valid: '1', void: '', match: '/' });
  });

  it('prove nothing under another epoch', () => {
    const old: Pair = { ...pair('1', 'a'), remote: { epoch: '1600000000' as Epoch, key: '1' as MessageKey } };
    expect(sorted({ remote: [row('1')], local: [row('a')], pairs: [old] })).toEqual({
      valid: '',
      void: '1',
      match: '1/a',
    });
  });

  it('count in a rematch round only with both ends as they were recorded', () => {
    const given = {
      remote: [row('1'), row('2'), row('3', { digest: 'x' })],
      local: [row('a'), row('c')],
      pairs: [pair('1', 'a'), pair('2', 'b'), pair('3', 'c')],
      rematch: 'restored',
    };
    expect(sorted(given)).toEqual({ valid: '1', void: '2 3', match: '2 3/c' });
  });

  it('wait in a rematch round for an end that cannot be read', () => {
    const given = {
      remote: [row('1')],
      local: [],
      pairs: [pair('1', 'a')],
      unreadable: 'a',
      rematch: 'restored',
    };
    expect(sorted(given)).toEqual({ valid: '1', void: '', match: '/' });
  });
});
