import { clockBlur } from '@postern/core/side/maildir/clock-blur.js';
import { describe, expect, it } from 'vitest';

const blur = (directories: readonly string[], changed: bigint) =>
  clockBlur(
    directories.map(path => Buffer.from(path)),
    changed,
  );

/** A tmpfs wherever there is Linux. */
const MEMORY = '/dev/shm';
const CHANGED = 1_795_323_186_123_456_789n;

describe('how long two changes of a directory may look like one', () => {
  it('is a tenth of a second where the kernel notes nanoseconds', () => {
    expect(blur([MEMORY, MEMORY], CHANGED)).toBe(100n);
  });

  it.each([
    ['a file system that is not known for it', [MEMORY, '/proc'], CHANGED],
    ['a directory that is not there', [MEMORY, '/dev/shm/none/such'], CHANGED],
    ['one that notes whole seconds', [MEMORY], 1_795_323_186_000_000_000n],
  ])('is two seconds for %s', (_what, directories, changed) => {
    expect(blur(directories, changed)).toBe(2000n);
  });
});
