import { resolve } from 'node:path';
import type { SideName } from '../../model/by-side.js';
import type { Clock } from '../../model/clock.js';
import type { Seam } from '../../model/effect.js';
import { PosternError } from '../../model/error.js';
import { INBOX, type MailboxName } from '../../model/mailbox.js';
import {
  type Cursor,
  type Epoch,
  type Listing,
  type MessageKey,
  NO_EPOCH,
  type Problem,
  type Row,
} from '../../model/row.js';
import { type Changes, type Earlier, SnapshotTaker } from '../earlier.js';
import type {
  CopyOutcome,
  DeliveryBatch,
  FlagChange,
  FlagOutcome,
  Foreseen,
  Letter,
  MoveOutcome,
  Relocation,
  Removal,
  RemoveOutcome,
  Seen,
  Side,
  Sight,
  Witness,
} from '../side.js';
import { Attic } from './attic.js';
import { type CopyKind, MaildirCopy } from './copying.js';
import { removeMailbox } from './delete-mailbox.js';
import { MaildirDelivery } from './delivery.js';
import { mailboxUnwritable } from './file-errors.js';
import { flagFiles } from './flagging.js';
import { Lately } from './lately.js';
import { isDirectory, type MaildirLayout } from './layout.js';
import { MailboxKeywords } from './mailbox-keywords.js';
import { MailboxPlaces } from './mailbox-places.js';
import { entriesOfTree, UNFINISHED } from './mailbox-tree.js';
import { makeDirectory } from './make-directory.js';
import { makeMailbox } from './make-mailbox.js';
import { markLevels } from './mark-levels.js';
import { MaildirMove } from './moving.js';
import { join, type Octets, octetsOfText } from './octets.js';
import { exists } from './place-file.js';
import { readFiles } from './reading.js';
import type { Relocating } from './relocation.js';
import { MaildirRemoval } from './removal.js';
import { isBegun, markedNames, renameDirectory } from './rename-mailbox.js';
import { isAsAt, scanMailbox } from './scan.js';
import { directoryStamps, MailDirectories } from './scan-pass.js';
import { sweepTemporary } from './sweep.js';
import { UniqueNames } from './unique-names.js';
import { Volume } from './volume.js';
import { readWitnessFile, witnessName, writeWitnessFile } from './witness.js';
import { syncDirectory } from './write-file.js';

export interface MaildirSideOptions {
  /** The directory of the Maildir; a relative one is taken from the current directory. */
  readonly root: string;
  readonly layout: MaildirLayout;
  /** The repository's id, and the position this side has in it: they name the witness. */
  readonly repository: string;
  readonly position: SideName;
  readonly seam: Seam;
  /** The time of day, as the file system has it. */
  readonly clock: Clock;
  /** Letters and digits that no one can guess, another text each time. */
  readonly random: () => string;
  /** Where removed files go, on the file system of the mail; `<root>/.postern/attic` unless given. */
  readonly attic?: string;
  /** The host in the names of new files; this machine's unless given. */
  readonly host?: string;
  /** Keywords as letters that `dovecot-keywords` files name; on unless given. */
  readonly keywords?: boolean;
  /** What a copy is: a file of its own unless given. */
  readonly copies?: CopyKind;
  /** The file system of the mail. */
  readonly volume?: Volume;
}

/** The port on a Maildir. Keys are base names; bytes on disk have LF line ends. */
export class MaildirSide extends SnapshotTaker implements Side {
  readonly kind = 'maildir';
  readonly keys = 'file';
  readonly address: string;
  readonly #places: MailboxPlaces;
  readonly #seam: Seam;
  readonly #clock: Clock;
  readonly #names: UniqueNames;
  readonly #attic: Attic;
  readonly #witness: Octets;
  readonly #copies: CopyKind;
  readonly #options: MaildirSideOptions;
  /** By mailbox directory; undefined where keywords are switched off. */
  readonly #keywords: Map<Octets, MailboxKeywords> | undefined;
  readonly #volume: Volume;
  readonly #lately = new Lately();

  /** `sibling`: another one on this Maildir, whose knowledge serves this one too. */
  constructor(options: MaildirSideOptions, sibling?: MaildirSide) {
    super();
    const known = sibling && { places: sibling.#places, volume: sibling.#volume };
    const root = resolve(options.root);
    this.#options = { ...options, root };
    this.address = `maildir:${root}`;
    this.#places = new MailboxPlaces(octetsOfText(root), options.layout, known?.places.last);
    this.#volume = known?.volume ?? options.volume ?? new Volume();
    this.#seam = options.seam;
    this.#clock = options.clock;
    this.#names = new UniqueNames(options.clock, options.random, options.host);
    this.#attic = new Attic({
      path: octetsOfText(options.attic === undefined ? `${root}/.postern/attic` : resolve(options.attic)),
      seam: options.seam,
      random: () => this.#names.randomPart(),
    });
    this.#witness = witnessName(options.position, options.repository);
    this.#copies = options.copies ?? 'files';
    this.#keywords = options.keywords === false ? undefined : new Map();
  }

  async list(): Promise<Listing> {
    const tree = this.#places.read();
    return { entries: entriesOfTree(tree), problems: tree.problems, hidden: tree.hidden };
  }

  async changes(mailbox: MailboxName, earlier: Earlier | undefined, seen?: Seen): Promise<Changes> {
    return scanMailbox(this.#directories(mailbox), earlier, this.#clock, seen);
  }

  async isAsAt(mailbox: MailboxName, cursor: Cursor): Promise<boolean> {
    return isAsAt(this.#directories(mailbox), cursor, this.#clock);
  }

  async look(...[mailbox, epoch, keys, when = 'now']: Parameters<Side['look']>): Promise<Sight> {
    return this.#lately.look(this.#directories(mailbox, epoch), keys, when, this.#clock);
  }

  async foresee(mailbox: MailboxName, epoch: Epoch, questions: Foreseen): Promise<void> {
    this.#lately.foresee(this.#directories(mailbox, epoch), questions, this.#clock);
  }

  async read(
    mailbox: MailboxName,
    epoch: Epoch,
    rows: readonly Row[],
    take: (letter: Letter) => Promise<void>,
  ): Promise<void> {
    await readFiles({ directories: this.#directories(mailbox, epoch), clock: this.#clock }, rows, take);
  }

  async deliver(mailbox: MailboxName): Promise<DeliveryBatch> {
    const directories = this.#directories(mailbox);
    directoryStamps(directories);
    // Tools that copy a Maildir leave empty directories behind.
    await this.#writing(mailbox, async () => makeDirectory(this.#seam, directories.tmp));
    return new MaildirDelivery({
      directories,
      seam: this.#seam,
      clock: this.#clock,
      names: this.#names,
      volume: this.#volume,
    });
  }

  async flag(
    mailbox: MailboxName,
    epoch: Epoch,
    changes: readonly FlagChange[],
  ): Promise<readonly FlagOutcome[]> {
    const directories = this.#directories(mailbox, epoch);
    return this.#writing(mailbox, () =>
      flagFiles({ directories, seam: this.#seam, clock: this.#clock, lately: this.#lately }, changes),
    );
  }

  async remove(
    mailbox: MailboxName,
    epoch: Epoch,
    removals: readonly Removal[],
  ): Promise<readonly RemoveOutcome[]> {
    const removal = new MaildirRemoval({
      directories: this.#directories(mailbox, epoch),
      seam: this.#seam,
      clock: this.#clock,
      attic: this.#attic,
      lately: this.#lately,
    });
    return this.#writing(mailbox, () => removal.remove(removals));
  }

  async move(request: Relocation): Promise<readonly MoveOutcome[]> {
    const place = this.#relocating(request);
    if (place.from.path === place.to.path) {
      return request.rows.map(() => ({ kind: 'refused', reason: 'it is in that mailbox already' }));
    }
    return this.#writing(request.to, () => new MaildirMove(place).move(request.rows, request.arrived));
  }

  async copy(request: Relocation): Promise<readonly CopyOutcome[]> {
    const place = this.#relocating(request);
    return this.#writing(request.to, () => new MaildirCopy(place, this.#copies).copy(request.rows));
  }

  async renameMailbox(mailbox: MailboxName, to: MailboxName): Promise<void> {
    const places = this.#places;
    const tree = places.read();
    const refuse = (why: string) =>
      new PosternError('server-refused', `the mailbox ${mailbox} cannot be renamed: ${why}`);
    if (mailbox === INBOX) throw refuse('it is INBOX');
    if (tree.contested.has(mailbox)) throw refuse('its directory is contested');
    const ends = {
      from: { mailbox, path: places.pathForNew(tree, mailbox) },
      to: { mailbox: to, path: places.pathForNew(tree, to) },
    };
    const [source, target] = [tree.places.get(mailbox), tree.places.get(to)];
    if (!isBegun(ends)) {
      if (source?.selectable !== true) throw refuse('it is not there');
      if (source.isHalf || target?.isHalf) throw refuse('another rename was not finished');
      if (target?.selectable) throw refuse(`${to} exists`);
      if (target !== undefined) await this.deleteMailbox(to);
    }
    places.forget();
    await this.#writing(mailbox, () => renameDirectory({ seam: this.#seam, ...ends }));
  }

  async finishRenames(): Promise<readonly Problem[]> {
    const problems: Problem[] = [];
    for (const [mailbox, { path, isHalf }] of this.#places.lately().places) {
      const names = isHalf ? markedNames(path) : undefined;
      if (names === undefined) continue;
      const tree = this.#places.lately();
      const end = (name: MailboxName) => ({ mailbox: name, path: this.#places.pathForNew(tree, name) });
      try {
        const ends = { from: end(names.from), to: end(names.to) };
        if (isBegun(ends)) await this.renameMailbox(names.from, names.to);
      } catch (error) {
        if (!(error instanceof PosternError)) throw error;
        problems.push({ mailbox, reason: error.message });
      }
    }
    return problems;
  }

  async deleteMailbox(mailbox: MailboxName): Promise<'done' | 'already'> {
    const tree = this.#places.read();
    const place = tree.places.get(mailbox);
    const refuse = (why: string) =>
      new PosternError('server-refused', `the mailbox ${mailbox} cannot be deleted: ${why}`);
    if (mailbox === INBOX) throw refuse('it is INBOX');
    if (tree.contested.has(mailbox)) throw refuse('its directory is contested');
    if (place?.isHalf) throw refuse('its rename was not finished');
    if (place === undefined || !(place.selectable || exists(join(place.path, UNFINISHED)))) return 'already';
    this.#places.forget();
    const removal = { seam: this.#seam, mailbox, path: place.path, layout: this.#places.layout };
    await this.#writing(mailbox, () => removeMailbox(removal));
    return 'done';
  }

  async createMailbox(mailbox: MailboxName): Promise<'done' | 'already'> {
    const tree = this.#places.read();
    if (tree.places.get(mailbox)?.isHalf) {
      throw new PosternError(
        'failed',
        `the mailbox ${mailbox} cannot be made: a rename was not finished there`,
        { mailbox },
      );
    }
    const path = this.#places.pathForNew(tree, mailbox);
    if (tree.places.get(mailbox)?.selectable && isComplete(path)) return 'already';
    const marked = this.#places.layout === 'maildir++' && path !== this.#places.root;
    this.#places.forget();
    await this.#writing(mailbox, () => makeMailbox({ seam: this.#seam, mailbox, path, marked }));
    this.#places.noteMade(tree, mailbox, path);
    return 'done';
  }

  async readWitness(mailbox: MailboxName): Promise<Witness | undefined | false> {
    return readWitnessFile(join(this.#directories(mailbox).path, this.#witness));
  }

  async writeWitness(mailbox: MailboxName, witness: Witness, options = { durable: true }): Promise<void> {
    const directory = this.#directories(mailbox).path;
    if (this.#places.layout === 'fs') {
      await this.#writing(mailbox, () =>
        markLevels(this.#seam, { root: this.#places.root, mailbox: directory }),
      );
    }
    await writeWitnessFile(this.#seam, { directory, name: this.#witness }, { witness, ...options });
  }

  async makeDurable(mailbox: MailboxName): Promise<void> {
    const directories = this.#directories(mailbox);
    await this.#writing(mailbox, async () => {
      for (const part of ['new', 'cur'] as const) await syncDirectory(this.#seam, directories[part]);
    });
  }

  async sweep(mailbox: MailboxName, keys: readonly MessageKey[]): Promise<void> {
    sweepTemporary(this.#seam, this.#directories(mailbox), keys);
  }

  async another(): Promise<Side> {
    return new MaildirSide(this.#options, this);
  }

  async close(): Promise<void> {}

  #relocating({ mailbox, epoch, to }: Relocation): Relocating {
    return {
      from: this.#directories(mailbox, epoch),
      to: this.#directories(to),
      seam: this.#seam,
      clock: this.#clock,
      names: this.#names,
    };
  }

  #directories(mailbox: MailboxName, epoch: Epoch = NO_EPOCH): MailDirectories {
    if (epoch !== NO_EPOCH) {
      throw new PosternError('snapshot-incomplete', `the keys of ${mailbox} are not those of a Maildir`);
    }
    const { path } = this.#places.find(mailbox);
    return new MailDirectories(mailbox, path, this.#keywordsOf(mailbox, path));
  }

  #keywordsOf(mailbox: MailboxName, path: Octets): MailboxKeywords {
    const known = this.#keywords?.get(path);
    if (known !== undefined) return known;
    if (this.#keywords === undefined) return new MailboxKeywords(undefined);
    const keywords = new MailboxKeywords({ mailbox, path, seam: this.#seam, clock: this.#clock });
    this.#keywords.set(path, keywords);
    return keywords;
  }

  async #writing<T>(mailbox: MailboxName, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      throw mailboxUnwritable(error, mailbox, this.#places.last?.places.get(mailbox)?.path);
    }
  }
}

const isComplete = (path: Octets) => ['cur', 'new', 'tmp'].every(name => isDirectory(join(path, name)));
