import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { cachedDataVersionTag } from 'node:v8';
import type { Script } from 'node:vm';

/** Written by V8 versions and builds that are not used any more. */
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
    const path = join(directory, this.#name);
    const aside = `${path}.${randomBytes(6).toString('hex')}`;
    try {
      makeOwn(this.#base);
      makeOwn(directory);
      const data = [...this.#scripts].map(([name, script]) => [name, script.createCachedData()] as const);
      const header = Buffer.from(JSON.stringify(data.map(([name, { length }]) => [name, length])));
      const length = Buffer.alloc(4);
      length.writeUInt32BE(header.length);
      const body = Buffer.concat([length, header, ...data.map(([, octets]) => octets)]);
      writeFileSync(aside, Buffer.concat([digestOf(body), body]), { mode: 0o600, flag: 'wx' });
      renameSync(aside, path);
      forgetOld(directory);
    } catch {
      // The next run compiles again.
      removeIfThere(aside);
    }
  }

  #read(): ReadonlyMap<string, Buffer> {
    if (this.#base === undefined) return new Map();
    try {
      const octets = readOwn(join(this.#base, OURS, this.#name));
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

/** Makes a directory in one of ours. Throws where it is somebody else's: what root leaves in a user's home is in the way there. */
function makeOwn(directory: string): void {
  if (!existsSync(directory)) {
    demandOurs(statSync(dirname(directory)));
    mkdirSync(directory, { mode: 0o700 });
  }
  demandOurs(statSync(directory));
}

function demandOurs({ uid }: Stats): void {
  if (uid !== process.getuid?.()) throw new Error('not ours');
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was never made.
  }
}

function forgetOld(directory: string): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (name.startsWith('code-') && Date.now() - statSync(path).mtimeMs > FORGOTTEN_MS) unlinkSync(path);
  }
}

/** Throws where anybody else may have written the file. */
function readOwn(path: string): Buffer {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    demandOurs(stats);
    if (!stats.isFile() || (stats.mode & 0o022) !== 0) throw new Error('no file of ours alone');
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

function digestOf(octets: Buffer): Buffer {
  return createHash('sha256').update(octets).digest();
}
