import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../support/dovecot.js';
import { ImapUser } from '../support/imap-user.js';
import { message } from '../support/messages.js';
import { addMail, jsonLines, makeMailbox, namesIn, postern } from './cli-command.js';

const directory = mkdtempSync(join(tmpdir(), 'postern-alike-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Runs commands in a repository that must go well without a word on stderr. */
function commandsIn(root: string) {
  return async (...args: string[]): Promise<string> => {
    const { exit, stdout, stderr } = await postern(args, { cwd: root });
    expect({ args, exit, stderr }).toEqual({ args, exit: 0, stderr: '' });
    return stdout;
  };
}

describe.skipIf(dovecotMissing())(withDovecot('two accounts of servers'), () => {
  let dovecot: Dovecot;
  let old: ImapUser;
  let now: ImapUser;
  let root: string;
  let good: ReturnType<typeof commandsIn>;

  beforeAll(async () => {
    dovecot = await startDovecot();
    old = await ImapUser.login(dovecot.port, 'old', dovecot.password);
    now = await ImapUser.login(dovecot.port, 'now', dovecot.password);
    root = join(directory, 'accounts');
    const url = (user: string) => `imaps://${user}@127.0.0.1:${dovecot.tlsPort}`;
    const command = `printf %s ${dovecot.password}`;
    const made = await postern([
      ...['init', root, '--remote', url('old'), '--ca', dovecot.caFile, '--password-command', command],
      ...['--local', url('now'), '--local-ca', dovecot.caFile, '--local-password-command', command],
    ]);
    expect(made).toMatchObject({ exit: 0, stderr: '' });
    good = commandsIn(root);
  });

  afterAll(async () => {
    await old.logout();
    await now.logout();
    await dovecot.stop();
  });

  /** Message-IDs with flags, sorted. */
  const holds = async (user: ImapUser, mailbox: string) =>
    (await user.contents(mailbox))
      .map(({ bytes, flags }) => `${/Message-ID: <(.*?)@/.exec(bytes.toString())?.[1]} ${flags.join(' ')}`)
      .sort();

  const planned = async () => {
    await good('fetch');
    return jsonLines(await good('plan')).slice(1);
  };

  it('are brought together, and only .postern is kept here', async () => {
    await old.append('INBOX', message({ id: 'a' }), ['\\Seen']);
    await old.append('INBOX', message({ id: 'both' }));
    await now.append('INBOX', message({ id: 'both' }), ['\\Flagged']);
    await now.append('INBOX', message({ id: 'b' }));
    await old.command('CREATE Work');
    await old.append('Work', message({ id: 'w' }));
    await good('sync');
    expect(await holds(now, 'INBOX')).toEqual(['a \\Seen', 'b ', 'both \\Flagged']);
    expect(await holds(old, 'INBOX')).toEqual(['a \\Seen', 'b ', 'both \\Flagged']);
    expect(await holds(now, 'Work')).toEqual(['w ']);
    expect(await planned()).toEqual([]);
    expect(readdirSync(root)).toEqual(['.postern']);
  });

  it('carry deletions, flags and moves in both directions, by plans in a file too', async () => {
    const uidOf = async (user: ImapUser, id: string) =>
      (await user.contents('INBOX')).find(({ bytes }) => bytes.includes(`<${id}@`))!.uid;
    await now.expunge('INBOX', await uidOf(now, 'a'));
    await old.move('INBOX', await uidOf(old, 'b'), 'Work');
    await now.store('INBOX', await uidOf(now, 'both'), '+FLAGS (\\Answered)');
    await good('fetch');
    const plan = join(directory, 'two.plan');
    await good('plan', '-o', plan);
    expect(jsonLines(readFileSync(plan, 'utf8')).map(({ op }) => op)).toEqual([
      'plan',
      'move-local',
      'flag-remote',
      'delete-remote',
    ]);
    await good('apply', plan);
    for (const user of [old, now]) {
      expect(await holds(user, 'INBOX')).toEqual(['both \\Answered \\Flagged']);
      expect(await holds(user, 'Work')).toEqual(['b ', 'w ']);
    }
    expect(await planned()).toEqual([]);
    expect(await good('fsck')).toBe('No damage found\n');
  });

  it('are rebuilt from nothing without a message sent', async () => {
    rmSync(join(root, '.postern', 'state'), { recursive: true });
    const { exit } = await postern(['fsck', '--repair'], { cwd: root });
    expect(exit).toBe(0);
    expect(await planned()).toEqual([]);
    expect(await holds(now, 'Work')).toEqual(['b ', 'w ']);
  });

  it('another local account than the state was made with is refused', async () => {
    const config = join(root, '.postern', 'config.toml');
    const text = readFileSync(config, 'utf8');
    writeFileSync(config, text.replace('//now@', '//other@'));
    const { exit, stderr } = await postern(['sync'], { cwd: root });
    writeFileSync(config, text);
    expect(exit).toBe(4);
    expect(stderr).toContain('the state was made with imaps://now@');
  });
});

describe('two Maildirs', () => {
  it('are kept the same from a directory that is neither', async () => {
    const [one, two, root] = ['one', 'two', 'here'].map(name => join(directory, name)) as [
      string,
      string,
      string,
    ];
    for (const path of [one, two]) makeMailbox(path);
    addMail(one, 1, 'F');
    addMail(two, 2);
    mkdirSync(join(two, '.Work'));
    makeMailbox(join(two, '.Work'));
    addMail(join(two, '.Work'), 3);
    const made = await postern(['init', root, '--local', `maildir:${one}`, '--remote', `maildir:${two}`]);
    expect(made).toMatchObject({ exit: 0, stderr: '' });
    const good = commandsIn(root);
    await good('sync');
    for (const path of [one, two]) {
      expect(namesIn(path)).toHaveLength(2);
      expect(namesIn(join(path, '.Work'))).toHaveLength(1);
    }
    for (const part of ['cur', 'new'])
      for (const name of readdirSync(join(one, '.Work', part))) rmSync(join(one, '.Work', part, name));
    await good('sync');
    expect(namesIn(join(two, '.Work'))).toEqual([]);
    expect(existsSync(join(two, '.postern', 'attic'))).toBe(true);
    expect(await good('fsck')).toBe('No damage found\n');
    expect(readdirSync(root)).toEqual(['.postern']);
  });

  it.each([
    [['--local', `maildir:${directory}`, '--layout', 'fs'], '--layout is about the Maildir in DIR'],
    [['--local', 'imaps://new.example.net'], 'the local URL names no user'],
    [['--local', 'imaps://old@old.example.org'], 'the same'],
    [['--local-ca', 'x.pem'], '--local is missing'],
  ])('init %j makes nothing', async (args, words) => {
    const root = join(directory, 'refused');
    const made = await postern(['init', root, '--remote', 'imaps://old@old.example.org', ...args]);
    expect(made.exit).toBe(64);
    expect(made.stderr).toContain(words);
    expect(existsSync(root)).toBe(false);
  });
});
