// `npm run demo`: postern at work on a throwaway account, from a fresh checkout. Each line after `$` is what a person would
// type, with its real output. Ends with 0 only when every step did what it should.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeAccount } from './demo-account.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'postern-demo-'));
const local = join(scratch, 'Mail');
const bin = join(scratch, 'bin');

/** Runs a program of the checkout; its output is shown only when it fails. */
function prepare(what, command, args) {
  console.log(`${what}…`);
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${what} failed:\n${stdout ?? ''}${stderr ?? ''}`);
}

function build() {
  const installed = join(root, 'node_modules');
  if (!existsSync(join(installed, 'typescript'))) {
    const npm = process.env.npm_execpath;
    const ci = ['ci', '--no-audit', '--no-fund'];
    if (npm) prepare('Installing the dependencies (npm ci)', process.execPath, [npm, ...ci]);
    else prepare('Installing the dependencies (npm ci)', 'npm', ci);
  }
  prepare('Building', process.execPath, [join(installed, 'typescript', 'bin', 'tsc'), '-b']);
  prepare('Bundling', process.execPath, [join(root, 'scripts', 'bundle.mjs')]);
}

/** `postern` as a command of its own, as an installed one would be. */
function install() {
  mkdirSync(bin);
  const main = join(root, 'packages', 'cli', 'bundle', 'postern.js');
  writeFileSync(join(bin, 'postern'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
  chmodSync(join(bin, 'postern'), 0o755);
}

const bold = text => (process.stdout.isTTY && !process.env.NO_COLOR ? `\u001b[1m${text}\u001b[0m` : text);
let directory = scratch;
let steps = 0;

function tell(text) {
  console.log(`\n# ${text}`);
}

/** Types a command line and checks what comes of it: the exit status, and a text the output must hold. */
function type(line, { exit = 0, shows = '' } = {}) {
  console.log(bold(`$ ${line}`));
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, XDG_CACHE_HOME: join(scratch, 'cache') };
  delete env.POSTERN_DIR;
  delete env.POSTERN_PASSWORD;
  const { status, stdout } = spawnSync('sh', ['-c', `{ ${line}\n} 2>&1`], {
    cwd: directory,
    env,
    encoding: 'utf8',
  });
  process.stdout.write(stdout);
  steps++;
  if (status !== exit) throw new Error(`"${line}" ended with ${status}, not with ${exit}`);
  if (!stdout.includes(shows)) throw new Error(`"${line}" did not say "${shows}"`);
  return stdout;
}

function check(what, is) {
  steps++;
  if (!is) throw new Error(`${what}: it is not so`);
  console.log(`  (checked: ${what})`);
}

let letters = 0;

/** Puts a message into a Maildir mailbox, as a mail program would. */
function deliver(mailbox, { from, subject, seen = false, own = () => undefined }) {
  for (const part of ['cur', 'new', 'tmp']) {
    if (existsSync(join(mailbox, part))) continue;
    mkdirSync(join(mailbox, part), { recursive: true });
    for (const path of [mailbox, join(mailbox, part)]) own(path);
  }
  const number = ++letters;
  const text = [
    `Message-ID: <letter-${number}@demo.example>`,
    `Date: Sat, 21 Nov 2026 10:00:${String(number).padStart(2, '0')} +0000`,
    `From: ${from}`,
    'To: me@demo.example',
    `Subject: ${subject}`,
    '',
    `Hello, this is letter ${number}.`,
    '',
  ].join('\n');
  const name = `${1_800_000_000 + number}.M${number}P1.demo`;
  const path = seen ? join(mailbox, 'cur', `${name}:2,S`) : join(mailbox, 'new', name);
  writeFileSync(path, text);
  own(path);
}

function files(mailbox) {
  return ['cur', 'new'].flatMap(part =>
    readdirSync(join(mailbox, part)).map(name => join(mailbox, part, name)),
  );
}

/** Adds flags to a message as a mail program does: in the file's name. */
function flag(file, flags) {
  const name = file.split('/').at(-1).split(':')[0];
  renameSync(file, join(file, '..', '..', 'cur', `${name}:2,${flags}`));
}

function fill({ mail, own }) {
  const dev = join(mail, '.Lists.dev');
  deliver(mail, { from: 'Ann <ann@demo.example>', subject: 'Lunch on Friday', seen: true, own });
  deliver(mail, { from: 'Bob <bob@demo.example>', subject: 'Re: Lunch on Friday', own });
  deliver(mail, { from: 'Bank <no-reply@bank.example>', subject: 'Your statement', own });
  deliver(dev, { from: 'Cid <cid@demo.example>', subject: '[PATCH] mend the fence', seen: true, own });
  deliver(dev, { from: 'Dora <dora@demo.example>', subject: 'Re: [PATCH] mend the fence', own });
}

function show({ init, mail, own }) {
  tell('A Maildir is made, and told which account it belongs to. Nothing is connected to yet.');
  type(`postern init Mail ${init}`, { shows: 'Made a repository' });
  console.log(bold('$ cd Mail'));
  directory = local;

  tell('fetch looks at the account. Nothing is downloaded.');
  type('postern fetch', { shows: 'INBOX: 3 new (of 3)' });
  type('postern status', { shows: 'Lists/dev: mailbox is new, 2 new' });

  tell('The plan says it in full: one action a line, as JSON. Any part of it may be applied.');
  type('postern plan', { shows: '"op":"download"' });
  type(`postern plan | grep -v 'Your statement' | grep '"mailbox":"INBOX"' | postern apply -`, {
    shows: 'Applied: 2 done',
  });
  check('INBOX has two of three messages', files(local).length === 2);
  type('postern status', { shows: 'INBOX: 1 new' });
  type('postern apply --yes', { shows: 'Applied: 4 done' });
  check('all five messages are here', files(local).length + files(join(local, '.Lists.dev')).length === 5);

  tell('Here one message is flagged, one deleted and one new; on the account one is new too.');
  const find = subject => files(local).find(file => spawnSync('grep', ['-q', subject, file]).status === 0);
  flag(find('Subject: Lunch'), 'FS');
  rmSync(find('Your statement'));
  deliver(local, { from: 'me@demo.example', subject: 'A draft of mine', seen: true });
  deliver(mail, { from: 'Eve <eve@demo.example>', subject: 'Something new', own });
  type('postern fetch', { shows: 'INBOX: 1 new' });
  type('postern status', { shows: 'Outgoing:' });
  type('postern sync', { shows: 'Applied: 4 done' });
  check('both sides have four messages in INBOX', files(local).length === 4 && files(mail).length === 4);
  check(
    'the flag has arrived',
    files(mail).some(file => /:2,FS?/.test(file)),
  );

  tell('Now the account deletes a message; here it goes to the attic.');
  rmSync(files(mail).find(file => spawnSync('grep', ['-q', 'Something new', file]).status === 0));
  type('postern sync', { shows: 'Applied: 1 done' });
  check('it is gone here', files(local).length === 3);
  type('postern sync', { shows: 'Nothing to do' });

  tell('The worst for a tool like this: its state is lost. It stops, rather than guess.');
  type('rm -r .postern/state');
  type('postern status', { exit: 4, shows: 'fsck' });
  type('postern fsck', { exit: 4, shows: 'state-missing' });
  type('postern fsck --repair', { shows: 'Repaired' });
  const plan = type('postern plan --exit-code', { shows: '"actions":0' });
  check(
    'the plan is empty: nothing is copied twice and nothing deleted',
    plan.trim().split('\n').length === 1,
  );
}

let account;
let status = 0;
try {
  build();
  install();
  account = await makeAccount(scratch);
  console.log(`The account of this demo is ${account.kind}.`);
  fill(account);
  show(account);
  console.log(`\nAll ${steps} steps did what they should. Everything the demo made is removed.`);
} catch (error) {
  status = 1;
  console.error(`\nThe demo failed: ${error.message}`);
} finally {
  await account?.stop();
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
}
process.exit(status);
