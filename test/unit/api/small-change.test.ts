import { applyActions } from '@postern/core/api/apply.js';
import { fetchRemote } from '@postern/core/api/fetch.js';
import { makePlan } from '@postern/core/api/plan.js';
import type { MessageKey } from '@postern/core/model/row.js';
import type { Kind } from '@postern/core/state/records.js';
import type { Repository } from '@postern/core/state/repository.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';
import { watchedStore } from '../../support/watched-store.js';

const MANY = 300;

let template: Rig;

beforeAll(async () => {
  template = await Rig.create();
  for (let n = 0; n < MANY; n++) {
    for (const world of [template.remote, template.local])
      world.add('INBOX', message({ id: `m${n}` }), ['\\Seen']);
  }
  await template.sync();
  expect((await template.plan()).actions).toEqual([]);
});

/** Counts the pairs that are read, or peeked at, by the partition. */
function counting(repository: Repository): { readonly counted: Repository; readonly read: () => number } {
  let read = 0;
  const count = (kind: Kind, size: number) => {
    if (kind === 'pair') read += size;
  };
  const store = watchedStore(repository.store, count, count);
  return { counted: { ...repository, store }, read: () => read };
}

const keyOf = (rig: Rig, side: 'remote' | 'local', n: number) =>
  [...rig[side].mailbox('INBOX').messages.keys()][n]!;

describe('a small change in a large mailbox', () => {
  it.each<[string, (rig: Rig) => void, readonly string[]]>([
    ['a new message there', rig => void rig.remote.add('INBOX', message({ id: 'new' })), ['download']],
    ['a new message here', rig => void rig.local.add('INBOX', message({ id: 'new' })), ['upload']],
    [
      'a flag there',
      rig => rig.remote.flag('INBOX', keyOf(rig, 'remote', 7), { add: ['\\Flagged'] }),
      ['flag-local'],
    ],
    [
      'a flag here',
      rig => rig.local.flag('INBOX', keyOf(rig, 'local', 7), { add: ['\\Flagged'] }),
      ['flag-remote'],
    ],
    ['a deletion there', rig => rig.remote.remove('INBOX', keyOf(rig, 'remote', 7)), ['delete-local']],
    ['a deletion here', rig => rig.local.remove('INBOX', keyOf(rig, 'local', 7)), ['delete-remote']],
    ['another name here', rig => rig.local.rename('INBOX', keyOf(rig, 'local', 7)), ['pair']],
    [
      'the same flag on both sides',
      rig => {
        for (const side of ['remote', 'local'] as const)
          rig[side].flag('INBOX', keyOf(rig, side, 7), { add: ['\\Flagged'] });
      },
      [],
    ],
  ])('%s: no other pair is read for it, by the plan or by the apply', async (what, change, ops) => {
    const rig = await template.clone();
    change(rig);
    const counts: number[] = [];
    await rig.run(async repository => {
      const { counted, read } = counting(repository);
      const fetched = await fetchRemote(counted);
      const { actions } = await makePlan(counted);
      expect(actions.map(({ op }) => op)).toEqual(ops);
      counts.push(read());
      const report = await applyActions(counted, actions, { fetched: fetched.sides.remote });
      expect(report.counts).toMatchObject({ done: ops.length, skipped: 0, failed: 0 });
      counts.push(read());
    });
    expect(counts[0]).toBe(0);
    // A new pair of old messages is put on a whole desk.
    if (what !== 'another name here') expect(counts[1]).toBe(0);
    const record = await rig.run(({ store }) => store.get('mailbox', '', 'INBOX'));
    expect(record).toMatchObject({ quiet: true, touched: { remote: [], local: [] } });
    expect((await rig.plan()).actions).toEqual([]);
    expect(rig.local.contents('INBOX')).toEqual(rig.remote.contents('INBOX'));
  });

  it('is still known after more of them came, one look after the other', async () => {
    const rig = await template.clone();
    for (let n = 0; n < 5; n++) {
      rig.remote.flag('INBOX', keyOf(rig, 'remote', n), { add: ['\\Flagged'] });
      rig.local.flag('INBOX', keyOf(rig, 'local', 10 + n), { add: ['\\Answered'] });
      await rig.plan();
    }
    const touched = await rig.run(async ({ store }) => (await store.get('mailbox', '', 'INBOX'))?.touched);
    // With the partners of those that changed here.
    expect([touched?.remote.length, touched?.local.length]).toEqual([10, 5]);
    expect((await rig.sync()).apply.counts).toMatchObject({ done: 10, skipped: 0, failed: 0 });
    expect(rig.local.contents('INBOX')).toEqual(rig.remote.contents('INBOX'));
  });

  it.each<[string, (rig: Rig) => MessageKey | undefined]>([
    ['nothing says what its partner is', () => undefined],
    ['its partner seems to be another message', rig => keyOf(rig, 'remote', 9)],
    ['its partner seems to be one that never was', () => '9999' as MessageKey],
  ])('is carried out all the same where %s', async (_what, hint) => {
    const rig = await template.clone();
    const keys = [keyOf(rig, 'local', 7), keyOf(rig, 'local', 8)];
    await rig.run(async ({ store }) => {
      for (const [key, row] of await store.getMany('local', 'INBOX', keys)) {
        const { partner: _known, ...rest } = row;
        const partner = hint(rig);
        const value = partner === undefined ? rest : { ...rest, partner };
        await store.write([{ put: 'local', mailbox: 'INBOX', key, value }], { durable: false });
      }
    });
    rig.local.flag('INBOX', keys[0]!, { add: ['\\Flagged'] });
    rig.local.remove('INBOX', keys[1]!);
    const { apply, plan } = await rig.sync();
    expect(plan.actions.map(({ op }) => op)).toEqual(['flag-remote', 'delete-remote']);
    expect(apply.counts).toMatchObject({ done: 2, skipped: 0, failed: 0 });
    expect(rig.local.contents('INBOX')).toEqual(rig.remote.contents('INBOX'));
  });

  it('is no small one above two thousand messages, or when the mailbox is not sure to be the same', async () => {
    const touchedOf = (rig: Rig) =>
      rig.run(async ({ store }) => (await store.get('mailbox', '', 'INBOX'))?.touched);
    const rig = await template.clone();
    for (let n = 0; n < 2001; n++) rig.remote.add('INBOX', message({ id: `more-${n}` }));
    await rig.plan();
    expect(await touchedOf(rig)).toBeUndefined();
    const other = await template.clone();
    other.remote.setUidValidity('INBOX');
    await other.plan();
    expect(await touchedOf(other)).toBeUndefined();
  });

  it('is no small one where a message waits under its mark: its other end may come back under another name', async () => {
    const rig = await Rig.create({ remote: { withoutUidplus: true } });
    for (let n = 0; n < 6; n++) rig.remote.add('INBOX', message({ id: `m${n}` }));
    await rig.sync();
    const key = keyOf(rig, 'local', 0);
    const { bytes } = rig.local.message('INBOX', key);
    rig.local.remove('INBOX', key);
    await rig.sync();
    await rig.sync();
    rig.local.add('INBOX', bytes);
    expect((await rig.plan()).actions.map(({ op }) => op).sort()).toEqual(['flag-remote', 'pair']);
    await rig.sync();
    expect(rig.remote.mailbox('INBOX').messages.size).toBe(6);
    expect(rig.local.contents('INBOX')).toEqual(rig.remote.contents('INBOX'));
  });
});
