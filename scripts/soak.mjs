// `npm run soak [-- ROUNDS]`: syncs are killed at random moments, fifteen a round, and must come out whole. 20 rounds unless told.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const rounds = process.argv[2] ?? '20';
if (!/^[1-9][0-9]{0,4}$/.test(rounds)) {
  console.error('npm run soak -- ROUNDS: a whole number above 0');
  process.exit(64);
}
const { status } = spawnSync(process.execPath, ['scripts/test.mjs', 'test/e2e/killed.test.ts'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, POSTERN_SOAK_ROUNDS: rounds },
});
process.exit(status ?? 1);
