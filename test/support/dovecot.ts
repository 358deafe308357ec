import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePorts, greeting, sbinEnvironment } from './server-process.js';

export interface DovecotOptions {
  /** Hierarchy separator. Default `/`. */
  readonly separator?: string;
  /** Prefix of the personal namespace, e.g. `INBOX.`. Default none. */
  readonly prefix?: string;
  /** Capabilities the server does not announce, e.g. `UIDPLUS`. It may still understand their commands. */
  readonly without?: readonly string[];
  /** Name of a mailbox with the special use \Trash, created at the first login. Default none. */
  readonly trash?: string;
  /** Let the server fsync its files. Default false, for speed. */
  readonly fsync?: boolean;
  /** More configuration lines, at the end of the file. */
  readonly extra?: string;
}

export interface Dovecot {
  readonly host: '127.0.0.1';
  /** Plain text, STARTTLS offered. */
  readonly port: number;
  /** Implicit TLS. */
  readonly tlsPort: number;
  /** The self-signed certificate, for localhost and 127.0.0.1. */
  readonly caFile: string;
  /** The same for every user; any user name is let in and starts with an empty INBOX. */
  readonly password: string;
  /** The Maildir++ of a user. */
  mailDir(user: string): string;
  /** What the server logged so far. */
  log(): string;
  /** Ends every process of the server and removes its files. */
  stop(): Promise<void>;
}

function output(command: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(command, args, {
      env: sbinEnvironment,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return undefined;
  }
}

let missing: { readonly reason: string | undefined } | undefined;

/**
 * Why no Dovecot can run here, or undefined when one can. Suites put the reason into their name and skip:
 * `describe.skipIf(missing)(named('…'))`.
 */
export function dovecotMissing(): string | undefined {
  missing ??= { reason: findFault() };
  return missing.reason;
}

function findFault(): string | undefined {
  if (process.platform === 'win32') return 'Dovecot does not run on Windows';
  const version = output('dovecot', ['--version']);
  if (version === undefined) return 'dovecot is not installed';
  if (!/^2\.[23]\./.test(version))
    return `Dovecot ${version.trim()} reads another configuration than 2.3 does`;
  if (output('openssl', ['version']) === undefined) return 'openssl is not installed';
  return undefined;
}

/** The name of a suite that needs Dovecot: says why it is skipped where it is. */
export function withDovecot(name: string): string {
  const reason = dovecotMissing();
  return reason === undefined ? name : `${name} [skipped: ${reason}]`;
}

/** A throwaway Dovecot on loopback with ports, certificate, configuration and mail of its own. Ready when it returns. */
export async function startDovecot(options: DovecotOptions = {}): Promise<Dovecot> {
  const reason = dovecotMissing();
  if (reason !== undefined) throw new Error(reason);
  for (let tries = 1; ; tries++) {
    try {
      return await launch(options);
    } catch (error) {
      // Another process may have taken a port between our choice and Dovecot's bind.
      if (tries === 3 || !String(error).includes('Address already in use')) throw error;
    }
  }
}

async function launch(options: DovecotOptions): Promise<Dovecot> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-dovecot-'));
  chmodSync(directory, 0o755);
  for (const part of ['run', 'state', 'mail']) mkdirSync(join(directory, part));
  const owner = mailOwner();
  if (owner.uid !== userInfo().uid) chownSync(join(directory, 'mail'), owner.uid, owner.gid);
  writeCertificate(directory);
  const [port, tlsPort] = await freePorts();
  const file = join(directory, 'dovecot.conf');
  writeFileSync(file, configuration({ directory, port, tlsPort, owner, options }));

  const server = spawn('dovecot', ['-F', '-c', file], {
    env: sbinEnvironment,
    stdio: 'ignore',
    // A process group of its own, so that all of the server can be ended at once.
    detached: true,
  });
  const ended = new Promise<void>(resolve => server.once('exit', () => resolve()));
  server.once('error', () => {});
  const kill = () => {
    if (server.pid === undefined || server.exitCode !== null || server.signalCode !== null) return;
    process.kill(-server.pid, 'SIGKILL');
  };
  process.once('exit', kill);
  const log = () => readLog(join(directory, 'dovecot.log'));
  const stop = async () => {
    process.removeListener('exit', kill);
    kill();
    await ended;
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await greeting(port, () => server.exitCode !== null);
  } catch (error) {
    const said = log();
    await stop();
    throw new Error(`Dovecot did not start: ${said}`, { cause: error });
  }
  return {
    host: '127.0.0.1',
    port,
    tlsPort,
    caFile: join(directory, 'cert.pem'),
    password: PASSWORD,
    mailDir: user => join(directory, 'mail', user),
    log,
    stop,
  };
}

const PASSWORD = 'open-sesame';

interface Owner {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

/** Mail belongs to us, or to a powerless user where we are root: Dovecot serves no mail as root. */
function mailOwner(): Owner {
  const self = userInfo();
  if (self.uid !== 0) return { uid: self.uid, gid: self.gid, name: self.username };
  for (const name of ['vmail', 'nobody']) {
    const uid = output('id', ['-u', name]);
    const gid = output('id', ['-g', name]);
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid), name };
  }
  throw new Error('no user to serve mail as: neither vmail nor nobody exists');
}

/** One key for all servers of a test process: making it takes longer than starting a server. */
let pem: { readonly key: Buffer; readonly certificate: Buffer } | undefined;

function writeCertificate(directory: string): void {
  const key = join(directory, 'key.pem');
  const certificate = join(directory, 'cert.pem');
  if (pem === undefined) {
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
        ...['-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', certificate],
        ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
      ],
      { stdio: 'ignore', env: sbinEnvironment },
    );
    pem = { key: readFileSync(key), certificate: readFileSync(certificate) };
  }
  writeFileSync(key, pem.key, { mode: 0o600 });
  writeFileSync(certificate, pem.certificate);
}

function readLog(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

interface Setting {
  readonly directory: string;
  readonly port: number;
  readonly tlsPort: number;
  readonly owner: Owner;
  readonly options: DovecotOptions;
}

function configuration({ directory, port, tlsPort, owner, options }: Setting): string {
  const self = userInfo();
  const unprivileged =
    self.uid === 0
      ? ''
      : `default_internal_user = ${self.username}
default_login_user = ${self.username}
default_internal_group = ${output('id', ['-gn'])?.trim() ?? self.username}
`;
  const trash =
    options.trash === undefined
      ? ''
      : `  mailbox "${options.trash}" {\n    special_use = \\Trash\n    auto = create\n  }\n`;
  const masked = options.without ?? [];
  return `${unprivileged}base_dir = ${directory}/run
state_dir = ${directory}/state
log_path = ${directory}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <${directory}/cert.pem
ssl_key = <${directory}/key.pem
disable_plaintext_auth = no
mail_location = maildir:${directory}/mail/%u
mail_fsync = ${options.fsync === true ? 'optimized' : 'never'}
mail_max_userip_connections = 200
first_valid_uid = 1
last_valid_uid = 0
auth_mechanisms = plain login
passdb {
  driver = static
  args = password=${PASSWORD}
}
userdb {
  driver = static
  args = uid=${owner.uid} gid=${owner.gid} home=${directory}/mail/%u
}
namespace inbox {
  inbox = yes
  separator = ${options.separator ?? '/'}
  prefix = ${options.prefix ?? ''}
${trash}}
${masked.length === 0 ? '' : `imap_capability = ${capabilities(masked)}\n`}service anvil {
  chroot =
}
service imap-login {
  chroot =
  process_min_avail = 1
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = ${tlsPort}
  }
}
service stats {
  chroot =
}
${options.extra ?? ''}
`;
}

/** What Dovecot 2.3 announces after login, unless it is masked. */
export const CAPABILITIES = [
  ...['IMAP4rev1', 'SASL-IR', 'LOGIN-REFERRALS', 'ID', 'ENABLE', 'IDLE', 'SORT', 'SORT=DISPLAY'],
  ...['THREAD=REFERENCES', 'THREAD=REFS', 'THREAD=ORDEREDSUBJECT', 'MULTIAPPEND', 'URL-PARTIAL', 'CATENATE'],
  ...['UNSELECT', 'CHILDREN', 'NAMESPACE', 'UIDPLUS', 'LIST-EXTENDED', 'I18NLEVEL=1', 'CONDSTORE', 'QRESYNC'],
  ...['ESEARCH', 'ESORT', 'SEARCHRES', 'WITHIN', 'CONTEXT=SEARCH', 'LIST-STATUS', 'BINARY', 'MOVE'],
  ...[
    'SNIPPET=FUZZY',
    'PREVIEW=FUZZY',
    'PREVIEW',
    'STATUS=SIZE',
    'SAVEDATE',
    'LITERAL+',
    'NOTIFY',
    'SPECIAL-USE',
  ],
];

function capabilities(masked: readonly string[]): string {
  return CAPABILITIES.filter(name => !masked.includes(name)).join(' ');
}
