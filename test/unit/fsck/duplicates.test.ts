import type { Action } from '@postern/core/model/action.js';
import { readPlan } from '@postern/core/plan/read-plan.js';
import { planLines } from '@postern/core/plan/write-plan.js';
import { type DuplicateGroup, findDuplicates } from '@postern/fsck/find-duplicates.js';
import { listDuplicates } from '@postern/fsck/list-duplicates.js';
import { planDuplicates } from '@postern/fsck/plan-duplicates.js';
import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';
import { CrashSeam } from '../../support/seam.js';

const one = message({ id: 'one', subject: 'One' });
const two = message({ id: 'two', subject: 'Two' });
/** The same Message-ID and header, another text. */
const otherOne = message({ id: 'one', subject: 'One', body: 'Quite another text.\r\n' });

async function synced(add: (rig: Rig) => void): Promise<Rig> {
  const rig = await Rig.create();
  add(rig);
  await rig.sync();
  return rig;
}

async function groupsOf(rig: Rig): Promise<DuplicateGroup[]> {
  const groups: DuplicateGroup[] = [];
  await rig.run(repository =>
    listDuplicates(repository, {}, group => {
      groups.push(group);
    }),
  );
  return groups;
}

/** The plan as a person would hand it on: written, and read again. */
async function planOf(rig: Rig): Promise<readonly Action[]> {
  const actions = planDuplicates(await groupsOf(rig), rig.id);
  const header = { repository: rig.id, remote: '', local: '', created: '', blocked: 0 };
  async function* chunks() {
    for (const line of planLines(header, actions)) yield `${line}\n`;
  }
  const read = await readPlan(chunks(), rig.id);
  expect(read.actions).toEqual(actions);
  return read.actions;
}

const counts = (rig: Rig) => [rig.local.contents('INBOX').length, rig.remote.contents('INBOX').length];

describe('messages that are there twice', () => {
  it('are found by content, the one that stays first, and by Message-ID alone', async () => {
    const rig = await synced(({ remote }) => {
      remote.add('INBOX', one, [], 2_000);
      remote.add('INBOX', one, [], 1_000);
      remote.add('INBOX', otherOne);
      remote.add('INBOX', two);
    });
    const groups = await groupsOf(rig);
    expect(groups.map(({ by, copies }) => [by, copies.length])).toEqual([
      ['content', 2],
      ['message-id', 2],
    ]);
    const dates = groups[0]!.copies.map(({ row }) => row.date);
    expect(dates).toEqual([1_000, 2_000]);
    expect(planDuplicates(groups, rig.id)).toHaveLength(1);
  });

  it('are none in two mailboxes', async () => {
    const rig = await synced(({ remote }) => {
      remote.createMailbox('Work');
      remote.add('INBOX', one);
      remote.add('Work', one);
    });
    expect(await groupsOf(rig)).toEqual([]);
  });

  it('are found the same when the mailbox does not fit into memory', async () => {
    const rig = await synced(({ remote }) => {
      for (let number = 0; number < 12; number++)
        for (let copy = 0; copy <= number % 3; copy++) remote.add('INBOX', message({ id: `n${number}` }));
    });
    const found = async (atOnce: number) => {
      const groups: DuplicateGroup[] = [];
      await rig.run(async ({ store }) => {
        for await (const group of findDuplicates(store, undefined, atOnce)) groups.push(group);
      });
      return groups.map(({ by, copies }) => [by, ...copies.map(({ row }) => row.key)].join()).sort();
    };
    const whole = await found(1000);
    expect(whole).toHaveLength(8);
    expect(await found(3)).toEqual(whole);
  });

  it('the marked one stays, and what is marked differently is left to a person', async () => {
    const rig = await synced(({ remote }) => {
      remote.add('INBOX', one, [], 1_000);
      remote.add('INBOX', one, ['\\Flagged'], 2_000);
      remote.add('INBOX', one, ['\\Answered'], 3_000);
    });
    const [group] = await groupsOf(rig);
    expect(group?.copies.map(({ row, stays }) => [row.date, stays !== undefined])).toEqual([
      [2_000, false],
      [3_000, true],
      [1_000, false],
    ]);
    expect(await planOf(rig)).toHaveLength(1);
  });

  it('that are on the local side only wait for a sync', async () => {
    const rig = await synced(({ remote }) => remote.add('INBOX', one));
    rig.local.add('INBOX', one);
    const [group] = await groupsOf(rig);
    expect(group?.copies[1]?.stays).toMatch(/sync comes first/);
    expect(await planOf(rig)).toEqual([]);
  });
});

describe('a plan that removes what is there twice', () => {
  it('leaves one copy of each on both sides, the rest in the attic, and nothing to do', async () => {
    const rig = await synced(({ remote }) => {
      for (let copy = 0; copy < 3; copy++) remote.add('INBOX', one);
      remote.add('INBOX', two);
    });
    const actions = await planOf(rig);
    expect(actions.map(({ op }) => op)).toEqual(['delete-local', 'delete-local']);
    const { counts: done } = await rig.apply(actions);
    expect(done).toMatchObject({ done: 2 });
    expect(counts(rig)).toEqual([2, 4]);
    expect(rig.local.attic.size).toBe(2);
    await rig.sync();
    expect(counts(rig)).toEqual([2, 2]);
    expect((await rig.plan()).actions).toEqual([]);
    expect((await rig.apply(actions)).counts).toMatchObject({ done: 0, already: 2 });
    expect(counts(rig)).toEqual([2, 2]);
  });

  it('never removes the last copy: of lines that keep one another one is skipped', async () => {
    const rig = await synced(({ remote }) => {
      remote.add('INBOX', one, [], 1_000);
      remote.add('INBOX', one, [], 2_000);
    });
    const [group] = await groupsOf(rig);
    const turned: DuplicateGroup = { ...group!, copies: [...group!.copies].reverse() };
    const both = [...planDuplicates([group!], rig.id), ...planDuplicates([turned], rig.id)];
    expect(both).toHaveLength(2);
    expect((await rig.apply(both)).counts).toMatchObject({ done: 1, skipped: 1 });
    await rig.sync();
    expect(counts(rig)).toEqual([1, 1]);
    expect((await rig.apply(both)).counts.done).toBe(0);
    expect(counts(rig)).toEqual([1, 1]);
  });

  it.each<[what: string, change: (rig: Rig, action: Action) => void]>([
    ['what stays is gone', (rig, { keep }) => rig.local.remove('INBOX', keep!.local.key)],
    ['what stays is gone on the remote', (rig, { keep }) => rig.remote.remove('INBOX', keep!.remote.key)],
    ['what stays was changed', (rig, { keep }) => rig.local.edit('INBOX', keep!.local.key, otherOne)],
    ['what goes was changed', (rig, { local }) => rig.local.edit('INBOX', local!.key, otherOne)],
    ['what goes is gone on the remote', (rig, { remote }) => rig.remote.remove('INBOX', remote!.key)],
    [
      'what goes was flagged',
      (rig, { local }) => rig.local.flag('INBOX', local!.key, { add: ['\\Flagged'] }),
    ],
    ['the remote copies differ', (rig, { keep }) => rig.remote.edit('INBOX', keep!.remote.key, otherOne)],
  ])('is skipped when %s', async (_what, change) => {
    const rig = await synced(({ remote }) => {
      remote.add('INBOX', one, [], 1_000);
      remote.add('INBOX', one, [], 2_000);
    });
    const actions = await planOf(rig);
    change(rig, actions[0]!);
    const before = counts(rig);
    expect((await rig.apply(actions)).counts).toMatchObject({ done: 0, skipped: 1 });
    expect(counts(rig)).toEqual(before);
    expect(rig.local.attic.size).toBe(0);
  });

  it('killed before or after any step comes to the same in the end', async () => {
    for (const when of ['before', 'after'] as const) {
      for (let at = 1; ; at++) {
        const rig = await synced(({ remote }) => {
          for (let copy = 0; copy < 3; copy++) remote.add('INBOX', one);
        });
        const actions = await planOf(rig);
        const seam = new CrashSeam(at, when);
        await rig.apply(actions, {}, seam).catch(() => undefined);
        if (!seam.crashed) {
          expect(at).toBeGreaterThan(5);
          break;
        }
        await rig.apply(actions);
        await rig.sync();
        await rig.sync();
        expect(counts(rig), seam.where).toEqual([1, 1]);
      }
    }
  });

  it('whose line was edited, or names half of what stays, is refused', async () => {
    const rig = await synced(({ remote }) => {
      remote.add('INBOX', one);
      remote.add('INBOX', one);
    });
    const actions = planDuplicates(await groupsOf(rig), rig.id);
    const header = { repository: rig.id, remote: '', local: '', created: '', blocked: 0 };
    const line = JSON.parse([...planLines(header, actions)][1]!) as Record<string, unknown>;
    const refused = async (edited: Record<string, unknown>) => {
      async function* chunks() {
        yield JSON.stringify(edited);
      }
      return readPlan(chunks(), rig.id).then(
        () => 'read',
        (error: Error) => error.message,
      );
    };
    const { keepFile, ...half } = line;
    expect(keepFile).toBeDefined();
    expect(await refused(half)).toMatch(/what is kept needs both its ends/);
    expect(await refused({ ...line, keepFile: 'another' })).toMatch(/"id" does not belong/);
    expect(await refused({ ...line, op: 'delete-remote' })).toMatch(/keeps nothing/);
  });
});
