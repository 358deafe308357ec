import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../support/dovecot.js';
import { MaildirUser } from '../support/maildir-user.js';
import { message } from '../support/messages.js';
import { AccountWorld } from './account-world.js';

describe.skipIf(dovecotMissing())(withDovecot('fsck --offline'), () => {
  let server: Dovecot;
  let world: AccountWorld;
  let isUp = true;

  beforeAll(async () => {
    server = await startDovecot();
    world = new AccountWorld(server);
    const mailboxes = ['INBOX', 'INBOX', 'INBOX', 'Work', 'Work'];
    await world.fillAccount(
      mailboxes.map((mailbox, at) => ({
        mailbox,
        bytes: message({ subject: `Letter ${at}` }),
        flags: [],
        date: 1_700_000_000_000 + at * 1000,
      })),
    );
    await world.init();
    await world.good(['sync']);
    await server.stop();
    isUp = false;
  }, 120_000);

  afterAll(async () => {
    world?.remove();
    if (isUp) await server?.stop();
  });

  it('examines the state against the last fetch while the server cannot be reached', async () => {
    expect(await world.good(['fsck', '--offline'])).toBe('No damage found\n');
    const { exit, stderr } = await world.run(['fsck']);
    expect({ exit, stderr }).toMatchObject({ exit: 75, stderr: expect.stringContaining('postern') });
  });

  it('asks for no password', async () => {
    const { exit, stdout } = await world.run(['fsck', '--offline'], { env: { POSTERN_PASSWORD: '' } });
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: 'No damage found\n' });
  });

  it('sees what happened to the mail here, and to the state', async () => {
    const user = new MaildirUser(world.local);
    const [first] = user.files('INBOX');
    user.remove('INBOX', first!.split(':2,')[0]!);
    for (const name of user.files('Work')) user.remove('Work', name.split(':2,')[0]!);
    const old = join(world.local, 'tmp', '1.M1P1.host');
    writeFileSync(old, 'half a mess');
    utimesSync(old, 0, 0);
    const { findings } = JSON.parse((await world.run(['fsck', '--offline', '--json'])).stdout);
    expect(findings.map(({ id, mailbox }: { id: string; mailbox: string }) => [id, mailbox])).toEqual([
      ['pair-end-missing', 'INBOX'],
      ['mailbox-emptied', 'Work'],
    ]);
    const text = await world.run(['fsck', '--offline']);
    expect(text.exit).toBe(0);
    expect(text.stdout).toMatch(/No damage found; 1 warning\n$/);
    for (const part of ['cur', 'new', 'tmp']) {
      rmSync(join(world.local, part), { recursive: true });
      mkdirSync(join(world.local, part));
    }
    const emptied = await world.run(['fsck', '--offline']);
    expect(emptied.stdout).toContain('side-emptied');
    expect(emptied.stdout).toMatch(/No damage found; 1 warning\n$/);
  });

  it('tells damage by its exit status, and never repairs', async () => {
    rmSync(join(world.local, '.postern', 'state', 'level', 'CURRENT'));
    const { exit, stdout } = await world.run(['fsck', '--offline']);
    expect(exit).toBe(4);
    expect(stdout).toContain('state-unopenable');
    expect((await world.run(['fsck', '--offline', '--repair'])).exit).toBe(64);
  });
});
