// A throwaway account for the demo: a private Dovecot where one is to be had, else a second Maildir.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';

const env = {
  ...process.env,
  PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`,
  LC_ALL: 'C',
};
const PASSWORD = 'demo';

/**
 * Makes an account below `directory`: what to say of it, the words `postern init` needs, the Maildir its mail lies in, who
 * owns that, and how to end it.
 */
export async function makeAccount(directory) {
  const fault = dovecotFault();
  if (fault === undefined) return startDovecot(directory);
  const mail = join(directory, 'account');
  return {
    kind: `a second Maildir, for ${fault}`,
    init: `--remote maildir:${mail}`,
    mail,
    own: () => undefined,
    stop: async () => undefined,
  };
}

/** Why no Dovecot can run here, or undefined when one can; as root on Debian it is installed first. */
function dovecotFault() {
  const missing = () =>
    ['dovecot', 'openssl'].filter(command => output(command, [flag(command)]) === undefined);
  if (missing().length > 0 && process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    console.log('Installing Dovecot for the demo (apt-get install dovecot-imapd)…');
    const quiet = { env: { ...env, DEBIAN_FRONTEND: 'noninteractive' }, stdio: 'ignore' };
    spawnSync('apt-get', ['update', '-qq'], quiet);
    spawnSync(
      'apt-get',
      ['install', '-y', '-qq', '--no-install-recommends', 'dovecot-imapd', 'openssl'],
      quiet,
    );
  }
  const still = missing();
  if (still.length > 0) return `${still.join(' and ')} is not installed`;
  const version = output('dovecot', ['--version']);
  return /^2\.[23]\./.test(version) ? undefined : `Dovecot ${version.trim()} reads another configuration`;
}

function flag(command) {
  return command === 'openssl' ? 'version' : '--version';
}

function output(command, args) {
  const { status, stdout } = spawnSync(command, args, { env, encoding: 'utf8' });
  return status === 0 ? stdout : undefined;
}

async function startDovecot(directory) {
  const home = join(directory, 'dovecot');
  const mail = join(home, 'mail', 'me');
  const owner = mailOwner();
  for (const path of ['run', 'state', 'mail/me']) mkdirSync(join(home, path), { recursive: true });
  for (const path of [directory, home]) chmodSync(path, 0o755);
  const own = path => {
    if (owner.uid !== userInfo().uid) chownSync(path, owner.uid, owner.gid);
  };
  for (const path of [join(home, 'mail'), mail]) own(path);
  const certificate = join(home, 'cert.pem');
  const key = join(home, 'key.pem');
  execFileSync(
    'openssl',
    [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
      ...['-keyout', key, '-out', certificate],
    ],
    { stdio: 'ignore', env },
  );
  const port = await freePort();
  const configuration = join(home, 'dovecot.conf');
  writeFileSync(configuration, dovecotConfiguration({ home, key, certificate, port, owner }));
  const server = spawn('dovecot', ['-F', '-c', configuration], { env, stdio: 'ignore', detached: true });
  const ended = new Promise(resolve => {
    server.once('exit', resolve);
    server.once('error', resolve);
  });
  const kill = () => {
    if (server.pid !== undefined && server.exitCode === null) process.kill(-server.pid, 'SIGKILL');
  };
  process.once('exit', kill);
  await listening(port, server, join(home, 'dovecot.log'));
  return {
    kind: 'a private Dovecot on loopback',
    init: `--remote imaps://me@localhost:${port} --ca ${certificate} --password-command 'echo ${PASSWORD}'`,
    mail,
    own,
    stop: async () => {
      kill();
      await ended;
    },
  };
}

/** Dovecot serves no mail as root: there it belongs to a user without powers. */
function mailOwner() {
  const self = userInfo();
  if (self.uid !== 0) return { uid: self.uid, gid: self.gid };
  return { uid: Number(output('id', ['-u', 'nobody'])), gid: Number(output('id', ['-g', 'nobody'])) };
}

function freePort() {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function listening(port, server, log) {
  for (let tries = 0; tries < 200 && server.exitCode === null; tries++) {
    const open = await new Promise(resolve => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  throw new Error(`Dovecot did not start: ${existsSync(log) ? readFileSync(log, 'utf8') : 'no log'}`);
}

function dovecotConfiguration({ home, key, certificate, port, owner }) {
  const self = userInfo();
  const group = output('id', ['-gn'])?.trim();
  const users =
    self.uid === 0
      ? []
      : [
          `default_internal_user = ${self.username}`,
          `default_login_user = ${self.username}`,
          `default_internal_group = ${group}`,
        ];
  return [
    ...users,
    `base_dir = ${home}/run`,
    `state_dir = ${home}/state`,
    `log_path = ${home}/dovecot.log`,
    'protocols = imap',
    'listen = 127.0.0.1',
    'ssl = required',
    `ssl_cert = <${certificate}`,
    `ssl_key = <${key}`,
    `mail_location = maildir:${home}/mail/%u`,
    'first_valid_uid = 1',
    'last_valid_uid = 0',
    `passdb {\n  driver = static\n  args = password=${PASSWORD}\n}`,
    `userdb {\n  driver = static\n  args = uid=${owner.uid} gid=${owner.gid} home=${home}/mail/%u\n}`,
    'namespace inbox {\n  inbox = yes\n  separator = /\n}',
    'service anvil {\n  chroot =\n}',
    'service stats {\n  chroot =\n}',
    `service imap-login {\n  chroot =\n  inet_listener imap {\n    port = 0\n  }\n  inet_listener imaps {\n    port = ${port}\n  }\n}`,
    '',
  ].join('\n');
}
