import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeModifiedUtf7 } from '@postern/core/model/modified-utf7.js';
import { actionId } from '@postern/core/plan/action-id.js';
import { lineOf } from '@postern/core/plan/line.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lines, opened, type ScriptedAnswer, ScriptedImap } from '../support/scripted-imap.js';
import { makeMailbox, type RunOptions, start, TwoMaildirs } from './cli-command.js';

/** What a terminal would obey: a colour, a window title with its bell, a C1 introducer, controls of direction, DEL, CR. */
const EVIL = '\u001b[31m\u001b]0;t\u0007\u009b31m\u0085\u202e\u2066\u200f\u061c\u2028\u007f\rEVIL';
/** The same as a name can have it: no slash. */
const NAME = EVIL.replaceAll('/', '');
/** Raw octets that are no UTF-8, a C1 introducer among them. */
const OCTETS = Buffer.from('\x9b31m\xff\xfeEVIL', 'latin1');
const ENCODED = `=?utf-8?B?${Buffer.from(EVIL).toString('base64')}?= =?iso-8859-1?Q?=1B[2J=9B31m?=`;

interface Written {
  readonly exit: number | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

async function run(args: readonly string[], options: RunOptions): Promise<Written> {
  const child = start(args, options);
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  const exit = await new Promise<number | null>(resolve => child.on('close', resolve));
  return { exit, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
}

/** Throws where octets hold anything but text that every terminal shows and none obeys. */
function checkSafe(octets: Buffer, where: string, { nul = false } = {}): string {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(octets);
  const allowed = nul ? text.replaceAll('\0', '') : text;
  const found =
    /[^\n]*([\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069])[^\n]*/.exec(
      allowed,
    );
  expect(found && `${where}: ${JSON.stringify(found[0])}`).toBeNull();
  return text;
}

/** Runs a command whose output must be safe; returns what it wrote. */
async function safe(
  args: readonly string[],
  options: RunOptions,
  form: { nul?: boolean } = {},
): Promise<{ exit: number | null; text: string }> {
  const { exit, stdout, stderr } = await run(args, options);
  const where = `postern ${args.map(one => JSON.stringify(one)).join(' ')}`;
  const text = checkSafe(stdout, `stdout of ${where}`, form) + checkSafe(stderr, `stderr of ${where}`);
  expect(text, where).not.toMatch(/^\s+at .*\.js:\d/m);
  return { exit, text };
}

function evilMail(number: number): Buffer {
  return Buffer.concat([
    Buffer.from(
      `Message-ID: <${number}${EVIL}@x>\nFrom: ${EVIL} <a@example.org>\nTo: ${EVIL}\nDate: ${EVIL}\nSubject: ${number} ${EVIL} ${ENCODED} `,
    ),
    OCTETS,
    Buffer.from(`\n\n${EVIL}\n`),
  ]);
}

function put(directory: string, name: string | Buffer, bytes: Buffer): void {
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name)]), bytes);
}

describe('what comes out of a Maildir full of controls', { timeout: 300_000 }, () => {
  let world: TwoMaildirs;

  beforeAll(async () => {
    world = await TwoMaildirs.make(1);
    let number = 0;
    for (const root of [world.local, world.remote]) {
      number++;
      put(join(root, 'cur'), `179000000${number}.M1P1.${NAME}:2,a`, evilMail(number));
      put(
        join(root, 'cur'),
        Buffer.concat([Buffer.from(`179000000${number}.M2P1.`), OCTETS]),
        evilMail(number + 10),
      );
      put(join(root, 'new'), `179000000${number}.M3P1.same:2,`, evilMail(99));
      writeFileSync(join(root, 'dovecot-keywords'), `0 $Good\n1 ${EVIL.replaceAll('\r', '')}\n`);
      for (const name of [`.evil${number}${NAME}`, `.${encodeModifiedUtf7(`utf7 ${number} ${NAME}`)}`])
        makeMailbox(join(root, name));
      const raw = Buffer.concat([Buffer.from(`${root}/.raw${number}`), OCTETS]);
      for (const part of ['', '/cur', '/new', '/tmp']) mkdirSync(Buffer.concat([raw, Buffer.from(part)]));
      makeMailbox(join(root, `.good${number}`));
      put(join(root, `.good${number}`, 'cur'), `1790000009.M9P${number}.same:2,S`, evilMail(50 + number));
      writeFileSync(join(root, 'cur', `unreadable${number}`), '');
    }
  });

  afterAll(() => world.remove());

  const inside = () => ({ cwd: world.local });

  it('is safe in every command, for people and for programs', async () => {
    const look = [
      ['status'],
      ['status', '--porcelain'],
      ['status', '--json'],
      ['plan'],
      ['plan', '--format', 'json'],
      ['apply', '--dry-run'],
      ['ls-messages'],
      ['ls-messages', '--side', 'remote'],
      ['cat-state'],
      ['fsck'],
      ['fsck', '--json'],
    ];
    expect((await safe(['fetch'], inside())).text).toContain('INBOX');
    let shown = '';
    for (const args of look) shown += (await safe(args, inside())).text;
    expect((await safe(['status', '-z'], inside(), { nul: true })).text).toContain('\0');
    // The mail is really there, and what is odd in it is shown escaped.
    expect(/\\u009b31m/.test(shown), 'it is shown escaped').toBe(true);
    expect(/\\x1b\[31m/.test(shown), 'it is shown escaped').toBe(true);
    expect(/\\u001b\[31m/.test(shown), 'it is shown escaped').toBe(true);
    expect(/%9B31m%FF%FE/.test(shown), 'it is shown escaped').toBe(true);
    for (const args of [['apply', '--yes', '--json'], ['sync', '--json'], ['sync']])
      await safe(args, inside());
    for (const root of [world.local, world.remote]) {
      for (const name of readdirSync(join(root, 'cur'), { encoding: 'buffer' }).slice(0, 3))
        rmSync(Buffer.concat([Buffer.from(`${join(root, 'cur')}/`), name]));
    }
    for (const args of [
      ['sync'],
      ['ls-messages', '--attic'],
      ['ls-messages', '--side', 'base'],
      ['gc'],
      ['gc', '--json', '--dry-run'],
      ['restore', NAME],
      ['show', NAME],
      ['status'],
      ['fsck'],
    ])
      await safe(args, inside());
  });

  it('is safe in a plan file', async () => {
    const out = join(world.directory, 'out.plan');
    await safe(['plan', '-o', out], inside());
    checkSafe(readFileSync(out), 'the plan file');
  });

  it('is safe where a plan that is applied says it', async () => {
    const { id } = JSON.parse(
      (await run(['plan'], inside())).stdout.toString().split('\n')[0]!.replace('"repository"', '"id"'),
    ) as { id: string };
    const message = {
      digest: '0'.repeat(32),
      size: 1,
      subject: EVIL,
      from: EVIL,
      date: EVIL,
      messageId: EVIL,
    };
    const download = {
      op: 'download',
      mailbox: 'INBOX',
      remote: { epoch: '', key: 'nothing' },
      flags: [],
      message,
      why: EVIL,
    };
    const signed = lineOf({ ...download, id: actionId(id, download as never) } as never);
    const plans = [
      signed,
      signed,
      { ...signed, [EVIL]: 1 },
      { ...signed, op: EVIL },
      { ...signed, mailbox: EVIL },
      { ...signed, file: EVIL },
      { ...signed, flags: [EVIL] },
      { op: 'plan', version: EVIL },
      { op: 'plan', version: 1, repository: EVIL },
    ];
    const inputs = [...plans.map(plan => JSON.stringify(plan)), EVIL, `{"op":${EVIL}}`];
    for (const [index, input] of inputs.entries()) {
      const args = index === 1 ? ['apply', '--json', '-'] : ['apply', '-'];
      const { exit } = await safe(args, { ...inside(), input });
      expect(exit).toBe(index < 2 ? 3 : 1);
    }
  });

  it('is safe where the command line says it', async () => {
    for (const args of [
      [NAME],
      [`--${NAME}`],
      ['fetch', NAME],
      ['plan', '-o', `/nonexistent/${NAME}`],
      ['apply', `/nonexistent/${NAME}`],
      ['apply', '--max-delete', NAME],
      ['-C', `/nonexistent/${NAME}`, 'status'],
      ['init', `/nonexistent/${NAME}`, '--remote', `maildir:/nonexistent/${NAME}`],
      ['init', join(world.directory, 'x'), '--remote', 'imaps://me@host', '--ca', NAME],
      ['help', NAME],
    ]) {
      const { exit } = await safe(args, inside());
      if (args[0] !== 'help') expect(exit, JSON.stringify(args)).not.toBe(0);
    }
    expect((await safe(['status'], { cwd: '/', env: { POSTERN_DIR: NAME } })).exit).toBe(78);
  });

  it('is safe where the configuration, the lock or a directory says it', async () => {
    const good = readFileSync(world.config, 'utf8');
    const quoted = JSON.stringify(EVIL).replaceAll('\u007f', '\\u007F');
    for (const text of [
      `${good}\n[${quoted}]\nx = 1`,
      good.replace('version = 1', `version = ${quoted}`),
      good.replace(/url = .*/, `url = "imaps://me@host"\nca = ${quoted}`),
      `${good}\n[map]\n${quoted} = "x"`,
      `${good}\n${EVIL}`,
      `${good}\n[state]\ndir = "/nonexistent/${'\u202e\u2066'}"`,
    ]) {
      writeFileSync(world.config, text);
      const { exit } = await safe(['status'], inside());
      expect([4, 78]).toContain(exit);
    }
    writeFileSync(world.config, good);
    const lock = join(world.local, '.postern', 'lock.json');
    const held = { host: EVIL, bootId: EVIL, pid: 1, started: EVIL, command: EVIL };
    writeFileSync(lock, JSON.stringify(held));
    await safe(['fetch'], inside());
    rmSync(lock, { force: true });
    const elsewhere = join(world.directory, `a${NAME}`);
    renameSync(world.local, elsewhere);
    await safe(['status'], { cwd: elsewhere });
    await safe(['init', '--remote', 'imaps://me@host'], { cwd: elsewhere });
    renameSync(elsewhere, world.local);
  });
});

describe('what a server says', { timeout: 300_000 }, () => {
  const latin = (text: string) => Buffer.from(text).toString('latin1');
  const evil = latin(EVIL.replace('\r', ''));
  const directory = TwoMaildirs.make(0);

  afterAll(async () => (await directory).remove());

  /** Runs commands against a server with this script. */
  async function against(
    script: { greeting?: string; answers?: ScriptedAnswer[]; password?: string },
    commands: readonly (readonly string[])[],
  ): Promise<string> {
    const server = await ScriptedImap.start({
      ...(script.greeting && { greeting: script.greeting }),
      answers: script.answers ?? [],
    });
    const base = join((await directory).directory, `s${server.port}`);
    const made = await safe(
      ['init', base, '--remote', `imap://me@127.0.0.1:${server.port}`, '--tls', 'none'],
      {},
    );
    expect(made.exit).toBe(0);
    let all = '';
    for (const args of commands)
      all += (await safe(args, { cwd: base, env: { POSTERN_PASSWORD: 'pw' } })).text;
    await server.stop();
    return all;
  }

  it.each([
    ['as its greeting', { greeting: `* BYE ${evil}\r\n` }],
    ['to a login', { answers: [{ when: /^LOGIN/, say: lines(`TAG NO [AUTHENTICATIONFAILED] ${evil}`) }] }],
    [
      'to opening a mailbox',
      { answers: [{ when: /^(SELECT|EXAMINE|STATUS)/, say: lines(`TAG NO [SERVERBUG] ${evil}`) }] },
    ],
    [
      'before it hangs up',
      { answers: [{ when: /^LIST/, say: lines(`* BYE ${evil}`), close: true as const }] },
    ],
    [
      'to a fetch',
      {
        answers: [
          { when: /^(SELECT|EXAMINE)/, say: opened({ exists: 2 }) },
          { when: /FETCH|SEARCH/, say: lines(`TAG BAD ${evil}`) },
        ],
      },
    ],
  ])('%s is safe', async (_what, script) => {
    const text = await against(script, [
      ['fetch'],
      ['fetch', '--json'],
      ['sync'],
      ['sync', '--json'],
      ['fsck'],
    ]);
    expect(text).toMatch(/EVIL|greeting/);
  });

  it('as an alert is safe', async () => {
    const text = await against(
      { answers: [{ when: /^LOGIN/, say: lines(`* OK [ALERT] ${evil}`, 'TAG OK in') }] },
      [['fetch']],
    );
    expect(text).toContain('the server says');
  });

  it('as names, flags and headers is safe', async () => {
    const header = `Message-ID: <a${evil}@x>\r\nFrom: ${evil}\r\nSubject: ${evil}${OCTETS.toString('latin1')}\r\nDate: ${evil}\r\n\r\n`;
    const row = (uid: number) =>
      `* ${uid} FETCH (UID ${uid} FLAGS (\\Seen \x9b31m ${latin('\u202eflag')}) INTERNALDATE "22-Nov-2026 05:00:00 +0000" RFC822.SIZE ${header.length + 10} BODY[HEADER.FIELDS (MESSAGE-ID DATE FROM TO CC SUBJECT)] {${header.length}}\r\n${header})`;
    const text = await against(
      {
        answers: [
          {
            when: /^LIST/,
            say: lines(
              '* LIST () "/" INBOX',
              `* LIST () "/" "a${evil}"`,
              `* LIST () "/" {${evil.length + 1}}\r\nb${evil}`,
              `* LIST () "/" "${encodeModifiedUtf7(`c${EVIL}`)}"`,
              `* LIST () "/" "${encodeModifiedUtf7('d\u202e\u2066')}"`,
              `* LIST () "/" "../${evil}"`,
              'TAG OK done',
            ),
          },
          {
            when: /^(SELECT|EXAMINE)/,
            say: opened({
              exists: 1,
              more: [`* OK [PERMANENTFLAGS (\\Seen \x9b31m \\*)] ${evil}`, `* OK ${evil}`],
            }),
          },
          { when: /FETCH/, say: lines(row(1), 'TAG OK done') },
        ],
      },
      [
        ['fetch', '--json'],
        ['status'],
        ['plan'],
        ['ls-messages', '--side', 'remote'],
        ['cat-state'],
        ['sync', '--json'],
        ['fsck'],
      ],
    );
    expect(text).toContain('\\u202e');
  });
});
