import { lstatSync } from 'node:fs';
import { errnoOf } from '../../model/error.js';
import type { Row } from '../../model/row.js';
import type { MoveOutcome, Relocation } from '../side.js';
import { type ExpectedFile, eachExpected } from './expected-files.js';
import { reasonOf } from './file-errors.js';
import { baseOf, keyOf, parseFileName } from './file-name.js';
import { fileStamp, findFile, sameFile } from './mail-file.js';
import { join, type Octets, pathBytes } from './octets.js';
import { placeFile, unlinkFile } from './place-file.js';
import { type Relocating, rowAt, spotFor, syncTouched, type TargetSpot } from './relocation.js';
import { type Pass, type Spot, takePass } from './scan-pass.js';

interface Linked {
  readonly kind: 'linked' | 'moved' | 'was linked';
  readonly file: ExpectedFile;
  readonly spot: TargetSpot;
}

type NotLinked = Extract<MoveOutcome, { readonly kind: 'changed' }>;

/**
 * Moves messages: each gets a name in the target, the target is made durable, and only then its names in the source go, if
 * they still are that very file. A message that a move which died had linked already is not linked again.
 */
export class MaildirMove {
  readonly #place: Relocating;
  readonly #touched = { from: new Set<Spot['directory']>(), to: new Set<Spot['directory']>() };

  constructor(place: Relocating) {
    this.#place = place;
  }

  /** `arrived`: the names in the target of rows that an earlier move brought there. Only one and the same file counts. */
  async move(
    rows: readonly Row[],
    arrived: Relocation['arrived'] = new Map(),
  ): Promise<readonly MoveOutcome[]> {
    const { from, to, seam, clock } = this.#place;
    const there = takePass(to);
    const steps = await eachExpected<Linked | MoveOutcome>({ directories: from, clock }, rows, async file => {
      const name = arrived.get(keyOf(parseFileName(file.spots[0]!.name).base));
      return name === undefined ? this.#link(file, there) : this.#linked(file, there, baseOf(name));
    });
    await syncTouched(seam, to, this.#touched.to);
    const outcomes = steps.map(step => ('file' in step ? this.#unlink(step) : step));
    await syncTouched(seam, from, this.#touched.from);
    return outcomes;
  }

  /** Undefined when the file is not there any more under the name it was seen with. */
  async #link(file: ExpectedFile, there: Pass): Promise<Linked | MoveOutcome | undefined> {
    const { to, seam, names } = this.#place;
    const { base } = parseFileName(file.spots[0]!.name);
    const linked = this.#linked(file, there, base);
    if (linked.kind === 'was linked') return linked;
    const taken = findFile(to, there.spots.get(base) ?? []);
    const own = await spotFor(this.#place, file, base);
    const isFree = taken.kind === 'vanished' || ('name' in own && this.#isPlaceholder(own, there, base));
    const spot = isFree ? own : await spotFor(this.#place, file, names.next());
    if ('kind' in spot) return spot;
    try {
      if (isFree && taken.kind !== 'vanished') unlinkFile(seam, join(to[spot.directory], spot.name));
      const kind = placeFile({ seam, from: file.path, to: join(to[spot.directory], spot.name) });
      this.#touched.to.add(spot.directory);
      return { kind, file, spot };
    } catch (error) {
      const reason = reasonOf(error);
      return errnoOf(error) === 'ENOENT' ? undefined : { kind: 'refused', reason };
    }
  }

  #linked(file: ExpectedFile, there: Pass, base: Octets | undefined): Linked | NotLinked {
    const { to } = this.#place;
    const taken = findFile(to, base === undefined ? [] : (there.spots.get(base) ?? []));
    if (taken.kind !== 'file' || !sameFile(taken.stats, file.stats)) {
      return { kind: 'changed', reason: 'what is in the other mailbox is another file' };
    }
    for (const { directory } of taken.spots) this.#touched.to.add(directory);
    const spot = { ...taken.spots[0]!, letters: to.keywords.letters() };
    return { kind: 'was linked', file, spot };
  }

  /** On a file system without hard links, a move that died left an empty file under the name it had chosen. */
  #isPlaceholder({ directory, name }: Spot, there: Pass, base: Octets): boolean {
    const spots = there.spots.get(base) ?? [];
    if (spots.length !== 1 || spots[0]!.directory !== directory || spots[0]!.name !== name) return false;
    const stats = lstatSync(pathBytes(join(this.#place.to[directory], name)), { throwIfNoEntry: false });
    return stats?.isFile() === true && stats.size === 0;
  }

  #unlink(step: Linked): MoveOutcome {
    const { from, seam } = this.#place;
    const { file, spot } = step;
    const moved = { kind: 'done', row: rowAt(spot, file, file.stats) } as const;
    for (const { directory } of file.spots) this.#touched.from.add(directory);
    if (step.kind === 'moved') return moved;
    try {
      for (const { directory, name } of file.spots) {
        const path = join(from[directory], name);
        const stats = lstatSync(pathBytes(path), { bigint: true });
        if (!sameFile(stats, file.stats) || fileStamp(stats) !== fileStamp(file.stats)) {
          return this.#giveBack(step, { kind: 'changed', reason: 'it was replaced meanwhile' }, moved);
        }
        unlinkFile(seam, path);
      }
      return moved;
    } catch (error) {
      const reason = reasonOf(error);
      const isRenamed = errnoOf(error) === 'ENOENT';
      return this.#giveBack(
        step,
        isRenamed ? { kind: 'changed', reason: 'it was renamed meanwhile' } : { kind: 'refused', reason },
        moved,
      );
    }
  }

  /** Takes the name in the target back, unless it is the last one the message has: then it moved after all. */
  #giveBack({ kind, spot }: Linked, outcome: MoveOutcome, moved: MoveOutcome): MoveOutcome {
    if (kind !== 'linked') return outcome;
    const path: Octets = join(this.#place.to[spot.directory], spot.name);
    if (lstatSync(pathBytes(path), { bigint: true }).nlink === 1n) return moved;
    unlinkFile(this.#place.seam, path);
    return outcome;
  }
}
