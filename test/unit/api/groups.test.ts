import { sync } from '@postern/core/api/sync.js';
import { mailboxName } from '@postern/core/model/mailbox.js';
import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';

const NAMES = ['a', 'b', 'c', 'd', 'e'];

/** Five mailboxes of ten messages there, nothing here but an empty INBOX. */
async function account(): Promise<Rig> {
  const rig = await Rig.create();
  for (const name of NAMES) {
    rig.remote.createMailbox(name);
    for (let n = 0; n < 10; n++) rig.remote.add(name, message({ id: `${name}${n}` }), ['\\Seen']);
  }
  return rig;
}

/** How many actions each apply had. */
const applies = (rig: Rig) =>
  rig.run(async ({ store }) =>
    [...(await store.all('log', '')).values()].map(({ actions }) => actions).sort(),
  );

describe('a sync of more new messages than are planned at once', () => {
  it('brings them group by group, and tells the truth about what is to come', async () => {
    const rig = await account();
    const seen: { done: number; total: number }[] = [];
    const { apply, failed } = await rig.sync({
      atOnce: 20,
      progress: step => {
        if (step.what === 'apply') seen.push({ done: step.done, total: step.total });
      },
    });
    expect(apply.counts).toMatchObject({ done: 55, skipped: 0, failed: 0 });
    expect(failed).toEqual([]);
    expect((await applies(rig)).length).toBe(3);
    // Mailboxes that are to be made are lines as well, and not known before their group is planned.
    expect(seen.every(({ done, total }) => done <= total && total >= 50)).toBe(true);
    expect(seen.at(-1)).toEqual({ done: 55, total: 55 });
    expect(rig.local.allContents()).toEqual(rig.remote.allContents());
    expect((await rig.plan()).actions).toEqual([]);
  });

  it('lets a message of several mailboxes travel once, whichever groups they are in', async () => {
    const rig = await account();
    const key = rig.remote.add('a', message({ id: 'shared' }));
    for (const name of NAMES.slice(1)) rig.remote.copy('a', key, name);
    await rig.sync({ atOnce: 11 });
    expect((await applies(rig)).length).toBe(5);
    expect(rig.local.allContents()).toEqual(rig.remote.allContents());
    expect(rig.local.traffic.delivered).toBe(51);
  });

  it('keeps nothing waiting that a message may have moved to: it moves, and is not sent', async () => {
    const rig = await account();
    await rig.sync();
    const [key] = [...rig.local.mailbox('a').messages.keys()];
    for (const name of ['new1', 'new2']) rig.local.createMailbox(name);
    rig.local.add('new1', message({ id: 'other' }));
    rig.local.move('a', key ?? 'none', 'new2');
    const { plan } = await rig.sync({ atOnce: 1 });
    expect(plan.later).toEqual([]);
    expect(plan.actions.map(({ op }) => op)).toContain('move-remote');
    expect(rig.remote.traffic.delivered).toBe(1);
    expect(rig.local.allContents()).toEqual(rig.remote.allContents());
  });

  it.each<[string, (rig: Rig, key: string) => void]>([
    ['flagged', (rig, key) => rig.remote.flag('a', key, { add: ['\\Flagged'] })],
    ['numbered anew', rig => rig.remote.setUidValidity('a')],
  ])('keeps nothing waiting that a message may have moved to that was %s there', async (_what, change) => {
    const end = async (atOnce: number) => {
      const rig = await account();
      await rig.sync();
      const keyOf = (world: Rig['remote']) =>
        [...world.mailbox('a').messages].find(([, { bytes }]) => bytes.includes('<a1@'))![0];
      for (const name of ['b2', 'c2']) rig.local.createMailbox(name);
      for (const name of ['b2', 'c2']) rig.local.add(name, message({ id: `x${name}` }));
      rig.local.move('a', keyOf(rig.local), 'c2');
      change(rig, keyOf(rig.remote));
      const { apply } = await rig.sync({ atOnce });
      await rig.sync({ atOnce });
      expect(rig.local.allContents()).toEqual(rig.remote.allContents());
      return [apply.counts, rig.remote.traffic, rig.remote.allContents()];
    };
    expect(await end(1)).toEqual(await end(1000));
  });

  it('keeps nothing waiting where mail is new on both sides: it may be the same in mailboxes of other names', async () => {
    const rig = await account();
    rig.local.createMailbox('z');
    for (const { bytes, date } of rig.remote.mailbox('b').messages.values())
      rig.local.add('z', bytes, ['\\Seen'], date);
    const { plan, apply } = await rig.sync({ atOnce: 1 });
    expect(plan.later).toEqual([]);
    expect(apply.counts).toMatchObject({ skipped: 0, failed: 0 });
  });

  it('stops to go by groups when a message moves meanwhile: it moves there too', async () => {
    const rig = await account();
    await rig.sync();
    for (const name of ['n1', 'n2', 'n3']) {
      rig.local.createMailbox(name);
      rig.local.add(name, message({ id: `x${name}` }));
    }
    const [key] = [...rig.local.mailbox('a').messages.keys()];
    let moved = false;
    await rig.sync({
      atOnce: 1,
      progress: ({ what }) => {
        if (what !== 'apply' || moved) return;
        moved = true;
        rig.local.move('a', key ?? 'none', 'n3');
        // Groups go on without another look for a minute.
        rig.clock.pass(60_000);
      },
    });
    await rig.sync();
    expect(rig.remote.traffic.delivered).toBe(3);
    expect(rig.local.allContents()).toEqual(rig.remote.allContents());
  });

  it('tells once of what each look finds', async () => {
    const rig = await account();
    const report = await rig.run(async repository => {
      const { local } = repository.sides;
      const list = local.list.bind(local);
      local.list = async () => {
        const listing = await list();
        return { ...listing, problems: [{ mailbox: mailboxName('odd'), reason: 'a bad name' }] };
      };
      return sync(repository, { atOnce: 1 });
    });
    expect([report.plan.problems.length, report.apply.problems.length]).toEqual([1, 1]);
  });

  it('keeps nothing waiting that may be another mailbox under a new name', async () => {
    const rig = await account();
    await rig.sync();
    rig.local.renameMailbox('b', 'renamed');
    rig.local.createMailbox('new');
    rig.local.add('new', message({ id: 'other' }));
    await rig.sync({ atOnce: 1 });
    await rig.sync({ atOnce: 1 });
    expect([...rig.remote.mailboxes.keys()]).toContain('renamed');
    expect(rig.remote.traffic.delivered).toBe(1);
    expect(rig.local.allContents()).toEqual(rig.remote.allContents());
  });

  it('tells of what failed in any group, once, and goes on with the others', async () => {
    const rig = await account();
    rig.remote.add('c', message({ id: 'changing' }));
    const { apply, failed } = await rig.sync({
      atOnce: 10,
      progress: ({ what, mailbox }) => {
        // It goes away after it was planned.
        if (what !== 'apply' || mailbox !== 'c') return;
        for (const [key, { bytes }] of rig.remote.mailbox('c').messages)
          if (bytes.includes('changing')) rig.remote.remove('c', key);
      },
    });
    expect(apply.counts.done).toBe(55);
    expect(apply.counts.skipped).toBe(1);
    expect(failed.map(({ mailbox }) => mailbox)).toEqual(['c']);
    await rig.sync();
    expect(rig.local.allContents()).toEqual(rig.remote.allContents());
  });
});
