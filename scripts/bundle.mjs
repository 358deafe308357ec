// Makes packages/cli/bundle from packages/*/dist: the command in a few files instead of five hundred, so that it starts in a third
// of the time. Chunks are loaded when a command needs them. What no command of ours calls (proxies, loggers and charsets
// of imapflow) is left outside, and loaded if it ever is called.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const cli = fileURLToPath(new URL('../packages/cli/', import.meta.url));
const scribe = fileURLToPath(new URL('../packages/core/dist/side/maildir/scribe-thread.js', import.meta.url));

/** Packages that imapflow imports at once and calls for what we never ask of it, with the names it imports. */
const SELDOM = new Map([
  ['socks', ['SocksClient']],
  ['pino', []],
  ['libmime', []],
  ['libqp', []],
  ['libbase64', []],
  ['iconv-lite', []],
  ['encoding-japanese', []],
  ['@zone-eu/mailsplit', ['Headers']],
  ['@zone-eu/mailsplit/lib/flowed-decoder.js', []],
]);
const LAZY = '\0lazy:';

/** A module that loads the real one at the first use of any of its names. */
function lazyModule(name, exports) {
  return [
    "import { createRequire } from 'node:module';",
    'const require = createRequire(import.meta.url);',
    "const imapflow = createRequire(require.resolve('imapflow'));",
    'let real;',
    `const module = () => (real ??= imapflow(${JSON.stringify(name)}));`,
    'const lazily = pick => new Proxy(function () {}, {',
    '  get: (_target, key) => pick()[key],',
    '  apply: (_target, self, args) => Reflect.apply(pick(), self, args),',
    '  construct: (_target, args) => Reflect.construct(pick(), args),',
    '});',
    'export default lazily(module);',
    ...exports.map(one => `export const ${one} = lazily(() => module().${one});`),
  ].join('\n');
}

const HASHBANG = '#!/usr/bin/env node';
/**
 * A shell takes the second line as a command, Node as a text and a comment. glibc gives each thread an arena of its own, and what
 * has been freed in one is of no use in another: a quarter of the memory of a first sync. It is told at start or never.
 */
const SHELL = `#!/bin/sh
':' //; MALLOC_ARENA_MAX="\${MALLOC_ARENA_MAX-1}"; export MALLOC_ARENA_MAX; exec node "$0" "$@"`;

const unfinished = `${cli}bundle-${process.pid}`;
const minify = { compress: false, mangle: false, codegen: { removeWhitespace: true } };
const build = await rolldown({
  input: `${cli}dist/main.js`,
  platform: 'node',
  external: ['classic-level', 'msgpackr-extract'],
  onLog: (level, log, handle) => {
    // A command loads what it needs when it needs it; some of that others load at once.
    if (log.code !== 'INEFFECTIVE_DYNAMIC_IMPORT') handle(level, log);
  },
  plugins: [
    {
      name: 'seldom',
      resolveId: id => (SELDOM.has(id) ? `${LAZY}${id}` : undefined),
      load: id =>
        id.startsWith(LAZY)
          ? lazyModule(id.slice(LAZY.length), SELDOM.get(id.slice(LAZY.length)))
          : undefined,
    },
  ],
});
await build.write({
  dir: unfinished,
  format: 'cjs',
  strict: true,
  entryFileNames: 'main.js',
  chunkFileNames: '[name].js',
  codeSplitting: {
    groups: [
      { name: 'imapflow', test: /node_modules.imapflow|lazy:/ },
      { name: 'libraries', test: /node_modules/ },
      { name: 'fsck', test: /packages.fsck/ },
      { name: 'core', test: /packages.(core|cli).dist.(?!main|version|interrupts|keep-heap)/ },
    ],
  },
  minify,
});
// A thread has a file of its own, with no more in it than the thread needs.
const thread = await rolldown({ input: scribe, platform: 'node' });
await thread.write({ file: `${unfinished}/scribe-thread.js`, format: 'cjs', strict: true, minify });
const hash = createHash('sha256');
for (const name of readdirSync(unfinished).sort()) hash.update(readFileSync(`${unfinished}/${name}`));
const launch = await rolldown({ input: `${cli}dist/start/launch.js`, platform: 'node' });
const { output } = await launch.generate({ format: 'cjs', strict: true, minify });
const entry = output[0].code;
// Without it, code compiled of one bundle would be taken for that of another.
if (!entry.includes('__BUILD__')) throw new Error('the entry has no place for the build');
if (!entry.startsWith(`${HASHBANG}\n`)) throw new Error('the entry does not begin as it should');
writeFileSync(
  `${unfinished}/postern.js`,
  entry.replace('__BUILD__', hash.digest('hex').slice(0, 16)).replace(HASHBANG, () => SHELL),
  { mode: 0o755 },
);
writeFileSync(`${unfinished}/package.json`, '{"type":"commonjs"}\n');
rmSync(`${cli}bundle`, { recursive: true, force: true });
renameSync(unfinished, `${cli}bundle`);
