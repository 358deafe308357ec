import { cpSync } from 'node:fs';
import { makePlan } from '@postern/core/api/plan.js';
import { type SyncReport, sync } from '@postern/core/api/sync.js';
import type { SideName } from '@postern/core/model/by-side.js';
import type { Effect, Seam } from '@postern/core/model/effect.js';
import { mailboxName } from '@postern/core/model/mailbox.js';
import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';
import { CrashSeam } from '../../support/seam.js';
import { TemporaryMaildir } from '../maildir/temporary-maildir.js';

/** A Maildir of layout fs with a mailbox inside another one, in step with its remote; everything has one message. */
async function nested() {
  const rig = await Rig.create();
  rig.remote.add('INBOX', message({ id: 'in' }));
  for (const mailbox of ['Work', 'Work/below', 'Level/inside']) {
    rig.remote.createMailbox(mailbox);
    rig.remote.add(mailbox, message({ id: mailbox.replace('/', '-') }));
  }
  const maildir = await TemporaryMaildir.make('fs');
  const world = worldOf(rig, maildir);
  await world.run();
  return world;
}

function worldOf(rig: Rig, maildir: TemporaryMaildir) {
  const run = (seam?: Seam): Promise<SyncReport> =>
    rig.run(repository => {
      const local = maildir.side(seam === undefined ? {} : { seam });
      return sync({ ...repository, sides: { remote: repository.sides.remote, local } });
    }, seam);
  return { rig, maildir, run };
}

/** An equal world that goes its own way from here on. */
async function copyOf({ rig, maildir }: Nested): Promise<Nested> {
  const copy = await TemporaryMaildir.make('fs');
  cpSync(maildir.root, copy.root, { recursive: true, preserveTimestamps: true });
  return worldOf(await rig.clone(), copy);
}

type Nested = ReturnType<typeof worldOf>;

async function holdings({ rig, maildir }: Nested): Promise<Record<SideName, string[]>> {
  const side = maildir.side();
  const local: string[] = [];
  for (const { mailbox, selectable } of (await side.list()).entries) {
    if (!selectable) continue;
    const { rows } = await side.snapshot(mailbox, undefined);
    for (const { identity } of rows.values()) local.push(`${mailbox} ${identity.messageId}`);
  }
  const remote = [...rig.remote.mailboxes].flatMap(([mailbox, { messages }]) =>
    [...messages.values()].map(({ identity }) => `${mailbox} ${identity.messageId}`),
  );
  return { remote: remote.sort(), local: local.sort() };
}

/** What somebody does on the server; each ends in renames here that cannot be one step. */
const RENAMES: readonly (readonly [string, (world: Rig['remote']) => void])[] = [
  ['leaves the one inside it', world => world.renameMailbox('Work', 'Other')],
  [
    'takes the one inside it along',
    world => {
      world.renameMailbox('Work', 'Other');
      world.renameMailbox('Work/below', 'Other/below');
    },
  ],
  ['goes to a level that is there', world => world.renameMailbox('Work', 'Level')],
  ['goes into itself', world => world.renameMailbox('Work', 'Work/now')],
];

describe.each(RENAMES)('a rename in layout fs that %s', (_what, rename) => {
  it('is finished by the next sync, wherever it was cut short, and no byte travels', {
    timeout: 120_000,
  }, async () => {
    let met = 0;
    const ready = await nested();
    for (let at = 1; ; at++) {
      const world = await copyOf(ready);
      const { rig, run } = world;
      rename(rig.remote);
      const isStep = ({ surface, target }: Effect) => surface === 'fs' && /Work|Other|Level/.test(target);
      const seam = new CrashSeam(at, 'before', isStep);
      await run(seam).catch(() => undefined);
      if (!seam.crashed) break;
      met++;
      rig.remote.traffic.read = 0;
      const { apply } = await run();
      const { remote, local } = await holdings(world);
      expect(local, seam.where).toEqual(remote);
      expect(remote, seam.where).toHaveLength(4);
      expect(rig.remote.traffic.read, seam.where).toBe(0);
      expect(apply.counts, seam.where).toMatchObject({ failed: 0, skipped: 0, held: 0 });
      if (at % 3 !== 0) continue;
      const again = await run();
      expect([again.plan.actions, again.plan.problems], seam.where).toEqual([[], []]);
    }
    expect(met).toBeGreaterThan(15);
  });
});

describe('a rename in layout fs that was cut short', () => {
  async function cutShort() {
    const world = await nested();
    world.rig.remote.renameMailbox('Work', 'Other');
    const isPart = ({ name, target }: { name: string; target: string }) =>
      name === 'rename' && target.endsWith('Other/cur');
    await world.run(new CrashSeam(1, 'before', isPart)).catch(() => undefined);
    return world;
  }

  it('is left as it is by a plan, and by a mark that somebody made up', async () => {
    const { rig, maildir } = await cutShort();
    const before = maildir.names('Other');
    const plan = await rig.run(repository =>
      makePlan({ ...repository, sides: { remote: repository.sides.remote, local: maildir.side() } }),
    );
    expect(plan.problems.map(({ mailbox }) => mailbox)).toEqual(expect.arrayContaining(['Other', 'Work']));
    expect(maildir.names('Other')).toEqual(before);
    for (const mark of ['', '{}', 'not JSON', '{"version":1,"from":"Level/inside","to":"Work/below"}\n']) {
      maildir.put('Other', '.postern-renaming', mark);
      maildir.put('Work', '.postern-renaming', mark);
      expect(await maildir.side().finishRenames()).toEqual([]);
      expect(maildir.names('Level/inside')).toContain('cur');
    }
    expect(rig.remote.contents('Other')).toHaveLength(1);
  });

  it('is told where it cannot be finished, and everything else goes on', async () => {
    const { rig, maildir, run } = await cutShort();
    const [file] = maildir.names('Other/new');
    maildir.put('Work/new', file!, 'another message under the same name');
    rig.remote.add('INBOX', message({ id: 'late' }));
    const { apply } = await run();
    expect(apply.problems).toContainEqual({ mailbox: 'Other', reason: expect.stringContaining('both') });
    expect(apply.counts).toMatchObject({ done: 1 });
    const side = maildir.side();
    expect((await side.snapshot(mailboxName('INBOX'), undefined)).rows.size).toBe(2);
  });
});
