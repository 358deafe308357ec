import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts, greeting, sbinEnvironment } from './server-process.js';

export interface Cyrus {
  readonly host: '127.0.0.1';
  /** Plain text. */
  readonly port: number;
  /** Any user name and any password are let in, with an empty INBOX at the first login. */
  readonly password: string;
  /** The user that may do everything to every mailbox; names are `user/NAME` and `user/NAME/Work` there. */
  readonly admin: string;
  /** Ends every process of the server and removes its files. */
  stop(): Promise<void>;
}

/** Where scripts/provide-cyrus.mjs puts the two Debian packages: they cannot be installed beside Dovecot. */
const PACKAGES = fileURLToPath(new URL('../../node_modules/.cache/cyrus/', import.meta.url));

let missing: { readonly reason: string | undefined } | undefined;

/** Why no Cyrus can run here, or undefined when one can. */
export function cyrusMissing(): string | undefined {
  missing ??= { reason: findFault() };
  return missing.reason;
}

/** The name of a suite that needs Cyrus: says why it is skipped where it is. */
export function withCyrus(name: string): string {
  const reason = cyrusMissing();
  return reason === undefined ? name : `${name} [skipped: ${reason}]`;
}

function findFault(): string | undefined {
  if (process.platform !== 'linux') return 'Cyrus is run from Debian packages';
  if (packages().length < 2)
    return 'its Debian packages were not fetched (npm test does it as root on Debian)';
  try {
    const lacking = lackingLibrary();
    return lacking === undefined ? undefined : `it needs ${lacking}`;
  } catch (error) {
    return `its Debian packages cannot be unpacked: ${String(error)}`;
  }
}

function packages(): string[] {
  try {
    return readdirSync(PACKAGES).filter(name => /^cyrus-(common|imapd)_.*\.deb$/.test(name));
  } catch {
    return [];
  }
}

interface Programs {
  readonly bin: string;
  readonly libraries: string;
}

function unpack(directory: string): Programs {
  for (const name of packages()) {
    execFileSync('dpkg', ['-x', join(PACKAGES, name), join(directory, 'root')], { env: sbinEnvironment });
  }
  const lib = join(directory, 'root', 'usr', 'lib');
  const libraries = join(lib, readdirSync(lib).find(name => name.endsWith('-linux-gnu')) ?? '');
  return { bin: join(lib, 'cyrus', 'bin'), libraries };
}

/** A shared library of the server that is not on this machine. */
function lackingLibrary(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'postern-cyrus-'));
  try {
    const { bin, libraries } = unpack(directory);
    const linked = execFileSync('ldd', [join(bin, 'imapd')], {
      env: { ...sbinEnvironment, LD_LIBRARY_PATH: libraries },
      encoding: 'utf8',
    });
    return /^\s*(\S+) => not found/m.exec(linked)?.[1];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A throwaway Cyrus on loopback with a port, configuration and mail of its own. Ready when it returns. */
export async function startCyrus(): Promise<Cyrus> {
  const reason = cyrusMissing();
  if (reason !== undefined) throw new Error(reason);
  const directory = mkdtempSync(join(tmpdir(), 'postern-cyrus-'));
  chmodSync(directory, 0o755);
  const { bin, libraries } = unpack(directory);
  const owner = mailOwner();
  for (const part of ['db', 'spool', 'proc', 'socket', 'lock']) {
    mkdirSync(join(directory, part));
    chownSync(join(directory, part), owner.uid, owner.gid);
  }
  const [port] = await freePorts();
  const imapd = join(directory, 'imapd.conf');
  const services = join(directory, 'cyrus.conf');
  writeFileSync(imapd, configuration(directory, owner));
  writeFileSync(services, serviceTable({ bin, imapd, port }));
  const log = join(directory, 'db', 'master.log');
  const server = spawn(
    join(bin, 'master'),
    ['-C', imapd, '-M', services, '-p', join(directory, 'db', 'master.pid'), '-L', log],
    {
      env: { ...sbinEnvironment, LD_LIBRARY_PATH: libraries },
      stdio: 'ignore',
      // A process group of its own, so that all of the server can be ended at once.
      detached: true,
    },
  );
  const ended = new Promise<void>(resolve => server.once('exit', () => resolve()));
  server.once('error', () => {});
  const alive = () => server.pid !== undefined && server.exitCode === null && server.signalCode === null;
  const kill = () => void (alive() && process.kill(-server.pid!, 'SIGKILL'));
  process.once('exit', kill);
  const stop = async () => {
    process.removeListener('exit', kill);
    kill();
    await ended;
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await greeting(port, () => !alive());
  } catch (error) {
    const said = readLog(log);
    await stop();
    throw new Error(`Cyrus did not start: ${said}`, { cause: error });
  }
  return { host: '127.0.0.1', port: port!, password: 'any', admin: 'admin', stop };
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly group: string;
}

/** Mail belongs to us, or to a powerless user where we are root. */
function mailOwner(): Owner {
  const self = userInfo();
  const name = self.uid === 0 ? 'nobody' : self.username;
  const id = (...args: string[]) => execFileSync('id', [...args, name], { encoding: 'utf8' }).trim();
  return { uid: Number(id('-u')), gid: Number(id('-g')), user: name, group: id('-gn') };
}

function readLog(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return 'it left no log';
  }
}

function configuration(directory: string, { user, group }: Owner): string {
  return `configdirectory: ${directory}/db
partition-default: ${directory}/spool
defaultpartition: default
proc_path: ${directory}/proc
mboxname_lockpath: ${directory}/lock
idlesocket: ${directory}/socket/idle
lmtpsocket: ${directory}/socket/lmtp
notifysocket: ${directory}/socket/notify
admins: admin
sasl_pwcheck_method: alwaystrue
sasl_mech_list: PLAIN
allowplaintext: yes
unixhierarchysep: yes
altnamespace: yes
autocreate_quota: 0
autocreate_post: yes
autocreate_users: anyone
cyrus_user: ${user}
cyrus_group: ${group}
delete_mode: immediate
expunge_mode: immediate
`;
}

function serviceTable(parts: { bin: string; imapd: string; port: number }): string {
  const { bin, imapd, port } = parts;
  return `START {
  recover cmd="${bin}/ctl_cyrusdb -C ${imapd} -r"
}
SERVICES {
  imap cmd="${bin}/imapd -C ${imapd} -U 30" listen="127.0.0.1:${port}" prefork=1 maxchild=40
}
EVENTS { }
`;
}
