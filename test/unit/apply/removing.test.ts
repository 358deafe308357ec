import { applyActions } from '@postern/core/api/apply.js';
import { mailboxName } from '@postern/core/model/mailbox.js';
import type { Listing } from '@postern/core/model/row.js';
import type { Side } from '@postern/core/side/side.js';
import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';

/** A fetch that saw everything. */
const SEEN = { unread: new Set<never>(), unseen: new Map<never, never>() };
const WORK = mailboxName('Work');

/** A repository whose remote has lost a mailbox for good, and the plan that follows from it. */
async function withMailboxGone() {
  const rig = await Rig.create();
  rig.remote.createMailbox(WORK);
  for (const id of ['a', 'b']) rig.remote.add(WORK, message({ id }));
  rig.remote.add('INBOX', message({ id: 'stays' }));
  await rig.sync();
  const gone = rig.remote.mailbox(WORK);
  rig.remote.deleteMailbox(WORK);
  await rig.plan();
  const { actions } = await rig.plan();
  expect(actions.map(({ op }) => op)).toEqual(['delete-local', 'delete-local', 'delete-mailbox-local']);
  return { rig, gone, deletions: actions.filter(({ op }) => op === 'delete-local') };
}

/** The side with another listing from now on. */
function listing(side: Side, change: (listing: Listing) => Listing): Side {
  return new Proxy(side, {
    get(target, name) {
      if (name === 'list') return async () => change(await target.list());
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe('P3: the second witness of a deletion in a mailbox that the other side no longer has', () => {
  it('is the listing of this moment: without the mailbox, its messages go', async () => {
    const { rig, deletions } = await withMailboxGone();
    expect((await rig.apply(deletions, { fetched: SEEN })).counts).toMatchObject({ done: 2, skipped: 0 });
    expect(rig.local.contents(WORK)).toEqual([]);
    expect(rig.local.attic.size).toBe(2);
  });

  it('is not there when the mailbox came back since the fetch', async () => {
    const { rig, gone, deletions } = await withMailboxGone();
    rig.remote.mailboxes.set(WORK, gone);
    const reasons: (string | undefined)[] = [];
    const { counts } = await rig.apply(deletions, {
      fetched: SEEN,
      onOutcome: ({ reason }) => reasons.push(reason),
    });
    expect(counts).toMatchObject({ done: 0, skipped: 2 });
    expect(reasons).toEqual(Array(2).fill('the remote side does not confirm that it is gone'));
    expect(rig.local.contents(WORK)).toHaveLength(2);
  });

  it.each<[string, Partial<Listing>]>([
    ['says that something is wrong with it', { problems: [{ mailbox: WORK, reason: 'contested' }] }],
    ['leaves it out on purpose', { leftOut: [WORK] }],
    ['says that it is out of sight', { hidden: [{ mailbox: WORK, reason: 'a link' }] }],
    [
      'says that all below a level is out of sight',
      { hidden: [{ mailbox: WORK, reason: 'a link', andBelow: true }] },
    ],
  ])('is not there when the listing %s', async (_what, more) => {
    const { rig, deletions } = await withMailboxGone();
    const report = await rig.run(({ sides, ...rest }) => {
      const remote = listing(sides.remote, listed => ({ ...listed, ...more }));
      return applyActions({ ...rest, sides: { remote, local: sides.local } }, deletions, { fetched: SEEN });
    });
    expect(report.counts).toMatchObject({ done: 0, skipped: 2 });
    expect(rig.local.contents(WORK)).toHaveLength(2);
  });
});
