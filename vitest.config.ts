import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vitest/config';

const source = (name: string) => fileURLToPath(new URL(`./packages/${name}/src/`, import.meta.url));

/** Node runs no sources in a thread: there it is what was built of them. */
const builtThreads: Plugin = {
  name: 'built-threads',
  enforce: 'pre',
  transform: (code, id) =>
    id.endsWith('/side/maildir/scribe.ts')
      ? code.replace("'./scribe-thread.js'", "'../../../dist/side/maildir/scribe-thread.js'")
      : undefined,
};

export default defineConfig({
  plugins: [builtThreads],
  resolve: {
    // Tests run on the sources; `@postern/core/model/row.js` is packages/core/src/model/row.ts.
    alias: [
      { find: /^@postern\/core\/(.*)\.js$/, replacement: `${source('core')}$1.ts` },
      { find: /^@postern\/fsck\/(.*)\.js$/, replacement: `${source('fsck')}$1.ts` },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
