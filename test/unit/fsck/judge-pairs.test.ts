import { type Identity, identityOf } from '@postern/core/model/identity.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import type { Pair } from '@postern/core/model/pair.js';
import { type Epoch, type MessageKey, NO_EPOCH, type Row, type Snapshot } from '@postern/core/model/row.js';
import { judgePairs } from '@postern/fsck/judge-pairs.js';
import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';

const EPOCH = '7' as Epoch;
const whole = identityOf(message({ subject: 'One' })).identity;
const other = identityOf(message({ subject: 'Other' })).identity;

/** As a server shows it: without its content. */
function excerpt({ content: _content, ...seen }: Identity): Identity {
  return seen;
}

function row(key: string, identity: Identity, flags: readonly string[] = []): Row {
  return { key: key as MessageKey, flags, date: 0, identity, envelope: {} };
}

function snapshot(epoch: Epoch, ...rows: Row[]): Snapshot {
  return {
    mailbox: INBOX,
    cursor: { epoch, count: rows.length },
    permanentFlags: [],
    rows: new Map(rows.map(one => [one.key, one])),
    unreadable: new Map(),
  };
}

function pair(remote: string, local: string, more: Partial<Pair> = {}): Pair {
  return {
    remote: { epoch: EPOCH, key: remote as MessageKey },
    local: { epoch: NO_EPOCH, key: local as MessageKey },
    flags: [],
    identity: whole,
    ...more,
  };
}

function judge(pairs: readonly Pair[], remote: readonly Row[], local: readonly Row[]) {
  const snapshots = { remote: snapshot(EPOCH, ...remote), local: snapshot(NO_EPOCH, ...local) };
  const { borneOut, halves, findings } = judgePairs(INBOX, pairs, snapshots);
  return [borneOut.length, [...halves.map(({ other }) => other), ...findings.map(({ id }) => id)]];
}

describe('a pair, held against both sides', () => {
  it('is borne out when both ends are what it says', () => {
    expect(judge([pair('1', 'a')], [row('1', excerpt(whole))], [row('a', whole)])).toEqual([1, []]);
  });

  it('is matched anew, without a finding, when sizes differ and nothing explains it', () => {
    const estimated = { ...excerpt(whole), size: whole.size + 1 };
    expect(judge([pair('1', 'a')], [row('1', estimated)], [row('a', whole)])).toEqual([0, []]);
    expect(judge([pair('1', 'a', { weak: true })], [row('1', estimated)], [row('a', whole)])).toEqual([
      1,
      [],
    ]);
    const read = { ...estimated, content: whole.content! };
    expect(judge([pair('1', 'a')], [row('1', read)], [row('a', whole)])).toEqual([1, []]);
  });

  it('may have a header excerpt of its own, but not another Message-ID', () => {
    const odd = { ...excerpt(whole), digest: 'f'.repeat(32) };
    const known = pair('1', 'a', { remoteDigest: odd.digest });
    expect(judge([known], [row('1', odd)], [row('a', whole)])).toEqual([1, []]);
    const stranger = { ...odd, messageId: '<stranger@example.org>' };
    expect(judge([known], [row('1', stranger)], [row('a', whole)])).toEqual([0, ['pair-crossed']]);
  });

  it('is crossed when the contents are known and differ, although the headers are the same', () => {
    const falseTwin = { ...whole, content: '0'.repeat(64) };
    expect(judge([pair('1', 'a')], [row('1', falseTwin)], [row('a', whole)])).toEqual([0, ['pair-crossed']]);
  });

  it('is crossed when the remote end is another message, edited when the local one is', () => {
    expect(judge([pair('1', 'a')], [row('1', excerpt(other))], [row('a', whole)])).toEqual([
      0,
      ['pair-crossed'],
    ]);
    expect(judge([pair('1', 'a')], [row('1', excerpt(whole))], [row('a', other)])).toEqual([
      0,
      ['pair-edited'],
    ]);
  });

  it('lacks an end that is gone, unless the deletion was done as far as the server can', () => {
    expect(judge([pair('1', 'a')], [row('1', excerpt(whole))], [])).toEqual([0, ['as-recorded']]);
    expect(judge([pair('1', 'a')], [row('1', excerpt(other))], [])).toEqual([0, ['changed']]);
    expect(judge([pair('1', 'a')], [], [])).toEqual([0, ['gone']]);
    const marked = pair('1', 'a', { marked: true });
    expect(judge([marked], [row('1', excerpt(whole), ['\\Deleted'])], [])).toEqual([1, []]);
    expect(judge([marked], [row('1', excerpt(whole))], [])).toEqual([0, ['as-recorded']]);
    expect(judge([marked], [row('1', excerpt(other), ['\\Deleted'])], [])).toEqual([0, ['changed']]);
  });

  it('says nothing under another UIDVALIDITY', () => {
    const old = pair('1', 'a', { remote: { epoch: '6' as Epoch, key: '1' as MessageKey } });
    expect(judge([old], [row('1', excerpt(whole))], [row('a', whole)])).toEqual([0, []]);
  });

  it('is kept of several that share a file when it alone is borne out, and none when nothing decides', () => {
    const remote = [row('1', excerpt(whole)), row('2', excerpt(other)), row('3', excerpt(whole))];
    expect(judge([pair('1', 'a'), pair('2', 'a')], remote, [row('a', whole)])).toEqual([
      1,
      ['pair-duplicate-end'],
    ]);
    expect(judge([pair('1', 'a'), pair('3', 'a')], remote, [row('a', whole)])).toEqual([
      0,
      ['pair-duplicate-end'],
    ]);
    const read = [row('1', excerpt(whole)), row('3', whole)];
    expect(judge([pair('1', 'a'), pair('3', 'a')], read, [row('a', whole)])).toEqual([
      1,
      ['pair-duplicate-end'],
    ]);
  });
});
