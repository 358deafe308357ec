// `npm run soak [-- ROUNDS]`: the tests that take as long as they are given. 20 rounds unless told; each round kills about
// thirty commands at random moments. Beside it, once: every error at every effect on a disk, somebody else at every step of
// a sync, a hundred scans of 20,000 files that are renamed meanwhile, three of 200,000 files, every octet of a database flipped, and a thousand plans forged.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const rounds = process.argv[2] ?? '20';
if (!/^[1-9][0-9]{0,4}$/.test(rounds)) {
  console.error('npm run soak -- ROUNDS: a whole number above 0');
  process.exit(64);
}
const files = [
  'test/e2e/killed.test.ts',
  'test/e2e/two-posterns.test.ts',
  'test/scenario/bad-disk.test.ts',
  'test/scenario/ra.test.ts',
  'test/property/plan-fuzz.test.ts',
  'test/unit/maildir/racing-scan.test.ts',
  'test/unit/fsck/every-file.test.ts',
  'test/unit/fsck/every-octet.test.ts',
];
const { status } = spawnSync(process.execPath, ['scripts/test.mjs', ...files], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    POSTERN_SOAK_ROUNDS: rounds,
    POSTERN_SOAK_FAULTS: 'all',
    POSTERN_FORGED: '1000',
    POSTERN_DAMAGED: '5000',
    POSTERN_CUTS: '16',
    POSTERN_FLIP_ONE_IN: '1',
    POSTERN_SOAK_RACE_STRIDE: '1',
    POSTERN_SOAK_RACE_SCANS: '100',
    POSTERN_MANY_FILES: '200000',
  },
});
process.exit(status ?? 1);
