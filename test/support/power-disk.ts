import { existsSync, readdirSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Effect, Seam } from '@postern/core/model/effect.js';

/**
 * A seam that knows which files and names below a directory a power cut may take back: files that were not synced since the
 * seam was made, and renames whose directory was not. It assumes the worst of both.
 */
export class PowerDisk implements Seam {
  readonly #home: string;
  readonly #inner: Seam;
  readonly #old: ReadonlySet<string>;
  readonly #synced = new Set<string>();
  #renames: { readonly from: string; readonly to: string }[] = [];

  constructor(home: string, inner: Seam) {
    this.#home = home;
    this.#inner = inner;
    this.#old = new Set(filesBelow(home));
  }

  async run<T>(effect: Effect, act: () => Promise<T>): Promise<T> {
    const before = effect.name === 'rename' ? namesIn(dirname(effect.target)) : undefined;
    return this.#inner.run(effect, async () => {
      const result = await act();
      this.#note(effect, before);
      return result;
    });
  }

  runSync<T>(effect: Effect, act: () => T): T {
    return this.#inner.runSync(effect, act);
  }

  /** Leaves what is certain to be there after the power failed. */
  cutPower(): void {
    for (const { from, to } of this.#renames.reverse()) {
      if (existsSync(to) && !existsSync(from)) this.#moved(to, from);
    }
    for (const file of filesBelow(this.#home)) {
      if (!this.#old.has(file) && !this.#synced.has(file)) truncateSync(file, 0);
    }
  }

  #note({ surface, name, target }: Effect, before: ReadonlySet<string> | undefined): void {
    if (surface !== 'fs' || !target.startsWith(this.#home)) return;
    if (name === 'fsync') {
      if (statSync(target).isDirectory())
        this.#renames = this.#renames.filter(({ to }) => dirname(to) !== target);
      else this.#synced.add(target);
    } else if (name === 'rename' && before !== undefined) {
      const now = namesIn(dirname(target));
      const [gone] = [...before].filter(one => !now.has(one));
      if (gone === undefined) return;
      const from = join(dirname(target), gone);
      this.#renames.push({ from, to: target });
      this.#follow(from, target);
    }
  }

  #moved(from: string, to: string): void {
    if (existsSync(to)) rmSync(to, { recursive: true });
    renameSync(from, to);
    this.#follow(from, to);
  }

  /** Files keep being synced under another name. */
  #follow(from: string, to: string): void {
    for (const file of [...this.#synced]) {
      if (file.startsWith(`${from}/`)) this.#synced.add(to + file.slice(from.length));
    }
    for (const file of this.#old) {
      if (file.startsWith(`${from}/`)) this.#synced.add(to + file.slice(from.length));
    }
  }
}

function namesIn(directory: string): ReadonlySet<string> {
  return new Set(readdirSync(directory));
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap(entry => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}
