// `npm run soak:model [-- APPLIED]`: every small state through the merge, and so many of each family (300 unless told) through
// the real stages. A quarter of an hour.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const applied = process.argv[2] ?? '300';
if (!/^[1-9][0-9]{0,5}$/.test(applied)) {
  console.error('npm run soak:model -- APPLIED: a whole number above 0');
  process.exit(64);
}
const { status } = spawnSync(
  process.execPath,
  ['scripts/test.mjs', 'test/property/model-checker.test.ts', '--disableConsoleIntercept'],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, POSTERN_MODEL_STRIDE: '1', POSTERN_MODEL_APPLIED: applied },
  },
);
process.exit(status ?? 1);
