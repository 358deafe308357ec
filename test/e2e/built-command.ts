import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = fileURLToPath(new URL('../../packages/', import.meta.url));

const BUNDLE = join(PACKAGES, 'cli', 'bundle', 'postern.js');

let checked = false;

/** Throws when the command that is built is not the one of the sources: a test of it would prove nothing. */
export function assertBuilt(): void {
  if (checked) return;
  for (const name of ['core', 'fsck', 'cli']) {
    const built = join(PACKAGES, name, 'tsconfig.tsbuildinfo');
    const source = join(PACKAGES, name, 'src');
    if (!existsSync(built) || statSync(built).mtimeMs < newest(source)) {
      throw new Error(`packages/${name} is not built, or changed since; run: npm run build`);
    }
    if (!existsSync(BUNDLE) || statSync(BUNDLE).mtimeMs < statSync(built).mtimeMs) {
      throw new Error('packages/cli/bundle is older than what it is made of; run: npm run build');
    }
  }
  checked = true;
}

/** When a source file below a directory was last written. */
function newest(directory: string): number {
  return Math.max(
    0,
    ...readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter(one => one.isFile() && one.name.endsWith('.ts'))
      .map(one => statSync(join(one.parentPath, one.name)).mtimeMs),
  );
}
