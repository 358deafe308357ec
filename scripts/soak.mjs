// `npm run soak [-- ROUNDS]`: syncs are killed at random moments, fifteen a round, and cut off the network at random octets,
// forty a round, and must come out whole. 20 rounds unless told.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const rounds = process.argv[2] ?? '20';
if (!/^[1-9][0-9]{0,4}$/.test(rounds)) {
  console.error('npm run soak -- ROUNDS: a whole number above 0');
  process.exit(64);
}
const suites = ['test/e2e/killed.test.ts', 'test/scenario/cut-sync.test.ts'];
const { status } = spawnSync(process.execPath, ['scripts/test.mjs', ...suites], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    POSTERN_SOAK_ROUNDS: rounds,
    POSTERN_CUTS: String(40 * Number(rounds)),
    POSTERN_SEED: String(Date.now() % 2 ** 31),
  },
});
process.exit(status ?? 1);
