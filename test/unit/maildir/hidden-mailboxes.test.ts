import { mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type SyncReport, sync } from '@postern/core/api/sync.js';
import { mailboxName } from '@postern/core/model/mailbox.js';
import type { MaildirLayout } from '@postern/core/side/maildir/layout.js';
import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';
import { TemporaryMaildir, temporaryDirectory } from './temporary-maildir.js';

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
