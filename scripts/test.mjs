// `npm test`: everything from a fresh checkout to a count of tests, with nothing but Node and npm at hand.
// Arguments are handed on to vitest. Ends with the line `N passed, N failed` (`, N skipped` where some were).
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { provideCyrus } from './provide-cyrus.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const sbin = ['/usr/local/sbin', '/usr/sbin', '/sbin'].join(delimiter);
const env = { ...process.env, PATH: `${process.env.PATH ?? ''}${delimiter}${sbin}` };

/** Runs a command with our output and no input; returns its exit status. */
function run(command, args, options = {}) {
  const { status } = spawnSync(command, args, {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
    ...options,
  });
  return status ?? 1;
}

const answers = (command, args) => run(command, args, { stdio: 'ignore' }) === 0;

function finish(counts, status) {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
  console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
  process.exit(status);
}

/** A step that tests cannot do without. */
function mustRun(what, command, args) {
  const status = run(command, args);
  if (status === 0) return;
  console.error(`${what} failed`);
  finish({ passed: 0, failed: 1, skipped: 0 }, status);
}

/** Programs of our dependencies, started without npx and without a shell. */
const script = path => join(root, 'node_modules', path);

function installDependencies() {
  if (existsSync(script('vitest/vitest.mjs'))) return;
  // Inside `npm test` npm names the very file it was started with; a shell finds `npm.cmd` on Windows.
  const npm = process.env.npm_execpath;
  if (npm) mustRun('npm ci', process.execPath, [npm, 'ci', '--no-audit', '--no-fund']);
  else mustRun('npm ci', 'npm', ['ci', '--no-audit', '--no-fund']);
}

function provideDovecot() {
  const missing = () => ['dovecot', 'openssl'].filter(command => !answers(command, [versionFlag(command)]));
  if (missing().length === 0) return;
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    const debian = { env: { ...env, DEBIAN_FRONTEND: 'noninteractive' } };
    console.log(`installing what the tests need and this machine lacks: ${missing().join(', ')}`);
    run('apt-get', ['update', '-qq'], debian);
    run(
      'apt-get',
      ['install', '-y', '-qq', '--no-install-recommends', 'dovecot-imapd', 'isync', 'openssl'],
      debian,
    );
  }
  const still = missing();
  if (still.length > 0) console.log(`tests that need ${still.join(' and ')} will count as skipped`);
}

function versionFlag(command) {
  return command === 'openssl' ? 'version' : '--version';
}

/** What vitest's JSON report says. A file that could not be loaded is one failure. */
function countsOf(report) {
  const unloadable = report.testResults.filter(
    file => file.status === 'failed' && !file.assertionResults.some(test => test.status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloadable.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

function readCounts(file) {
  try {
    return countsOf(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}

installDependencies();
mustRun('the build', process.execPath, [script('typescript/bin/tsc'), '-b']);
mustRun('the bundle', process.execPath, [join(root, 'scripts', 'bundle.mjs')]);
provideDovecot();
const withoutCyrus = provideCyrus();
if (withoutCyrus !== undefined) console.log(`tests that need Cyrus will count as skipped: ${withoutCyrus}`);

const scratch = mkdtempSync(join(tmpdir(), 'postern-test-'));
const report = join(scratch, 'report.json');
const status = run(process.execPath, [
  script('vitest/vitest.mjs'),
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...process.argv.slice(2),
]);
const counts = readCounts(report);
rmSync(scratch, { recursive: true, force: true });
if (status !== 0 && counts.failed === 0) {
  console.error(`vitest ended with status ${status} although no test failed: counted as one failure`);
  counts.failed = 1;
}
finish(counts, status);
