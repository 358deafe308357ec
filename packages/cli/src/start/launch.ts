#!/usr/bin/env node
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, Script } from 'node:vm';
import { commandWord } from '../command-word.js';
import { CodeCache } from './code-cache.js';

/*
 * The entry of the bundle: loads its scripts as `require` would, with what V8 compiled of them in an earlier run. Node 20 has
 * nothing for it; the file and its scripts are CommonJS, for modules cannot be made with such data.
 */

/** Another text for another bundle; scripts/bundle.mjs puts it here. */
const BUILD = '__BUILD__';

const directory = dirname(fileURLToPath(import.meta.url));
const main = join(directory, 'main.js');
const requireOther = createRequire(main);
/** Smaller ones are compiled as fast. */
const WORTH_KEEPING = 1 << 14;

/** What the compiled code is kept under: one command needs other functions than another. */
function commandIn(words: readonly string[]): string {
  const command = commandWord(words) ?? '';
  return /^[a-z-]{1,20}$/.test(command) ? command : 'other';
}

function load(): void {
  const loader = (constants as { readonly USE_MAIN_CONTEXT_DEFAULT_LOADER?: number } | undefined)
    ?.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  if (loader === undefined || process.env['NODE_DISABLE_COMPILE_CACHE'] === '1') {
    requireOther(main);
    return;
  }
  const cache = new CodeCache(BUILD, commandIn(process.argv.slice(2)));
  process.on('exit', code => {
    if (code === 0) cache.save();
  });
  const loaded = new Map<string, { exports: unknown }>();
  const requireScript = (id: string): unknown => {
    if (!id.startsWith('./')) return requireOther(id);
    const name = id.slice(2);
    const known = loaded.get(name);
    if (known !== undefined) return known.exports;
    const module = { exports: {} };
    loaded.set(name, module);
    const filename = join(directory, name);
    const text = readFileSync(filename, 'utf8');
    const isLarge = text.length >= WORTH_KEEPING;
    const { mtimeMs } = statSync(filename);
    const edition = `${name} ${text.length} ${mtimeMs}`;
    const cachedData = isLarge ? cache.of(edition) : undefined;
    const script = new Script(`(function (exports, require, module, __filename, __dirname) { ${text}\n})`, {
      filename,
      importModuleDynamically: loader,
      ...(cachedData === undefined ? {} : { cachedData }),
    });
    if (isLarge) cache.note(edition, script);
    const run = script.runInThisContext() as (...words: unknown[]) => void;
    run.call(module.exports, module.exports, requireScript, module, filename, directory);
    return module.exports;
  };
  requireScript('./main.js');
}

load();
