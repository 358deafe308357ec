import { createHash } from 'node:crypto';
import { readdirSync, statSync, unlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { cachedDataVersionTag } from 'node:v8';
import type { Script } from 'node:vm';
import { makeOwnDirectory, readOwnFile, replaceOwnFile } from './own-files.js';

/** Files this old are likely those of V8 versions and builds that are not used any more. */
const FORGOTTEN_MS = 30 * 86_400_000;
const DIGEST = 32;
const OURS = 'postern';

/**
 * What V8 compiled of the bundle, kept between runs in the user's cache directory, a file for each command: to compile is a third of the
 * time of a command with little to do. Only a cache: it may be removed at any time, and whatever goes wrong with it means to
 * compile anew. V8 trusts it, so it has to be ours alone, and whole.
 */
export class CodeCache {
  /** Undefined where nothing can be kept. */
  readonly #base = cacheBase();
  readonly #name: string;
  readonly #scripts = new Map<string, Script>();
  #known: ReadonlyMap<string, Buffer> | undefined;
  #isIncomplete = false;

  /** `build`: another text for other scripts. */
  constructor(build: string, command: string) {
    this.#name = `code-${build}-${cachedDataVersionTag().toString(16)}-${command}`;
  }

  /** What is kept of a script, for `vm.Script`. */
  of(script: string): Buffer | undefined {
    this.#known ??= this.#read();
    return this.#known.get(script);
  }

  /** A script that was made with what `of` gave. */
  note(name: string, script: Script): void {
    this.#scripts.set(name, script);
    if (script.cachedDataRejected !== false) this.#isIncomplete = true;
  }

  /** Keeps what was compiled in this run, if there is any news; to be called at its end, for functions are compiled when called. */
  save(): void {
    if (this.#base === undefined || !this.#isIncomplete) return;
    const directory = join(this.#base, OURS);
    try {
      makeOwnDirectory(this.#base);
      makeOwnDirectory(directory);
      const data = [...this.#scripts].map(([name, script]) => [name, script.createCachedData()] as const);
      const header = Buffer.from(JSON.stringify(data.map(([name, { length }]) => [name, length])));
      const length = Buffer.alloc(4);
      length.writeUInt32BE(header.length);
      const body = Buffer.concat([length, header, ...data.map(([, octets]) => octets)]);
      replaceOwnFile(join(directory, this.#name), Buffer.concat([digestOf(body), body]));
      forgetOld(directory);
    } catch {
      // The next run compiles again.
    }
  }

  #read(): ReadonlyMap<string, Buffer> {
    if (this.#base === undefined) return new Map();
    try {
      const octets = readOwnFile(join(this.#base, OURS, this.#name));
      const body = octets.subarray(DIGEST);
      if (!digestOf(body).equals(octets.subarray(0, DIGEST))) return new Map();
      let at = 4 + body.readUInt32BE(0);
      const parts = JSON.parse(body.toString('utf8', 4, at)) as [string, number][];
      const known = new Map<string, Buffer>();
      for (const [name, length] of parts) {
        known.set(name, body.subarray(at, at + length));
        at += length;
      }
      return known;
    } catch {
      return new Map();
    }
  }
}

function cacheBase(): string | undefined {
  const given = process.env['XDG_CACHE_HOME'] ?? '';
  if (isAbsolute(given)) return given;
  try {
    const home = homedir();
    return isAbsolute(home) ? join(home, '.cache') : undefined;
  } catch {
    // A user nobody knows.
    return undefined;
  }
}

function forgetOld(directory: string): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (name.startsWith('code-') && Date.now() - statSync(path).mtimeMs > FORGOTTEN_MS) unlinkSync(path);
  }
}

function digestOf(octets: Buffer): Buffer {
  return createHash('sha256').update(octets).digest();
}
