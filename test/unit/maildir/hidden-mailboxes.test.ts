import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type SyncReport, sync } from '@postern/core/api/sync.js';
import { mailboxName } from '@postern/core/model/mailbox.js';
import type { MaildirLayout } from '@postern/core/side/maildir/layout.js';
import { describe, expect, it } from 'vitest';
import { hookedSide } from '../../support/hooked-side.js';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';
import { fileBytes, TemporaryMaildir, temporaryDirectory } from './temporary-maildir.js';

const SENT = mailboxName('Sent');
const DEV = mailboxName('Lists/dev');

/** A Maildir that holds the same mail as the remote. */
async function synced(layout: MaildirLayout) {
  const rig = await Rig.create();
  rig.remote.add('INBOX', message({ id: 'a' }));
  for (const mailbox of [SENT, DEV]) rig.remote.createMailbox(mailbox);
  rig.remote.add(SENT, message({ id: 'b' }));
  rig.remote.add(DEV, message({ id: 'c' }));
  const maildir = await TemporaryMaildir.make(layout);
  const run = (): Promise<SyncReport> =>
    rig.run(repository => {
      const sides = { remote: repository.sides.remote, local: maildir.side() };
      return sync({ ...repository, sides });
    });
  await run();
  return { rig, maildir, run };
}

/** What a disk leaves that is not mounted any more. */
const LEFT: readonly (readonly [string, (place: string) => void])[] = [
  ['an empty directory', place => mkdirSync(place)],
  ['a link to nothing', place => symlinkSync(join(place, 'nowhere'), place)],
];

describe.each(['maildir++', 'fs'] as const)('P1: a mailbox of layout %s', layout => {
  it.each(LEFT)('of which there is only %s was not deleted', async (_what, leave) => {
    const { rig, maildir, run } = await synced(layout);
    const place = maildir.path(layout === 'fs' ? 'Sent' : '.Sent');
    const elsewhere = join(temporaryDirectory(), 'Sent');
    renameSync(place, elsewhere);
    leave(place);
    for (let round = 0; round < 3; round++) {
      const { apply, plan } = await run();
      expect(apply.counts).toMatchObject({ done: 0, failed: 0, skipped: 0 });
      expect(plan.blocked.map(({ mailbox }) => mailbox)).toEqual([SENT]);
      expect(plan.problems).toContainEqual({
        mailbox: SENT,
        reason: expect.stringMatching(/out of sight|symbolic link/),
      });
    }
    expect(rig.remote.contents(SENT)).toHaveLength(1);

    rmSync(place, { recursive: true });
    renameSync(elsewhere, place);
    expect((await run()).apply.counts).toMatchObject({ done: 0, failed: 0, skipped: 0 });
  });

  it('that is really gone is deleted at the second look', async () => {
    const { rig, maildir, run } = await synced(layout);
    rmSync(maildir.path(layout === 'fs' ? 'Sent' : '.Sent'), { recursive: true });
    await run();
    await run();
    expect([...rig.remote.mailboxes.keys()]).not.toContain(SENT);
  });
});

/** What may be left of a level whose disk is not mounted. */
const LEFT_ABOVE: readonly (readonly [string, (maildir: TemporaryMaildir) => void])[] = [
  ['is empty', maildir => mkdirSync(maildir.path('Lists'))],
  ['holds what a file manager left', maildir => maildir.put('Lists', '.directory', 'x')],
  ['holds an empty directory', maildir => mkdirSync(maildir.path('Lists/dev'), { recursive: true })],
  [
    'got a new mailbox meanwhile',
    maildir => {
      for (const part of ['new', 'tmp']) mkdirSync(maildir.path('Lists/fresh', part), { recursive: true });
      maildir.put('Lists/fresh/cur', '9.z:2,', fileBytes('z'));
    },
  ],
];

describe('P1: a level of layout fs above mailboxes', () => {
  it.each(LEFT_ABOVE)('that %s, for its disk is gone, takes none of them along', async (_what, leave) => {
    const { rig, maildir, run } = await synced('fs');
    const elsewhere = join(temporaryDirectory(), 'Lists');
    renameSync(maildir.path('Lists'), elsewhere);
    leave(maildir);
    for (let round = 0; round < 3; round++) {
      const { plan } = await run();
      expect(plan.blocked.map(({ mailbox }) => mailbox)).toContain(DEV);
      expect(plan.actions).toEqual([]);
      expect(plan.problems).toContainEqual({
        mailbox: DEV,
        reason: expect.stringMatching(/^it is out of sight: .*remove the directory/),
      });
    }
    expect(rig.remote.contents(DEV)).toHaveLength(1);

    rmSync(maildir.path('Lists'), { recursive: true });
    renameSync(elsewhere, maildir.path('Lists'));
    await run();
    expect(rig.remote.contents(DEV)).toHaveLength(1);
    expect(maildir.names('Lists/dev/cur').concat(maildir.names('Lists/dev/new'))).toHaveLength(1);
  });

  it('is let go when a person says so by its mark', async () => {
    const { rig, maildir, run } = await synced('fs');
    renameSync(maildir.path('Lists'), join(temporaryDirectory(), 'Lists'));
    maildir.put('Lists', 'notes.txt', 'x');
    for (let round = 0; round < 3; round++) await run();
    expect(rig.remote.contents(DEV)).toHaveLength(1);
    maildir.put('Lists', '.postern-level', '');
    for (let round = 0; round < 2; round++) await run();
    expect([...rig.remote.mailboxes.keys()]).not.toContain(DEV);
  });

  it('whose disk is gone gets no mailbox made where that was', async () => {
    const { rig, maildir, run } = await synced('fs');
    const elsewhere = join(temporaryDirectory(), 'Lists');
    renameSync(maildir.path('Lists'), elsewhere);
    mkdirSync(maildir.path('Lists'));
    rig.remote.createMailbox('Lists/more');
    rig.remote.add('Lists/more', message({ id: 'more' }));
    const { apply } = await run();
    expect(apply.counts).toMatchObject({ done: 0, skipped: 2 });
    expect(maildir.names('Lists')).toEqual([]);
    rmSync(maildir.path('Lists'), { recursive: true });
    renameSync(elsewhere, maildir.path('Lists'));
    expect((await run()).apply.counts).toMatchObject({ done: 2, skipped: 0 });
  });

  it.each([
    ['with all that is in it', 'Lists'],
    ['but for the level itself', 'Lists/dev'],
  ])('that a person removed %s is deleted on the other side', async (_what, gone) => {
    const { rig, maildir, run } = await synced('fs');
    rmSync(maildir.path(gone), { recursive: true });
    await run();
    const { plan } = await run();
    expect(plan.actions.map(({ op, mailbox }) => [op, mailbox])).toEqual([
      ['delete-remote', DEV],
      ['delete-mailbox-remote', DEV],
    ]);
    expect([...rig.remote.mailboxes.keys()]).not.toContain(DEV);
  });

  it('of which another mailbox is left is known again by that one', async () => {
    const { rig, maildir, run } = await synced('fs');
    const other = mailboxName('Lists/users');
    rig.remote.createMailbox(other);
    rig.remote.add(other, message({ id: 'u' }));
    await run();
    rmSync(maildir.path('Lists/.postern-level'));
    rmSync(maildir.path('Lists/dev'), { recursive: true });
    await run();
    await run();
    expect([...rig.remote.mailboxes.keys()]).not.toContain(DEV);
    expect(rig.remote.contents(other)).toHaveLength(1);
  });

  it('that is a mailbox itself, and empty now, takes none of those inside it along', async () => {
    const { rig, maildir, run } = await synced('fs');
    const inside = mailboxName('Sent/2026');
    rig.remote.createMailbox(inside);
    rig.remote.add(inside, message({ id: 'i' }));
    await run();
    renameSync(maildir.path('Sent'), join(temporaryDirectory(), 'Sent'));
    mkdirSync(maildir.path('Sent'));
    for (let round = 0; round < 3; round++) await run();
    expect(rig.remote.contents(inside)).toHaveLength(1);
    expect(rig.remote.contents(SENT)).toHaveLength(1);
  });

  it('is let go where mailboxes that never had a witness are left in it', async () => {
    const { rig, maildir, run } = await synced('fs');
    for (const name of ['Empty/one', 'Empty/two']) rig.remote.createMailbox(name);
    await run();
    rmSync(maildir.path('Empty/one'), { recursive: true });
    await run();
    await run();
    expect([...rig.remote.mailboxes.keys()].filter(name => name.startsWith('Empty'))).toEqual(['Empty/two']);
  });
});

describe('P1: in layout fs', () => {
  it('mailboxes whose level was moved behind a link are not deleted', async () => {
    const { rig, maildir, run } = await synced('fs');
    const elsewhere = join(temporaryDirectory(), 'Lists');
    renameSync(maildir.path('Lists'), elsewhere);
    symlinkSync(elsewhere, maildir.path('Lists'));
    for (let round = 0; round < 3; round++) await run();
    expect(rig.remote.contents(DEV)).toHaveLength(1);
  });

  it('an INBOX that is an empty directory keeps its mail on the other side', async () => {
    const { rig, maildir, run } = await synced('fs');
    rmSync(maildir.path('INBOX'), { recursive: true });
    mkdirSync(maildir.path('INBOX'));
    for (let round = 0; round < 3; round++) await run();
    expect(rig.remote.contents('INBOX')).toHaveLength(1);
  });

  it('an empty directory that never was a mailbox is no obstacle to one', async () => {
    const { rig, maildir, run } = await synced('fs');
    mkdirSync(maildir.path('New'));
    rig.remote.createMailbox('New');
    rig.remote.add('New', message({ id: 'd' }));
    expect((await run()).apply.counts).toMatchObject({ done: 2, failed: 0, skipped: 0 });
    expect(maildir.names('New')).toContain('cur');
  });
});

describe('P1: a disk that goes while mailboxes are made', () => {
  it.each([
    ['fs', 'Lists', 'Lists/p'],
    ['maildir++', '', '.p'],
  ] as const)(
    'hides what is to be made after that (layout %s, disk of "%s")',
    async (layout, level, made) => {
      const { rig, maildir, run } = await synced(layout);
      const names = ['p', 'q', 'r'].map(name => mailboxName(layout === 'fs' ? `Lists/${name}` : name));
      for (const name of names) {
        rig.remote.createMailbox(name);
        rig.remote.add(name, message({ id: name }));
      }
      const elsewhere = join(temporaryDirectory(), 'disk');
      const place = maildir.path(level);
      // Right after the first one was made and looked at.
      const side = maildir.side();
      const local = hookedSide(side, call => {
        if (call !== 'list' || existsSync(elsewhere) || !existsSync(maildir.path(made))) return;
        renameSync(place, elsewhere);
        mkdirSync(place);
      });
      const { apply } = await rig.run(repository =>
        sync({ ...repository, sides: { remote: repository.sides.remote, local } }),
      );
      expect(apply.stopped?.code).toBe(layout === 'fs' ? undefined : 'side-missing');
      // An empty root may be a new Maildir; one with a mailbox and without INBOX is none.
      expect(readdirSync(place)).toEqual(layout === 'fs' ? [] : ['.q']);
      for (let round = 0; round < 3; round++) await run().catch(() => undefined);
      for (const name of [...names, DEV]) expect(rig.remote.contents(name), name).toHaveLength(1);

      rmSync(place, { recursive: true });
      renameSync(elsewhere, place);
      for (let round = 0; round < 3; round++) await run();
      for (const name of [...names, DEV]) expect(rig.remote.contents(name), name).toHaveLength(1);
      expect((await run()).plan.actions).toEqual([]);
    },
  );

  it('is not one that was never there: several mailboxes are made below an empty directory', async () => {
    const { rig, maildir, run } = await synced('fs');
    mkdirSync(maildir.path('Work'));
    for (const name of ['Work/A', 'Work/B', 'Work/C']) rig.remote.createMailbox(name);
    expect((await run()).apply.counts).toMatchObject({ done: 3, skipped: 0, failed: 0 });
  });
});
