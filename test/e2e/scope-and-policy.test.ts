import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../support/dovecot.js';
import { ImapUser } from '../support/imap-user.js';
import { message } from '../support/messages.js';
import { jsonLines, namesIn, postern } from './cli-command.js';

const directory = mkdtempSync(join(tmpdir(), 'postern-scope-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe.skipIf(dovecotMissing())(withDovecot('scope and policy on a real server'), () => {
  let dovecot: Dovecot;
  let user: ImapUser;
  let root: string;
  let config: string;
  let count = 0;

  beforeAll(async () => {
    dovecot = await startDovecot();
  });

  afterAll(() => dovecot.stop());

  /** An account with INBOX, Lists and Lists/dev, and a repository in step with it. */
  beforeEach(async () => {
    const name = `scope${++count}`;
    root = join(directory, name);
    user = await ImapUser.login(dovecot.port, name, dovecot.password);
    for (const mailbox of ['Lists', 'Lists/dev']) {
      await user.command(`CREATE "${mailbox}"`);
      await user.command(`SUBSCRIBE "${mailbox}"`);
    }
    for (const mailbox of ['INBOX', 'Lists', 'Lists/dev'])
      for (const id of ['a', 'b']) await user.append(mailbox, message({ id: `${mailbox}-${id}` }));
    const made = await postern([
      ...['init', root, '--remote', `imaps://${name}@127.0.0.1:${dovecot.tlsPort}`],
      ...['--ca', dovecot.caFile, '--password-command', `printf %s ${dovecot.password}`],
    ]);
    expect(made).toMatchObject({ exit: 0 });
    config = join(root, '.postern', 'config.toml');
    await good('sync');
    return () => user.logout();
  });

  const run = (...args: string[]) => postern(args, { cwd: root });

  async function good(...args: string[]): Promise<string> {
    const { exit, stdout, stderr } = await run(...args);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    return stdout;
  }

  /** What the next plan would do. */
  async function planned(): Promise<unknown[]> {
    await run('fetch');
    const { stdout } = await run('plan');
    return jsonLines(stdout)
      .slice(1)
      .map(({ op }) => op);
  }

  const onServer = async (mailbox: string) => (await user.contents(mailbox)).length;
  const here = (mailbox: string) => namesIn(join(root, mailbox));

  /** A mail reader here removes every message of a mailbox. */
  function removeFiles(mailbox: string): void {
    for (const part of ['cur', 'new']) {
      for (const name of readdirSync(join(root, mailbox, part))) rmSync(join(root, mailbox, part, name));
    }
  }

  it('a mailbox that is excluded loses nothing on either side, and transfers nothing when it is back', async () => {
    const before = here('.Lists.dev');
    const original = readFileSync(config, 'utf8');
    appendFileSync(config, '\n[scope]\nexclude = ["Lists/**"]\n');
    expect(await good('fsck')).toBe('No damage found\n');
    const first = await run('sync');
    expect(first).toMatchObject({ exit: 0 });
    expect(first.stderr).toMatch(/the scope changed: .*nothing is deleted: Lists\/dev\n$/);
    await good('sync');
    expect(await run('fsck')).toMatchObject({ exit: 0 });
    expect(await onServer('Lists/dev')).toBe(2);
    expect(here('.Lists.dev')).toEqual(before);
    expect((await run('sync', 'Lists/dev')).stderr).toContain('neither side has a mailbox "Lists/dev"');

    writeFileSync(config, original);
    await run('fetch');
    expect(await planned()).toEqual(['pair', 'pair']);
    await good('sync');
    expect(await planned()).toEqual([]);
    expect(await onServer('Lists/dev')).toBe(2);
    expect(here('.Lists.dev')).toEqual(before);
  });

  it('an unsubscribed mailbox is left alone, and a new one from here is subscribed', async () => {
    appendFileSync(config, '\n[scope]\nsubscribed = true\n');
    expect((await run('sync')).exit).toBe(0);
    await user.command('UNSUBSCRIBE "Lists/dev"');
    expect((await run('sync')).stderr).toContain('Lists/dev: the remote is not subscribed to it');
    expect(await planned()).toEqual([]);
    expect(await onServer('Lists/dev')).toBe(2);
    expect(here('.Lists.dev')).toHaveLength(2);
    expect(await run('fsck')).toMatchObject({ exit: 0 });

    for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(root, '.Mine', part), { recursive: true });
    writeFileSync(join(root, '.Mine', 'cur', '1790000000.M1P1Q1.here:2,S'), message({ id: 'mine' }));
    await good('sync');
    expect(await onServer('Mine')).toBe(1);
    expect(await planned()).toEqual([]);

    await user.command('SUBSCRIBE "Lists/dev"');
    expect(await planned()).toEqual(['pair', 'pair']);
    await good('sync');
    expect(await planned()).toEqual([]);
  });

  it('a mapped mailbox has its own name here', async () => {
    appendFileSync(config, '\n[map]\n"Work" = "Projects/now"\n');
    await user.command('CREATE "Work"');
    await user.append('Work', message({ id: 'w' }));
    await good('sync');
    expect(here('.Projects.now')).toHaveLength(1);
    removeFiles('.Projects.now');
    await good('sync');
    expect(await onServer('Work')).toBe(0);
    expect(await planned()).toEqual([]);
  });

  it('a backup keeps what is deleted on the server, and sends nothing', async () => {
    const example = readFileSync(new URL('../../docs/examples/backup.toml', import.meta.url), 'utf8');
    appendFileSync(config, `\n${example.slice(example.indexOf('[sync.remote-to-local]'))}`);
    for (const { uid } of await user.contents('INBOX')) await user.expunge('INBOX', uid);
    await user.append('INBOX', message({ id: 'fresh' }));
    await user.command('DELETE "Lists/dev"');
    for (let round = 0; round < 3; round++) expect((await run('sync')).exit).toBe(0);
    expect(here('.')).toHaveLength(3);
    expect(here('.Lists.dev')).toHaveLength(2);
    expect(await onServer('INBOX')).toBe(1);
    expect(await planned()).toEqual([]);
    const status = await run('status');
    expect(status.stdout).toContain('5 changes that [sync] in the configuration does not allow');
    expect((await run('plan')).stderr).toContain('not planned: 5 changes');
  });

  it('a deletion that only marks leaves the message to the server, and gives it back when the mark goes', async () => {
    appendFileSync(config, '\n[sync.delete]\nremote = "mark"\n');
    removeFiles('.Lists');
    await good('sync');
    const there = await user.contents('Lists');
    expect(there.map(({ flags }) => flags)).toEqual([['\\Deleted'], ['\\Deleted']]);
    expect(await planned()).toEqual([]);
    for (const { uid } of there) await user.store('Lists', uid, '-FLAGS (\\Deleted)');
    expect((await run('sync')).exit).toBe(0);
    expect(here('.Lists')).toHaveLength(2);
    expect(await planned()).toEqual([]);
  });
});
