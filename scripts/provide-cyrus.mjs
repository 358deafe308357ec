// Fetches Debian's packages of the Cyrus IMAP server for the tests, into node_modules/.cache/cyrus. They cannot be installed
// beside Dovecot, so they are only unpacked when they are used. Needs root, Debian and its mirror; else nothing happens.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = ['cyrus-common', 'cyrus-imapd'];
const cache = fileURLToPath(new URL('../node_modules/.cache/cyrus/', import.meta.url));
const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };

const run = (command, args, options = {}) => spawnSync(command, args, { env, encoding: 'utf8', ...options });

/** The libraries that the packages depend on; not those of a virus scanner and of a message bus, which imapd does without. */
function libraries() {
  const { stdout } = run('apt-cache', ['depends', '--no-recommends', '--no-suggests', ...PACKAGES]);
  const names = [...stdout.matchAll(/^\s*\|?(?:Pre)?Depends: (lib\S+)$/gm)].map(([, name]) => name);
  return [...new Set(names)].filter(name => !/^lib(clamav|zephyr|cyrus)/.test(name));
}

/** Why there is no Cyrus afterwards, or undefined when there is. */
export function provideCyrus() {
  if (existsSync(cache)) return undefined;
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return 'this is not root on Debian';
  if (fetchPackages() === undefined) return undefined;
  // The lists of a fresh machine are empty, those of an old one name packages that are gone.
  run('apt-get', ['update', '-qq']);
  return fetchPackages();
}

/** What failed, or undefined. */
function fetchPackages() {
  const names = libraries();
  if (names.length === 0) return 'this Debian has no Cyrus';
  const installed = run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names]);
  if (installed.status !== 0) return 'its libraries cannot be installed';
  // apt fetches as a user of its own, who may not be let into the checkout.
  const scratch = mkdtempSync(join(tmpdir(), 'postern-cyrus-packages-'));
  chmodSync(scratch, 0o777);
  try {
    const fetched = run('apt-get', ['download', '-qq', ...PACKAGES], { cwd: scratch });
    const files = readdirSync(scratch).filter(name => name.endsWith('.deb'));
    if (fetched.status !== 0 || files.length !== PACKAGES.length) return 'its packages cannot be fetched';
    const partial = `${cache.replace(/\/$/, '')}.partial`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    for (const name of files) copyFileSync(join(scratch, name), join(partial, name));
    renameSync(partial, cache);
    return undefined;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
