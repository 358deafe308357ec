import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { addMail, ended, jsonLines, namesIn, postern, start, TwoMaildirs } from './cli-command.js';

const worlds: TwoMaildirs[] = [];

async function world(messages: number): Promise<TwoMaildirs> {
  const made = await TwoMaildirs.make(messages);
  worlds.push(made);
  return made;
}

afterEach(() => {
  for (const made of worlds.splice(0)) made.remove();
});

describe('the way from init to an equal pair', () => {
  it('init makes a Maildir and a configuration for its owner only', async () => {
    const { local, config } = await world(0);
    expect(readdirSync(local).sort()).toEqual(['.postern', 'cur', 'new', 'tmp']);
    expect(statSync(config).mode & 0o777).toBe(0o600);
    expect(statSync(join(local, '.postern')).mode & 0o777).toBe(0o700);
  });

  it('init keeps state and lock elsewhere when asked to', async () => {
    const { directory, remote } = await world(1);
    const local = join(directory, 'other');
    const state = join(directory, 'state-of-other');
    const made = await postern([
      'init',
      local,
      '--remote',
      `maildir:${remote}`,
      '--separate-state-dir',
      state,
    ]);
    expect(made.exit).toBe(0);
    expect(readdirSync(join(local, '.postern'))).toEqual(['config.toml']);
    expect((await postern(['-C', local, 'sync'])).exit).toBe(0);
    expect(readdirSync(state)).toEqual(['state']);
  });

  it('before the first fetch status names fetch, and apply does nothing', async () => {
    const made = await world(2);
    expect(await made.good(['status'])).toContain('Next: postern fetch');
    expect(await made.run(['apply', '--yes'])).toMatchObject({ exit: 1, stdout: '' });
  });

  it('fetch, status, plan and apply bring every message over, and then there is nothing to do', async () => {
    const made = await world(3);
    expect(await made.good(['fetch'])).toBe(
      'INBOX: 3 new (of 3)\nFetched: 1 mailbox changed, 3 messages in 1 mailbox\n',
    );
    const status = await made.good(['status']);
    expect(status).toContain('Incoming:\n  INBOX: 3 new\n');
    expect(status).toContain('Next: postern apply');
    expect(await made.run(['status', '--exit-code', '-q'])).toEqual({ exit: 2, stdout: '', stderr: '' });
    expect(jsonLines(await made.good(['plan'])).map(line => line['op'])).toEqual([
      'plan',
      'download',
      'download',
      'download',
    ]);
    expect(await made.good(['apply', '--yes'])).toMatch(/^Applied: 3 done \(operation \S+\)\n$/);
    expect(namesIn(made.local)).toHaveLength(3);
    expect(await made.run(['plan', '--exit-code'])).toMatchObject({ exit: 0 });
    expect(await made.good(['status'])).toContain('Nothing to do: both sides agree.');
  });

  it('sync carries new mail, flags and deletions both ways', async () => {
    const made = await world(3);
    await made.good(['sync']);
    const [first, second] = readdirSync(join(made.local, 'cur')).sort();
    renameSync(join(made.local, 'cur', first!), join(made.local, 'cur', first!.replace(/,S$/, ',FS')));
    unlinkSync(join(made.local, 'cur', second!));
    addMail(made.local, 9);
    addMail(made.remote, 8);
    expect(await made.good(['sync'])).toMatch(/Applied: 4 done/);
    expect(namesIn(made.remote)).toHaveLength(4);
    expect(namesIn(made.local)).toHaveLength(4);
    expect(readdirSync(join(made.remote, 'cur')).filter(name => name.endsWith(':2,FS'))).toHaveLength(1);
    expect(await made.good(['sync'])).toContain('Nothing to do');
  });

  it('P4: a filtered plan does what is left of it, and status shows the rest', async () => {
    const made = await world(4);
    await made.good(['fetch']);
    const lines = (await made.good(['plan'])).split('\n').filter(line => line !== '');
    const some = lines.filter((_, index) => index === 2 || index === 4).join('\n');
    expect(await made.good(['apply', '-'], { input: some })).toContain('Applied: 2 done');
    expect(await made.good(['status'])).toContain('INBOX: 2 new');
  });

  it('P5: a plan applied twice is done already the second time', async () => {
    const made = await world(2);
    await made.good(['fetch']);
    await made.good(['plan', '-o', 'mail.plan'], { cwd: made.directory, env: { POSTERN_DIR: made.local } });
    const plan = join(made.directory, 'mail.plan');
    expect(statSync(plan).mode & 0o777).toBe(0o600);
    expect(readdirSync(made.directory).sort()).toEqual(['Mail', 'mail.plan', 'remote']);
    await made.good(['apply', plan]);
    expect(await made.good(['apply', plan])).toContain('2 already so');
  });

  it('a dry run writes nothing', async () => {
    const made = await world(2);
    await made.good(['fetch']);
    const before = made.mail();
    expect(await made.good(['apply', '--dry-run'])).toBe('Dry run, nothing was written: 2 would be done\n');
    expect(made.mail()).toEqual(before);
  });

  it('a plan of many deletions warns, apply holds them back with 6, and --max-delete lets them pass', async () => {
    const made = await world(60);
    await made.good(['sync']);
    for (const name of readdirSync(join(made.local, 'cur')).slice(0, 30))
      unlinkSync(join(made.local, 'cur', name));
    const plan = await made.run(['plan']);
    expect(plan.exit).toBe(0);
    expect(plan.stderr).toContain('INBOX: 30 deletions of 60 messages');
    const held = await made.run(['sync']);
    expect(held.exit).toBe(6);
    expect(held.stderr).toContain('--max-delete 30');
    expect(namesIn(made.remote)).toHaveLength(60);
    expect((await made.run(['sync', '--max-delete', '30'])).exit).toBe(0);
    expect(namesIn(made.remote)).toHaveLength(30);
  });
});

describe('P7: a state that was lost or damaged', () => {
  it('is found by fsck and rebuilt by --repair; then there is nothing to do', async () => {
    const made = await world(3);
    await made.good(['sync']);
    rmSync(join(made.local, '.postern', 'state'), { recursive: true });
    const before = made.mail();
    const found = await made.run(['fsck']);
    expect(found.exit).toBe(4);
    expect(found.stdout).toContain('error state-missing:');
    expect(found.stdout).toContain('postern fsck --repair');
    expect(await made.good(['fsck', '--repair'])).toContain('Repaired: the state has 3 pairs');
    expect(made.mail()).toEqual(before);
    expect(jsonLines(await made.good(['plan']))).toHaveLength(1);
    expect(await made.good(['fsck'])).toBe('No damage found\n');
    expect(await made.good(['sync'])).toContain('Nothing to do');
  });

  it('fsck --json is one document, and fsck --offline needs no server', async () => {
    const made = await world(1);
    await made.good(['sync']);
    expect(JSON.parse(await made.good(['fsck', '--json']))).toEqual({ findings: [], blocked: [] });
    rmSync(made.remote, { recursive: true });
    expect(await made.good(['fsck', '--offline'])).toBe('No damage found\n');
  });
});

describe('output for programs', () => {
  it('apply --json prints every outcome and then the summary', async () => {
    const made = await world(2);
    await made.good(['fetch']);
    const lines = jsonLines(await made.good(['apply', '--yes', '--json']));
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatchObject({ op: 'download', mailbox: 'INBOX', result: 'done' });
    expect(lines[2]).toMatchObject({ summary: { done: 2, already: 0, skipped: 0, failed: 0, held: 0 } });
  });

  it('status --json and fetch --json are one document each', async () => {
    const made = await world(2);
    expect(JSON.parse(await made.good(['fetch', '--json']))).toMatchObject({ mailboxes: 1, messages: 2 });
    expect(JSON.parse(await made.good(['status', '--json']))).toMatchObject({
      actions: 2,
      incoming: { new: 2 },
      outgoing: {},
      blocked: [],
    });
  });

  it('plan --format json is one document that apply takes', async () => {
    const made = await world(2);
    await made.good(['fetch']);
    const plan = await made.good(['plan', '--format', 'json']);
    expect(JSON.parse(plan)).toMatchObject({ op: 'plan', version: 1, actions: [{}, {}] });
    expect(await made.good(['apply', '-'], { input: plan })).toContain('2 done');
  });

  it('ls-messages and cat-state print JSON lines', async () => {
    const made = await world(2);
    await made.good(['sync']);
    for (const side of ['local', 'remote', 'base']) {
      const lines = jsonLines(await made.good(['ls-messages', '--side', side]));
      expect(lines.map(line => line['mailbox'])).toEqual(['INBOX', 'INBOX']);
    }
    expect(jsonLines(await made.good(['cat-state', '--kind', 'pair', 'INBOX']))).toHaveLength(2);
  });

  it('nothing a message says reaches a terminal as a control character', async () => {
    const made = await world(0);
    const evil = '\u001b]0;owned\u0007\u009b2J\u202e';
    writeFileSync(
      join(made.remote, 'cur', '1790000000.M1P1Q1.example:2,S'),
      `Subject: ${evil}\nFrom: ${evil}\n\nx\n`,
    );
    await made.good(['fetch']);
    const printed = [
      await made.good(['status']),
      await made.good(['status', '--porcelain']),
      await made.good(['plan']),
      await made.good(['ls-messages', '--side', 'remote']),
    ].join('');
    expect(printed).toContain('owned');
    expect(printed).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });

  it('a reader that goes away ends plan quietly', async () => {
    const made = await world(300);
    await made.good(['fetch']);
    const child = start(['plan'], { cwd: made.local });
    child.stdin.end();
    let stderr = '';
    child.stderr.on('data', chunk => {
      stderr += String(chunk);
    });
    await once(child.stdout, 'data');
    child.stdout.destroy();
    const [exit] = await once(child, 'exit');
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
  });
});

describe('who may work in a repository', () => {
  const servers: { readonly server: Server; readonly sockets: Socket[] }[] = [];

  afterEach(() => {
    for (const { server, sockets } of servers.splice(0)) {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });

  /** A repository in which a postern is at work: it waits for a server that says nothing. */
  async function atWork() {
    const server = createServer();
    const sockets: Socket[] = [];
    servers.push({ server, sockets });
    server.on('connection', socket => sockets.push(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { directory } = await world(0);
    const root = join(directory, 'busy');
    const url = `imap://me@127.0.0.1:${port}`;
    expect((await postern(['init', root, '--remote', url, '--tls', 'none'])).exit).toBe(0);
    const env = { POSTERN_PASSWORD: 'x' };
    const connected = once(server, 'connection');
    const child = start(['fetch'], { cwd: root, env });
    const end = ended(child);
    await connected;
    return { root, child, end, lock: join(root, '.postern', 'lock.json') };
  }

  it('a second postern at the same time is told who holds the repository, with 5', async () => {
    const { root, child, end } = await atWork();
    const second = await postern(['status'], { cwd: root });
    expect(second.exit).toBe(5);
    expect(second.stderr).toContain(`pid ${child.pid}`);
    expect(second.stderr).toContain('postern fetch');
    child.kill('SIGTERM');
    await end;
    expect((await postern(['status'], { cwd: root })).exit).toBe(0);
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('%s ends a command with %i and lets go of the repository', async (signal, exit) => {
    const { child, end, lock } = await atWork();
    expect(existsSync(lock)).toBe(true);
    child.kill(signal);
    expect(await end).toEqual({ exit, stdout: '', stderr: '' });
    expect(existsSync(lock)).toBe(false);
  });

  it('the lock of a postern that was killed does not stop the next one', async () => {
    const { root, child, end, lock } = await atWork();
    child.kill('SIGKILL');
    await end;
    expect(existsSync(lock)).toBe(true);
    expect((await postern(['status'], { cwd: root })).exit).toBe(0);
    expect(existsSync(lock)).toBe(false);
  });

  it('a plan goes straight from plan to apply, which does not get in its way', async () => {
    const made = await world(3);
    await made.good(['fetch']);
    const plan = start(['plan'], { cwd: made.local });
    const apply = start(['apply', '-'], { cwd: made.local });
    plan.stdin.end();
    plan.stdout.pipe(apply.stdin);
    expect(await ended(apply)).toMatchObject({ exit: 0, stderr: '' });
    expect(namesIn(made.local)).toHaveLength(3);
  });

  it('the repository is found from a directory below it', async () => {
    const made = await world(1);
    mkdirSync(join(made.local, 'cur', 'deep'));
    expect((await postern(['status'], { cwd: join(made.local, 'cur', 'deep') })).exit).toBe(0);
  });

  it('--version says the version of the package', async () => {
    const manifest = new URL('../../packages/cli/package.json', import.meta.url);
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
    expect(await postern(['--version'])).toEqual({ exit: 0, stdout: `postern ${version}\n`, stderr: '' });
  });
});
