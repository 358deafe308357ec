import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

const MEMORY = '/dev/shm';

/**
 * Lets the tests of a file make their temporary files in memory, where there is such a file system: for those that make
 * databases by the thousand. What a test leaves there is gone after the last one.
 */
export function useMemoryForFiles(): void {
  const before = process.env['TMPDIR'];
  let scratch: string | undefined;
  beforeAll(() => {
    if (!existsSync(MEMORY)) return;
    scratch = mkdtempSync(join(MEMORY, 'postern-test-'));
    process.env['TMPDIR'] = scratch;
  });
  afterAll(() => {
    if (scratch === undefined) return;
    rmSync(scratch, { recursive: true });
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  });
}
