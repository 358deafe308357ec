import { type BigIntStats, lstatSync } from 'node:fs';
import type { Clock } from '../../model/clock.js';
import type { Seam } from '../../model/effect.js';
import { errnoOf } from '../../model/error.js';
import { sameFlags } from '../../model/flags.js';
import type { Removal, RemoveOutcome } from '../side.js';
import type { Attic, InAttic } from './attic.js';
import { Breather } from './breather.js';
import { Census } from './census.js';
import { reasonOf } from './file-errors.js';
import { baseOf, parseFileName } from './file-name.js';
import type { Lately } from './lately.js';
import { digestFile, type Found, fileStamp, sameFile } from './mail-file.js';
import { join, type Octets, pathBytes } from './octets.js';
import { unlinkFile } from './place-file.js';
import type { MailDirectories, Spot } from './scan-pass.js';
import { syncDirectory } from './write-file.js';

export interface Removing {
  readonly directories: MailDirectories;
  readonly seam: Seam;
  readonly clock: Clock;
  readonly attic: Attic;
  readonly lately: Lately;
}

interface Kept {
  readonly found: Extract<Found, { kind: 'file' }>;
  readonly copy: InAttic;
  /** Of the copy when it was verified. */
  readonly stats: BigIntStats;
}

/**
 * Removes messages: each gets a name in the attic, its bytes are verified there, the attic is made durable, and only then
 * its names in the mailbox go, if they still are that very file. What is refused or changed leaves nothing in the attic.
 */
export class MaildirRemoval {
  readonly #directories: MailDirectories;
  readonly #seam: Seam;
  readonly #attic: Attic;
  readonly #clock: Clock;
  readonly #lately: Lately;
  readonly #breather = new Breather();
  readonly #touched = new Set<Spot['directory']>();

  constructor({ directories, seam, clock, attic, lately }: Removing) {
    this.#lately = lately;
    this.#directories = directories;
    this.#seam = seam;
    this.#clock = clock;
    this.#attic = attic;
  }

  async remove(removals: readonly Removal[]): Promise<readonly RemoveOutcome[]> {
    const bases = removals.map(({ expect }) => baseOf(expect.key));
    const directories = this.#directories;
    const wanted = bases.filter(base => base !== undefined);
    const first = this.#lately.passOver(directories, wanted);
    const census = await Census.take({ directories, clock: this.#clock, wanted, first, stableNeeded: 2 });
    const kept: (Kept | RemoveOutcome)[] = [];
    for (const [index, removal] of removals.entries()) {
      kept.push(await this.#keepCopy(census, bases[index], removal));
    }
    await this.#attic.sync();
    const outcomes = kept.map(step => ('kind' in step ? step : this.#unlink(step)));
    for (const directory of this.#touched) await syncDirectory(this.#seam, this.#directories[directory]);
    return outcomes;
  }

  async #keepCopy(census: Census, base: Octets | undefined, removal: Removal): Promise<Kept | RemoveOutcome> {
    let step: Kept | RemoveOutcome | undefined;
    if (base !== undefined) {
      await census.settle([base], async (_base, found) => {
        step =
          found.kind === 'file'
            ? await this.#link(found, removal)
            : { kind: 'refused', reason: found.reason };
        return step === undefined ? 'vanished' : 'settled';
      });
    }
    if (step !== undefined) return step;
    if (base === undefined || census.isGone(base)) return { kind: 'gone' };
    return { kind: 'refused', reason: 'it is renamed by someone else all the time' };
  }

  /** Undefined when the file is not there any more under the name it was seen with. */
  async #link(
    found: Extract<Found, { kind: 'file' }>,
    { expect, content, operation }: Removal,
  ): Promise<Kept | RemoveOutcome | undefined> {
    const letters = this.#directories.keywords.letters();
    if (!sameFlags(letters.flagsOf(parseFileName(found.spots[0]!.name)), expect.flags)) {
      return { kind: 'changed', reason: 'its flags changed' };
    }
    let copy: InAttic;
    try {
      copy = this.#attic.take({
        file: found.path,
        name: found.spots[0]!.name,
        operation,
        mailbox: this.#directories.mailbox,
      });
    } catch (error) {
      const reason = reasonOf(error);
      return errnoOf(error) === 'ENOENT' ? undefined : { kind: 'refused', reason };
    }
    const file = await digestFile(copy.path, async () => {
      if (this.#breather.isDue) await this.#breather.breath();
    });
    if (this.#breather.isDue) await this.#breather.breath();
    if (file.kind !== 'read') {
      return this.#giveBack(
        { found, copy },
        {
          kind: 'refused',
          reason: file.kind === 'unreadable' ? file.reason : 'its copy in the attic vanished',
        },
      );
    }
    const { identity } = file.facts;
    const wanted = content ?? expect.identity.content;
    const isSame =
      wanted === undefined
        ? identity.digest === expect.identity.digest && expect.stamp === fileStamp(file.stats)
        : identity.content === wanted;
    if (!isSame)
      return this.#giveBack({ found, copy }, { kind: 'changed', reason: 'its content is another one now' });
    return { found, copy, stats: file.stats };
  }

  #unlink(kept: Kept): RemoveOutcome {
    const where = this.#attic.shown(kept.copy.path);
    for (const { directory } of kept.found.spots) this.#touched.add(directory);
    if (!kept.copy.isLink) return { kind: 'done', where };
    try {
      for (const spot of kept.found.spots) {
        const path = join(this.#directories[spot.directory], spot.name);
        const stats = lstatSync(pathBytes(path), { bigint: true });
        if (!sameFile(stats, kept.stats) || fileStamp(stats) !== fileStamp(kept.stats)) {
          return this.#giveBack(kept, { kind: 'changed', reason: 'it was replaced meanwhile' });
        }
        unlinkFile(this.#seam, path);
      }
      return { kind: 'done', where };
    } catch (error) {
      const reason = reasonOf(error);
      const isMoved = errnoOf(error) === 'ENOENT';
      return this.#giveBack(
        kept,
        isMoved ? { kind: 'changed', reason: 'it was renamed meanwhile' } : { kind: 'refused', reason },
      );
    }
  }

  /** What the attic has to keep is out of the mailbox, so it is removed after all. */
  #giveBack({ found, copy }: Omit<Kept, 'stats'>, outcome: RemoveOutcome): RemoveOutcome {
    if (this.#attic.giveBack(copy, found.path)) return outcome;
    return { kind: 'done', where: this.#attic.shown(copy.path) };
  }
}
