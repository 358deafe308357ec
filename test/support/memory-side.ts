import { type Effect, openSeam, type Seam } from '@postern/core/model/effect.js';
import { errnoOf, PosternError } from '@postern/core/model/error.js';
import { applyDelta, canStore, hasFlag, type PermanentFlags, sameFlags } from '@postern/core/model/flags.js';
import { INBOX, type MailboxName, mailboxName } from '@postern/core/model/mailbox.js';
import {
  type Cursor,
  type Epoch,
  type Glimpse,
  type Listing,
  type MailboxEntry,
  type MessageKey,
  NO_EPOCH,
  type Problem,
  type Row,
} from '@postern/core/model/row.js';
import { type Changes, type Earlier, SnapshotTaker, type TakeRows } from '@postern/core/side/earlier.js';
import type {
  CopyOutcome,
  DeliveryBatch,
  FlagChange,
  FlagOutcome,
  Foreseen,
  Letter,
  Moment,
  MoveOutcome,
  Relocation,
  Removal,
  RemoveOutcome,
  Seen,
  Side,
  Sight,
  Witness,
} from '@postern/core/side/side.js';
import { FileDelivery, inPortWords, UidDelivery } from './memory-delivery.js';
import { MemoryRelocation } from './memory-relocation.js';
import type { MemoryMailbox, MemoryWorld, StoredMessage } from './memory-world.js';

export interface MemorySideOptions {
  /** Two unless given, so that deliveries overlap. */
  readonly largestBatch?: number;
  readonly seam?: Seam;
  /** Uid worlds: the mailbox that LIST shows as \Trash. */
  readonly trash?: string;
  /** Names the account is subscribed to; nobody asks when absent. */
  readonly subscribed?: ReadonlySet<string>;
  /** Uid worlds: no APPENDUID and no UID EXPUNGE: the UID is searched for, and removals only mark \Deleted. */
  readonly withoutUidplus?: boolean;
  /** Uid worlds: no MOVE: messages are copied and expunged. */
  readonly withoutMove?: boolean;
  /** Uid worlds: no MODSEQ anywhere. */
  readonly withoutCondstore?: boolean;
  readonly permanentFlags?: PermanentFlags;
  /** Why a delivery is refused, e.g. over quota, or undefined. */
  readonly refuse?: (mailbox: MailboxName, bytes: Buffer) => string | undefined;
  readonly address?: string;
}

interface Change {
  readonly command: string;
  readonly call: string;
  readonly target: string;
}

const MAILDIR_FLAGS = ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen', '$Forwarded'];
const IMAP_FLAGS = ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen', '\\*'];
const CHUNK = 64 * 1024;
/** A first look at so many messages hands rows over. */
const LARGE = 3;

/** The port on a `MemoryWorld`: a good IMAP server (`uid`) or a Maildir (`file`), effect by effect. */
export class MemorySide extends SnapshotTaker implements Side {
  readonly kind = 'memory';
  readonly keys: 'uid' | 'file';
  readonly largestBatch: number;
  readonly address: string;
  readonly #world: MemoryWorld;
  readonly #options: MemorySideOptions;
  readonly #seam: Seam;
  readonly #permanentFlags: PermanentFlags;
  /** What an IMAP side was told in one breath with opening a mailbox: looks that may be a moment old find it. */
  #foreseen:
    | {
        readonly name: MailboxName;
        readonly sight: { readonly rows: Map<MessageKey, Row>; readonly gone: ReadonlySet<MessageKey> };
        readonly letters: Map<MessageKey, StoredMessage>;
      }
    | undefined;

  constructor(world: MemoryWorld, options: MemorySideOptions = {}) {
    super();
    this.keys = world.keys;
    this.largestBatch = options.largestBatch ?? 2;
    this.address = options.address ?? `memory:${world.keys}`;
    this.#world = world;
    this.#options = options;
    this.#seam = options.seam ?? openSeam;
    this.#permanentFlags = options.permanentFlags ?? (world.keys === 'uid' ? IMAP_FLAGS : MAILDIR_FLAGS);
  }

  async list(): Promise<Listing> {
    this.#present();
    const entries = new Map<string, MailboxEntry>();
    for (const [name, mailbox] of this.#world.mailboxes) {
      if (this.keys === 'uid') this.#addLevelsAbove(name, entries);
      const trash = this.#isTrash(name) ? { specialUse: '\\Trash' } : {};
      const status = this.keys === 'uid' ? { status: this.#cursor(mailbox) } : {};
      const { subscribed } = this.#options;
      const shown = subscribed === undefined ? {} : { subscribed: subscribed.has(name) };
      entries.set(name, { mailbox: name, selectable: true, ...trash, ...shown, ...status });
    }
    return { entries: [...entries.values()], problems: [] };
  }

  async changes(
    name: MailboxName,
    earlier: Earlier | undefined,
    seen?: Seen,
    take?: TakeRows,
  ): Promise<Changes> {
    const mailbox = this.#mailbox(name);
    const cursor = this.#cursor(mailbox);
    const anew = earlier?.cursor.epoch !== cursor.epoch;
    const known = anew ? new Map<MessageKey, Glimpse>() : await earlier.glimpses();
    const met = [...mailbox.messages.values()].filter(({ key }) => !mailbox.unreadable.has(key));
    const changed = met.filter(message => !this.#isAsKnown(message, known.get(message.key)));
    const before = anew ? new Map<MessageKey, Row>() : await earlier.rows(changed.map(({ key }) => key));
    const rows = new Map(changed.map(message => [message.key, this.#row(message, before)]));
    const unreadable = new Map([...mailbox.unreadable].filter(([key]) => mailbox.messages.has(key)));
    seen?.(met.length);
    const isLarge = take !== undefined && rows.size >= LARGE;
    const taken = isLarge ? [...rows.keys()].filter((_, index) => index % 2 === 0) : [];
    if (isLarge) await take(new Map(taken.map(key => [key, rows.get(key)!])));
    for (const key of taken) rows.delete(key);
    return {
      mailbox: name,
      cursor,
      permanentFlags: this.#permanentFlags,
      unreadable,
      anew,
      rows,
      taken: taken.length,
      before,
      gone: [...known.keys()].filter(key => !mailbox.messages.has(key) || mailbox.unreadable.has(key)),
    };
  }

  async isAsAt(): Promise<boolean> {
    return false;
  }

  async look(
    name: MailboxName,
    epoch: Epoch,
    keys: readonly MessageKey[],
    when: Moment = 'now',
  ): Promise<Sight> {
    const mailbox = this.#mailbox(name, epoch);
    const foreseen = when === 'now' || this.#foreseen?.name !== name ? undefined : this.#foreseen;
    if (when === 'gone' && foreseen !== undefined && keys.every(key => foreseen.sight.gone.has(key)))
      return { rows: new Map(), gone: new Set(keys) };
    if (foreseen !== undefined && keys.every(key => foreseen.sight.rows.has(key)))
      return { rows: new Map(keys.map(key => [key, foreseen.sight.rows.get(key)!])), gone: new Set() };
    return this.#sight(mailbox, keys);
  }

  #sight(mailbox: MemoryMailbox, keys: readonly MessageKey[]) {
    const rows = new Map<MessageKey, Row>();
    const gone = new Set<MessageKey>();
    for (const key of keys) {
      const message = mailbox.messages.get(key);
      if (message === undefined) gone.add(key);
      else if (!mailbox.unreadable.has(key)) rows.set(key, this.#row(message));
    }
    return { rows, gone };
  }

  async foresee(name: MailboxName, epoch: Epoch, { looks, gone, bodies }: Foreseen): Promise<void> {
    const mailbox = this.#world.mailboxes.get(name);
    this.#foreseen = undefined;
    if (this.keys === 'file' || mailbox === undefined || mailbox.fault !== undefined) return;
    if (epoch !== this.#epoch(mailbox)) return;
    const letters = bodies.flatMap(key => mailbox.messages.get(key) ?? []);
    this.#foreseen = {
      name,
      sight: this.#sight(mailbox, [...looks.map(({ key }) => key), ...gone]),
      letters: new Map(letters.filter(({ key }) => !mailbox.unreadable.has(key)).map(one => [one.key, one])),
    };
  }

  async read(
    name: MailboxName,
    epoch: Epoch,
    rows: readonly Row[],
    take: (letter: Letter) => Promise<void>,
  ): Promise<void> {
    for (const { key } of rows) {
      const mailbox = this.#mailbox(name, epoch);
      const foreseen = this.#foreseen?.name === name ? this.#foreseen.letters : undefined;
      const message = foreseen?.get(key) ?? mailbox.messages.get(key);
      if (message === undefined || (mailbox.unreadable.has(key) && !foreseen?.has(key))) continue;
      foreseen?.delete(key);
      this.#world.traffic.read++;
      await take({ key, flags: message.flags, date: message.date, chunks: chunksOf(message.bytes) });
    }
  }

  async deliver(name: MailboxName): Promise<DeliveryBatch> {
    const place = {
      world: this.#world,
      name,
      mailbox: this.#mailbox(name),
      seam: this.#seam,
      permanentFlags: this.#permanentFlags,
      withoutUidplus: this.#options.withoutUidplus ?? false,
      refuse: this.#options.refuse ?? (() => undefined),
      rowOf: (message: StoredMessage) => this.#row(message),
    };
    return this.keys === 'uid' ? new UidDelivery(place) : new FileDelivery(place);
  }

  async flag(
    name: MailboxName,
    epoch: Epoch,
    changes: readonly FlagChange[],
  ): Promise<readonly FlagOutcome[]> {
    const mailbox = this.#mailbox(name, epoch);
    const outcomes: FlagOutcome[] = [];
    for (const change of changes) {
      this.#foreseen?.sight.rows.delete(change.key);
      const add = change.add.filter(flag => canStore(this.#permanentFlags, flag));
      const message = mailbox.messages.get(change.key);
      if (message === undefined) {
        outcomes.push({ kind: 'gone' });
        continue;
      }
      const flags = applyDelta(message.flags, { add, remove: change.remove });
      if (!sameFlags(flags, message.flags)) await this.#store(name, mailbox, change.key, () => flags);
      outcomes.push({ kind: 'done', flags });
    }
    return outcomes;
  }

  async remove(
    name: MailboxName,
    epoch: Epoch,
    removals: readonly Removal[],
  ): Promise<readonly RemoveOutcome[]> {
    const mailbox = this.#mailbox(name, epoch);
    const outcomes: RemoveOutcome[] = [];
    for (const removal of removals) outcomes.push(await this.#removeOne(name, mailbox, removal));
    return outcomes;
  }

  async move(request: Relocation): Promise<readonly MoveOutcome[]> {
    const relocation = this.#relocation(request);
    if (request.mailbox !== request.to) return relocation.move(request.rows);
    return request.rows.map(() => ({ kind: 'refused', reason: 'it is in that mailbox already' }));
  }

  async copy(request: Relocation): Promise<readonly CopyOutcome[]> {
    return this.#relocation(request).copy(request.rows);
  }

  async renameMailbox(name: MailboxName, to: MailboxName): Promise<void> {
    this.#present();
    const { mailboxes } = this.#world;
    if (name === INBOX) throw new PosternError('server-refused', 'INBOX cannot be renamed');
    if (!mailboxes.has(name)) throw new PosternError('server-refused', `there is no mailbox ${name}`);
    if (mailboxes.has(to)) throw new PosternError('server-refused', `the mailbox ${to} exists`);
    await this.#change({ command: 'RENAME', call: 'rename', target: `${name} ${to}` }, () =>
      this.#world.renameMailbox(name, to),
    );
  }

  async finishRenames(): Promise<readonly Problem[]> {
    return [];
  }

  async deleteMailbox(name: MailboxName): Promise<'done' | 'already'> {
    this.#present();
    if (name === INBOX) throw new PosternError('server-refused', 'INBOX cannot be deleted');
    const mailbox = this.#world.mailboxes.get(name);
    if (mailbox === undefined) return 'already';
    await this.#change({ command: 'DELETE', call: 'rmdir', target: name }, () => {
      if (mailbox.messages.size > 0) {
        throw new PosternError('server-refused', `the mailbox ${name} has messages`);
      }
      this.#world.deleteMailbox(name);
    });
    return 'done';
  }

  async createMailbox(name: MailboxName): Promise<'done' | 'already'> {
    this.#present();
    if (this.#world.mailboxes.has(name)) return 'already';
    await this.#change({ command: 'CREATE', call: 'mkdir', target: name }, () =>
      this.#world.createMailbox(name),
    );
    return 'done';
  }

  async readWitness(name: MailboxName): Promise<Witness | undefined | false> {
    return this.keys === 'uid' ? false : this.#mailbox(name).witness;
  }

  async writeWitness(name: MailboxName, witness: Witness): Promise<void> {
    if (this.keys === 'uid') return;
    const mailbox = this.#mailbox(name);
    await this.#effect({ surface: 'fs', name: 'write', target: `${name}/witness.tmp` }, () => {});
    await this.#effect({ surface: 'fs', name: 'rename', target: `${name}/witness` }, () => {
      mailbox.witness = witness;
    });
    await this.#effect({ surface: 'fs', name: 'fsync-dir', target: name }, () => {});
  }

  async makeDurable(name: MailboxName): Promise<void> {
    const mailbox = this.#mailbox(name);
    if (this.keys === 'uid') return;
    await this.#effect({ surface: 'fs', name: 'fsync-dir', target: name }, () => {
      for (const message of mailbox.messages.values())
        mailbox.messages.set(message.key, { ...message, durable: true });
    });
  }

  async sweep(name: MailboxName, keys: readonly MessageKey[]): Promise<void> {
    const { temporary } = this.#mailbox(name);
    for (const key of keys.filter(key => temporary.has(key))) {
      await this.#effect({ surface: 'fs', name: 'unlink', target: `${name}/tmp/${key}` }, () => {
        temporary.delete(key);
      });
    }
  }

  async another(): Promise<MemorySide> {
    return new MemorySide(this.#world, this.#options);
  }

  async close(): Promise<void> {}

  async #removeOne(name: MailboxName, mailbox: MemoryMailbox, removal: Removal): Promise<RemoveOutcome> {
    const { key } = removal.expect;
    const message = mailbox.messages.get(key);
    if (message === undefined) return { kind: 'gone' };
    const reason = this.#changed(message, removal);
    if (reason !== undefined) return { kind: 'changed', reason };
    try {
      return this.keys === 'file'
        ? await this.#moveToAttic(name, mailbox, message, removal.operation)
        : await this.#expunge(name, mailbox, message);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === undefined || error instanceof PosternError) throw error;
      return { kind: 'refused', reason: `the removal failed (${errno})` };
    }
  }

  async #moveToAttic(
    name: MailboxName,
    mailbox: MemoryMailbox,
    message: StoredMessage,
    operation: string,
  ): Promise<RemoveOutcome> {
    const where = `${operation}/${this.#world.attic.size}-${message.key}`;
    await this.#act({ surface: 'fs', name: 'link', target: `attic/${where}` }, () => {
      this.#world.attic.set(where, message.bytes);
    });
    await this.#act({ surface: 'fs', name: 'fsync-dir', target: `attic/${operation}` }, () => {});
    let same = false;
    await this.#act({ surface: 'fs', name: 'unlink', target: `${name}/cur/${message.key}` }, () => {
      same = mailbox.messages.get(message.key) === message;
      if (same) this.#world.drop(mailbox, message.key);
    });
    if (!same) return { kind: 'changed', reason: 'it changed while it was removed' };
    await this.#act({ surface: 'fs', name: 'fsync-dir', target: `${name}/cur` }, () => {});
    return { kind: 'done', where };
  }

  async #expunge(name: MailboxName, mailbox: MemoryMailbox, message: StoredMessage): Promise<RemoveOutcome> {
    const { key, bytes, date, flags } = message;
    const trash = this.#trash();
    if (trash !== undefined && trash !== name) {
      await this.#act({ surface: 'wire', name: 'MOVE', target: `${name} ${key}` }, () => {
        this.#world.drop(mailbox, key);
        this.#world.store(this.#world.mailbox(trash), { bytes, flags, date });
      });
      return { kind: 'done', where: trash };
    }
    if (!hasFlag(flags, '\\Deleted')) {
      await this.#store(name, mailbox, key, now => applyDelta(now, { add: ['\\Deleted'], remove: [] }));
    }
    if (this.#options.withoutUidplus) return { kind: 'marked' };
    await this.#act({ surface: 'wire', name: 'EXPUNGE', target: `${name} ${key}` }, () =>
      this.#world.drop(mailbox, key),
    );
    return { kind: 'done' };
  }

  /** Why a message is not what the caller expects, or undefined when it is. */
  #changed(message: StoredMessage, { expect, content }: Removal): string | undefined {
    const row = this.#row(message);
    const wanted = content ?? expect.identity.content;
    if (row.identity.digest !== expect.identity.digest) return 'it is another message now';
    if (wanted !== undefined && message.identity.content !== wanted) return 'its content is another one now';
    if (!sameFlags(row.flags, expect.flags)) return 'its flags changed';
    const { modseq } = expect;
    if (modseq !== undefined && row.modseq !== undefined && modseq !== row.modseq) return 'it was changed';
    return undefined;
  }

  async #store(
    name: MailboxName,
    mailbox: MemoryMailbox,
    key: MessageKey,
    change: (now: StoredMessage['flags']) => StoredMessage['flags'],
  ): Promise<void> {
    await this.#change({ command: 'STORE', call: 'rename', target: `${name} ${key}` }, () => {
      const message = mailbox.messages.get(key);
      if (message !== undefined) this.#world.reflag(mailbox, message, change(message.flags));
    });
  }

  #row(message: StoredMessage, old?: ReadonlyMap<MessageKey, Row>): Row {
    const { key, flags, date, envelope } = message;
    const before = old?.get(key);
    const { stamp, modseq } = this.#marks(message);
    if (stamp !== undefined) return { key, flags, date, identity: message.identity, envelope, stamp };
    const { content, ...seen } = message.identity;
    // Contents that were once seen stay known: a message never changes under its UID.
    const identity = before?.identity.digest === seen.digest ? before.identity : seen;
    return { key, flags, date, identity, envelope, ...(modseq === undefined ? {} : { modseq }) };
  }

  #isAsKnown(message: StoredMessage, known: Glimpse | undefined): boolean {
    const { stamp, modseq } = this.#marks(message);
    if (known === undefined || !sameFlags(known.flags, message.flags)) return false;
    return known.stamp === stamp && known.modseq === modseq;
  }

  #marks({ bytes, change }: StoredMessage): Pick<Glimpse, 'stamp' | 'modseq'> {
    if (this.keys === 'file') return { stamp: `${bytes.length}.${change}` };
    return this.#options.withoutCondstore ? {} : { modseq: String(change) };
  }

  #cursor(mailbox: MemoryMailbox): Cursor {
    const count = mailbox.messages.size;
    if (this.keys === 'file') return { epoch: NO_EPOCH, count };
    const modseq = this.#options.withoutCondstore ? {} : { highestModseq: String(mailbox.highestModseq) };
    return { epoch: this.#epoch(mailbox), count, uidNext: mailbox.uidNext, ...modseq };
  }

  #epoch(mailbox: MemoryMailbox): Epoch {
    return this.keys === 'uid' ? (String(mailbox.uidValidity) as Epoch) : NO_EPOCH;
  }

  #mailbox(name: MailboxName, epoch?: Epoch): MemoryMailbox {
    this.#present();
    const mailbox = this.#world.mailboxes.get(name);
    if (mailbox === undefined) throw new PosternError('mailbox-unreadable', `there is no mailbox ${name}`);
    if (mailbox.fault !== undefined) throw new PosternError('mailbox-unreadable', mailbox.fault);
    if (epoch !== undefined && epoch !== this.#epoch(mailbox)) {
      throw new PosternError('snapshot-incomplete', `the keys of ${name} are not valid any more`);
    }
    return mailbox;
  }

  #present(): void {
    if (this.#world.missing) throw new PosternError('side-missing', 'the side is not there');
  }

  #trash(): MailboxName | undefined {
    if (this.keys === 'file' || this.#options.trash === undefined) return undefined;
    const trash = mailboxName(this.#options.trash);
    return this.#world.mailboxes.has(trash) ? trash : undefined;
  }

  #isTrash(name: MailboxName): boolean {
    return this.#trash() === name;
  }

  #addLevelsAbove(name: MailboxName, entries: Map<string, MailboxEntry>): void {
    for (let slash = name.indexOf('/'); slash !== -1; slash = name.indexOf('/', slash + 1)) {
      const above = name.slice(0, slash) as MailboxName;
      if (!entries.has(above)) entries.set(above, { mailbox: above, selectable: false });
    }
  }

  #relocation({ mailbox, epoch, to, toEpoch = NO_EPOCH, arrived }: Relocation): MemoryRelocation {
    const target = this.#mailbox(to);
    const isKnown = toEpoch === this.#epoch(target);
    return new MemoryRelocation({
      world: this.#world,
      seam: this.#seam,
      from: { name: mailbox, mailbox: this.#mailbox(mailbox, epoch) },
      to: { name: to, mailbox: target },
      permanentFlags: this.#permanentFlags,
      withoutUidplus: this.#options.withoutUidplus ?? false,
      withoutMove: this.#options.withoutMove ?? false,
      ...(arrived === undefined ? {} : { arrived }),
      rowOf: message => (isKnown ? this.#row(message) : undefined),
    });
  }

  /** The same change as a server and as a file system name it. */
  #change({ command, call, target }: Change, act: () => void): Promise<void> {
    return this.#effect(
      this.keys === 'uid'
        ? { surface: 'wire', name: command, target }
        : { surface: 'fs', name: call, target },
      act,
    );
  }

  /** An effect whose failure is told in the port's words. */
  async #effect(effect: Effect, act: () => void): Promise<void> {
    try {
      await this.#act(effect, act);
    } catch (error) {
      throw inPortWords(error);
    }
  }

  #act(effect: Effect, act: () => void): Promise<void> {
    return this.#seam.run(effect, async () => act());
  }
}

function* chunksOf(bytes: Buffer): Iterable<Buffer> {
  for (let start = 0; start < bytes.length; start += CHUNK) yield bytes.subarray(start, start + CHUNK);
}
