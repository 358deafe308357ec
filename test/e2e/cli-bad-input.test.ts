import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonLines, namesIn, postern, type RunOptions, TwoMaildirs } from './cli-command.js';

let world: TwoMaildirs;

beforeAll(async () => {
  world = await TwoMaildirs.make(3);
  await world.good(['fetch']);
});

afterAll(() => world.remove());

/** Runs a command that must be refused, and checks that no mail changed. */
async function refused(
  args: readonly string[],
  options: RunOptions = {},
): Promise<{ exit: number | null; stderr: string }> {
  const before = world.mail();
  const { exit, stdout, stderr } = await world.run(args, options);
  expect(stdout).toBe('');
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(world.mail()).toEqual(before);
  return { exit, stderr };
}

describe('a command line that is wrong ends with 64', () => {
  it.each([
    [[], 'no command'],
    [['statsu'], 'did you mean "status"'],
    [['fetch', '--nope'], '--nope'],
    [['fetch', '../../etc'], '"../../etc" is no mailbox name'],
    [['fetch', 'a\r\nb'], 'control characters'],
    [['plan', '--format', 'xml'], '--format is one of jsonl, json'],
    [['apply', '--max-delete', 'many', '--yes'], '--max-delete wants a whole number'],
    [['apply'], 'no terminal to ask on'],
    [['apply', 'a', 'b'], 'does not take these words'],
    [['status', '--json', '--porcelain'], 'exclude one another'],
    [['ls-messages', '--side', 'both'], '--side is one of remote, local, base'],
    [['cat-state', '--kind', 'pears'], '--kind is one of meta'],
    [['init', 'x'], '--remote is missing'],
    [['fsck', '--repair', '--offline'], '--repair needs both sides'],
  ])('postern %j', async (args, words) => {
    const { exit, stderr } = await refused(args);
    expect(exit).toBe(64);
    expect(stderr).toContain(words);
  });

  it.each([
    [['--remote', 'imaps://me:hunter2@imap.example.org'], 'holds a password'],
    [['--remote', 'imaps://imap.example.org'], 'no user'],
    [['--remote', 'http://me@imap.example.org'], 'none that postern knows'],
    [['--remote', 'imaps://me@imap.example.org/INBOX'], 'something after the host'],
    [['--remote', 'imaps://me@imap.example.org:99999'], 'none that postern knows'],
    [['--remote', 'imaps://me@imap.example.org', '--tls', 'none'], 'imaps:// is TLS'],
    [['--remote', 'imaps://me@imap.example.org', '--tls', 'some'], '--tls is one of'],
    [['--remote', 'imaps://me@imap.example.org', '--ca', '/nonexistent.pem'], 'no file'],
    [['--remote', 'maildir:/nonexistent/Mail'], 'no directory'],
  ])('init new %j makes nothing', async (args, words) => {
    const target = join(world.directory, 'new');
    const { exit, stderr } = await refused(['init', target, ...args]);
    expect(exit).toBe(64);
    expect(stderr).toContain(words);
    expect(stderr).not.toContain('hunter2');
    expect(() => readFileSync(target)).toThrow('ENOENT');
  });

  it('init refuses a repository, a directory that is no Maildir, a state directory in use and a remote within', async () => {
    const remote = `maildir:${world.remote}`;
    const stuff = join(world.directory, 'stuff');
    mkdirSync(stuff);
    writeFileSync(join(stuff, 'letter.txt'), 'x');
    const fresh = join(world.directory, 'fresh');
    for (const [args, words] of [
      [[world.local, '--remote', remote], 'has a .postern already'],
      [[stuff, '--remote', remote], 'neither empty nor a Maildir'],
      [[fresh, '--remote', remote, '--separate-state-dir', stuff], 'is not empty'],
      [[join(world.remote, 'inner'), '--remote', remote], 'lie in one another'],
      [
        [world.remote, '--remote', 'imaps://me@imap.example.org', '--layout', 'fs'],
        'has the layout maildir++',
      ],
    ] as const) {
      const { exit, stderr } = await refused(['init', ...args]);
      expect(exit).toBe(64);
      expect(stderr).toContain(words);
    }
  });
});

describe('a configuration that is wrong ends with 78 and names file and line', () => {
  const good = () => readFileSync(world.config, 'utf8');

  async function with_(text: string): Promise<{ exit: number | null; stderr: string }> {
    const before = good();
    writeFileSync(world.config, text);
    try {
      return await refused(['status']);
    } finally {
      writeFileSync(world.config, before);
    }
  }

  const lineOf = (text: string, part: string) => text.slice(0, text.indexOf(part)).split('\n').length;

  it.each([
    ['version = 1', 'version = ', 'not valid TOML'],
    ['version = 1', 'version = 2', '"version": this postern reads version 1'],
    ['id = "', 'id = "x', '"id": not a UUID'],
    ['[remote]', '[remote]\nurll = "x"', 'unknown key "remote.urll"'],
    [
      'url = "maildir:',
      'url = "imaps://me:hunter2@imap.example.org" #',
      '"remote.url": the URL holds a password',
    ],
    ['[local]', '[locals]', 'unknown key "locals"'],
    [
      '[remote]',
      '[remote]\ndisable-extensions = ["IDLE"]',
      '"remote.disable-extensions" must be "APPENDLIMIT" or',
    ],
    [
      '[remote]',
      '[remote]\ndisable-extensions = ["MOVE"]',
      '"remote.disable-extensions": a maildir: URL has no use for it',
    ],
    ['[local]\nlayout = "maildir++"', '[local]\nlayout = "mbox"', '"local.layout"'],
  ])('%j written as %j', async (from, to, words) => {
    const text = good().replace(from, to);
    const { exit, stderr } = await with_(text);
    expect(exit).toBe(78);
    const last = to.split('\n').at(-1)!;
    expect(stderr).toContain(`${world.config}:${lineOf(text, last)}: ${words}`);
    expect(stderr).not.toContain('hunter2');
  });

  it.each([
    ['[scope]\nexclude = ["a//b"]', '"scope.exclude": "a//b" is no pattern: it has an empty level'],
    ['[scope]\ninclude = "INBOX"', '"scope.include"'],
    ['[scope]\nsubscribed = true', '"scope.subscribed": a maildir: remote has no subscriptions'],
    ['[map]\nInbox = "x"', '"map": INBOX keeps its name'],
    ['[map]\n"a/b" = ".."', '"map": ".." is no mailbox name'],
    ['[map]\n"a" = "x"\n"b" = "x"', '"map": "a" and "b" would both be called "x"'],
    ['[sync]\ndeletes = false', 'unknown key "sync.deletes"'],
    ['[sync.local-to-remote]\ndeletes = "no"', '"sync.local-to-remote.deletes"'],
    ['[sync.delete]\nremote = "mark"', '"sync.delete.remote": a maildir: remote keeps removed files'],
    ['[attic]\ndays = -1', '"attic.days"'],
  ])('with %j in it', async (tables, words) => {
    const text = `${good().trimEnd()}\n${tables}`;
    const { exit, stderr } = await with_(text);
    expect(exit).toBe(78);
    expect(stderr).toContain(`${world.config}:${text.split('\n').length}: ${words}`);
  });

  it('an unknown key comes with the one that was meant', async () => {
    const { stderr } = await with_(good().replace('url =', 'uri ='));
    expect(stderr).toContain('did you mean "url"?');
  });

  it('a key that is missing is named', async () => {
    const { exit, stderr } = await with_(good().replace(/^id = .*$/m, ''));
    expect(exit).toBe(78);
    expect(stderr).toContain('"id" is missing');
  });

  it('a configuration that is gone is no reason to look further up', async () => {
    const before = good();
    rmSync(world.config);
    const { exit, stderr } = await refused(['status']);
    writeFileSync(world.config, before);
    expect(exit).toBe(78);
    expect(stderr).toContain('config.toml: it is not there');
  });

  it('no repository here or above ends with 78, and so does a named one that is none', async () => {
    expect((await refused(['status'], { cwd: '/' })).exit).toBe(78);
    expect((await refused(['-C', world.directory, 'status'])).exit).toBe(78);
    expect((await refused(['status'], { env: { POSTERN_DIR: world.directory } })).exit).toBe(78);
  });
});

describe('a plan that is wrong ends with 1, and nothing is done', () => {
  let lines: string[];

  beforeAll(async () => {
    lines = (await world.good(['plan'])).split('\n').filter(line => line !== '');
  });

  /** The plan with its third line changed. */
  const edited = (change: (action: Record<string, unknown>) => unknown) =>
    lines.map((line, index) => (index === 2 ? JSON.stringify(change(JSON.parse(line))) : line)).join('\n');

  it.each([
    ['text that is no JSON', () => [...lines.slice(0, 2), 'oops', ...lines.slice(2)].join('\n'), 'line 3'],
    ['a line cut short', () => lines.join('\n').slice(0, -5), 'line 4'],
    [
      'an unknown op',
      () => edited(action => ({ ...action, op: 'destroy' })),
      'line 3 of the plan: unknown op "destroy"',
    ],
    ['an unknown version', () => lines.join('\n').replace('"version":1', '"version":9'), 'plan version 9'],
    [
      'another repository',
      () => lines.join('\n').replace(/"repository":"[^"]*"/, '"repository":"other"'),
      'made for another repository',
    ],
    [
      'uid "1:*"',
      () => edited(({ remoteFile: _file, ...rest }) => ({ ...rest, uid: '1:*', uidValidity: '1' })),
      'line 3 of the plan: "uid"',
    ],
    [
      '../ in a mailbox',
      () => edited(action => ({ ...action, mailbox: '../x' })),
      'line 3 of the plan: "mailbox"',
    ],
    [
      'CR LF in a mailbox',
      () => edited(action => ({ ...action, mailbox: 'a\r\nb' })),
      'line 3 of the plan: "mailbox"',
    ],
    [
      '../ in a file',
      () => edited(action => ({ ...action, remoteFile: '../../x' })),
      'line 3 of the plan: "remoteFile"',
    ],
    ['a missing precondition', () => edited(({ remoteFile: _file, ...rest }) => rest), 'line 3 of the plan'],
    ['a missing digest', () => edited(action => ({ ...action, message: { size: 1 } })), 'line 3 of the plan'],
    ['an id that was kept', () => edited(action => ({ ...action, mailbox: 'Other' })), 'line 3 of the plan'],
    ['an unknown key', () => edited(action => ({ ...action, force: true })), 'line 3 of the plan'],
  ])('%s', async (_what, plan, words) => {
    const { exit, stderr } = await refused(['apply', '-'], { input: plan() });
    expect(exit).toBe(1);
    expect(stderr).toContain(words);
    expect(stderr).toContain('nothing was done');
  });

  it('a file with nothing in it; of a pipeline that filtered everything away nothing is to do', async () => {
    const empty = join(world.directory, 'empty.plan');
    writeFileSync(empty, '');
    const { exit, stderr } = await refused(['apply', empty]);
    expect(exit).toBe(1);
    expect(stderr).toContain('the plan is empty');
    expect(stderr).toContain('postern apply -');
    const before = world.mail();
    expect(await world.run(['apply', '-'], { input: '' })).toEqual({
      exit: 0,
      stdout: 'Nothing to do\n',
      stderr: '',
    });
    expect(world.mail()).toEqual(before);
  });

  it('a file that is not there', async () => {
    const { exit, stderr } = await refused(['apply', '/nonexistent.plan']);
    expect(exit).toBe(1);
    expect(stderr).toContain('/nonexistent.plan cannot be read');
  });

  it('a mailbox that neither side has is no reason to say that all is well', async () => {
    for (const command of ['plan', 'fetch', 'sync']) {
      const { exit, stderr } = await refused([command, 'INBX']);
      expect(exit).toBe(1);
      expect(stderr).toContain('did you mean "INBOX"?');
    }
  });
});

describe('a side or a state that is gone', () => {
  it('an empty Maildir where base has mail stops everything with 6, and nothing is deleted on the other side', async () => {
    const made = await TwoMaildirs.make(2);
    await made.good(['sync']);
    for (const part of ['cur', 'new', 'tmp']) rmSync(join(made.local, part), { recursive: true });
    const before = namesIn(made.remote);
    for (const args of [['status'], ['plan'], ['apply', '--yes'], ['sync']]) {
      expect((await made.run(args)).exit, args.join(' ')).toBe(6);
    }
    expect(namesIn(made.remote)).toEqual(before);
    made.remove();
  });

  it('a state that was deleted stops every command with 4 and names fsck', async () => {
    const made = await TwoMaildirs.make(2);
    await made.good(['sync']);
    rmSync(join(made.local, '.postern', 'state'), { recursive: true });
    const before = made.mail();
    for (const args of [
      ['fetch'],
      ['status'],
      ['plan'],
      ['apply', '--yes'],
      ['sync'],
      ['ls-messages'],
      ['cat-state'],
    ]) {
      const { exit, stderr } = await made.run(args);
      expect(exit, args.join(' ')).toBe(4);
      expect(stderr).toContain('fsck');
    }
    expect(made.mail()).toEqual(before);
    made.remove();
  });

  it('a separate state directory that is not mounted is no new state', async () => {
    const made = await TwoMaildirs.make(1);
    const before = readFileSync(made.config, 'utf8');
    appendFileSync(made.config, '\n[state]\ndir = "/nonexistent/state"\n');
    const { exit, stderr } = await made.run(['sync']);
    expect(exit).toBe(4);
    expect(stderr).toContain('/nonexistent/state');
    writeFileSync(made.config, before);
    made.remove();
  });

  it('another account in the configuration is refused', async () => {
    const made = await TwoMaildirs.make(1);
    await made.good(['sync']);
    const text = readFileSync(made.config, 'utf8');
    writeFileSync(made.config, text.replace(made.remote, join(made.directory, 'elsewhere')));
    expect((await made.run(['sync'])).exit).toBe(4);
    made.remove();
  });
});

it('an error has no stack trace unless POSTERN_DEBUG is set', async () => {
  const plain = await postern(['status'], { cwd: '/' });
  const debug = await postern(['status'], { cwd: '/', env: { POSTERN_DEBUG: '1' } });
  expect(plain.stderr).not.toContain('at findRoot');
  expect(debug.stderr).toContain('at findRoot');
  expect(jsonLines(plain.stdout)).toEqual([]);
});
