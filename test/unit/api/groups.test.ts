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
  it('brings them group by group, in both directions, and tells the truth about what is to come', async () => {
    const rig = await account();
    rig.local.createMailbox('mine');
    for (let n = 0; n < 10; n++) rig.local.add('mine', message({ id: `mine${n}` }));
    const seen: { done: number; total: number }[] = [];
    const { apply, failed } = await rig.sync({
      atOnce: 20,
      progress: step => {
        if (step.what === 'apply') seen.push({ done: step.done, total: step.total });
      },
    });
    expect(apply.counts).toMatchObject({ done: 66, skipped: 0, failed: 0 });
    expect(failed).toEqual([]);
    expect((await applies(rig)).length).toBe(3);
    // Mailboxes that are to be made are lines as well, and not known before their group is planned.
    expect(seen.every(({ done, total }) => done <= total && total >= 60)).toBe(true);
    expect(seen.at(-1)).toEqual({ done: 66, total: 66 });
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
