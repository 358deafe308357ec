import type { Effect, Seam } from '@postern/core/model/effect.js';
import { errnoOf, PosternError } from '@postern/core/model/error.js';
import { applyDelta, canStore, type PermanentFlags } from '@postern/core/model/flags.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import type { MessageKey, Row } from '@postern/core/model/row.js';
import type { CopyOutcome, MoveOutcome, Relocation } from '@postern/core/side/side.js';
import type { MemoryMailbox, MemoryWorld, StoredMessage } from './memory-world.js';

/** What a relocation on a memory side works on. */
export interface RelocationPlace {
  readonly world: MemoryWorld;
  readonly seam: Seam;
  readonly from: { readonly name: MailboxName; readonly mailbox: MemoryMailbox };
  readonly to: { readonly name: MailboxName; readonly mailbox: MemoryMailbox };
  readonly permanentFlags: PermanentFlags;
  /** Uid worlds: no COPYUID and no UID EXPUNGE: a move is a copy and a mark, and nobody says what the copy's UID is. */
  readonly withoutUidplus: boolean;
  /** Uid worlds: a move is COPY, STORE and EXPUNGE. */
  readonly withoutMove: boolean;
  /** What an earlier move brought to the target, by the key it has here. */
  readonly arrived?: Relocation['arrived'];
  /** Undefined where the caller takes keys of the target for those of another epoch. */
  readonly rowOf: (message: StoredMessage) => Row | undefined;
}

/** Moves and copies within a memory world, effect by effect. */
export class MemoryRelocation {
  readonly #place: RelocationPlace;

  constructor(place: RelocationPlace) {
    this.#place = place;
  }

  move(rows: readonly Row[]): Promise<readonly MoveOutcome[]> {
    const { world, withoutUidplus, withoutMove, arrived } = this.#place;
    if (world.keys === 'file') return this.#each(rows, message => this.#relink(message));
    if (withoutUidplus || withoutMove || arrived !== undefined)
      return this.#each(rows, message => this.#copyAndExpunge(message));
    return this.#each(rows, message => this.#serverMove(message));
  }

  copy(rows: readonly Row[]): Promise<readonly CopyOutcome[]> {
    const isFile = this.#place.world.keys === 'file';
    return this.#each(rows, message => (isFile ? this.#copyFile(message) : this.#serverCopy(message)));
  }

  async #each<O extends MoveOutcome>(
    rows: readonly Row[],
    act: (message: StoredMessage) => Promise<O>,
  ): Promise<(O | CopyOutcome)[]> {
    const outcomes: (O | CopyOutcome)[] = [];
    for (const expected of rows) outcomes.push(await this.#one(expected, act));
    return outcomes;
  }

  async #one<O extends MoveOutcome>(
    expected: Row,
    act: (message: StoredMessage) => Promise<O>,
  ): Promise<O | CopyOutcome> {
    const message = this.#place.from.mailbox.messages.get(expected.key);
    if (message === undefined) return { kind: 'gone' };
    const { digest, content } = expected.identity;
    if (
      digest !== message.identity.digest ||
      (content !== undefined && content !== message.identity.content)
    ) {
      return { kind: 'changed', reason: 'it is another message now' };
    }
    try {
      return await act(message);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === undefined || error instanceof PosternError) throw error;
      if (this.#place.world.keys === 'uid') throw new PosternError('unreachable', `it failed (${errno})`);
      return { kind: 'refused', reason: `it failed (${errno})` };
    }
  }

  async #serverMove(message: StoredMessage): Promise<CopyOutcome> {
    const { world, from } = this.#place;
    let key: MessageKey | undefined;
    await this.#act({ surface: 'wire', name: 'MOVE', target: `${from.name} ${message.key}` }, () => {
      const now = from.mailbox.messages.get(message.key);
      if (now === undefined) return;
      world.drop(from.mailbox, message.key);
      key = this.#store(now);
    });
    return key === undefined ? { kind: 'gone' } : this.#arrived(key);
  }

  async #serverCopy(message: StoredMessage): Promise<CopyOutcome> {
    const { from, withoutUidplus } = this.#place;
    let key: MessageKey | undefined;
    await this.#act({ surface: 'wire', name: 'COPY', target: `${from.name} ${message.key}` }, () => {
      const now = from.mailbox.messages.get(message.key);
      if (now !== undefined) key = this.#store(now);
    });
    if (key === undefined) return { kind: 'gone' };
    return withoutUidplus ? { kind: 'done' } : this.#arrived(key);
  }

  async #copyAndExpunge(message: StoredMessage): Promise<MoveOutcome> {
    const { world, from, withoutUidplus, arrived } = this.#place;
    const there = arrived?.get(message.key);
    const copied = there === undefined ? await this.#serverCopy(message) : this.#arrived(there);
    if (copied.kind !== 'done') return copied;
    await this.#act({ surface: 'wire', name: 'STORE', target: `${from.name} ${message.key}` }, () => {
      const now = from.mailbox.messages.get(message.key);
      if (now === undefined) return;
      world.reflag(from.mailbox, now, applyDelta(now.flags, { add: ['\\Deleted'], remove: [] }));
    });
    if (withoutUidplus) return { ...copied, kind: 'marked' };
    await this.#act({ surface: 'wire', name: 'EXPUNGE', target: `${from.name} ${message.key}` }, () =>
      world.drop(from.mailbox, message.key),
    );
    return copied;
  }

  /** Linked into the target under its own name (there already: an earlier move died), synced, unlinked. */
  async #relink(message: StoredMessage): Promise<CopyOutcome> {
    const { world, from, to, arrived } = this.#place;
    const name = arrived?.get(message.key) ?? message.key;
    const there = to.mailbox.messages.get(name);
    const isLinked = there?.identity.content === message.identity.content;
    if (arrived?.has(message.key) && !isLinked) return { kind: 'changed', reason: 'it is another file' };
    const key = there === undefined || isLinked ? name : world.newName();
    if (!isLinked) {
      await this.#act({ surface: 'fs', name: 'link', target: `${to.name}/cur/${key}` }, () =>
        this.#store({ ...message, key }, false),
      );
    }
    await this.#syncTarget();
    let isSame = false;
    await this.#act({ surface: 'fs', name: 'unlink', target: `${from.name}/cur/${message.key}` }, () => {
      isSame = from.mailbox.messages.get(message.key) === message;
      if (isSame) world.drop(from.mailbox, message.key);
    });
    if (!isSame) {
      await this.#act({ surface: 'fs', name: 'unlink', target: `${to.name}/cur/${key}` }, () =>
        world.drop(to.mailbox, key),
      );
      return { kind: 'changed', reason: 'it changed while it was moved' };
    }
    await this.#act({ surface: 'fs', name: 'fsync-dir', target: `${from.name}/cur` }, () => {});
    return this.#arrived(key);
  }

  async #copyFile(message: StoredMessage): Promise<CopyOutcome> {
    const { world, to } = this.#place;
    const key = world.newName();
    const temporary = `${to.name}/tmp/${key}`;
    const put = (synced: boolean) => void to.mailbox.temporary.set(key, { bytes: message.bytes, synced });
    await this.#act({ surface: 'fs', name: 'copy', target: temporary }, () => put(false));
    await this.#act({ surface: 'fs', name: 'fsync', target: temporary }, () => put(true));
    await this.#act({ surface: 'fs', name: 'link', target: `${to.name}/cur/${key}` }, () =>
      this.#store({ ...message, key }, false),
    );
    await this.#syncTarget();
    await this.#act(
      { surface: 'fs', name: 'unlink', target: temporary },
      () => void to.mailbox.temporary.delete(key),
    );
    return this.#arrived(key);
  }

  async #syncTarget(): Promise<void> {
    const { name, mailbox } = this.#place.to;
    await this.#act({ surface: 'fs', name: 'fsync-dir', target: `${name}/cur` }, () => {
      for (const message of mailbox.messages.values()) {
        mailbox.messages.set(message.key, { ...message, durable: true });
      }
    });
  }

  /** Uid worlds give it a UID of their own choice. */
  #store({ key, bytes, flags, date }: StoredMessage, durable = true): MessageKey {
    const { world, to, permanentFlags } = this.#place;
    const storable = flags.filter(flag => canStore(permanentFlags, flag));
    const named = world.keys === 'file' ? { key } : {};
    return world.store(to.mailbox, { bytes, flags: storable, date, ...named }, { durable });
  }

  #arrived(key: MessageKey): CopyOutcome {
    const message = this.#place.to.mailbox.messages.get(key);
    const row = message === undefined ? undefined : this.#place.rowOf(message);
    return row === undefined ? { kind: 'done' } : { kind: 'done', row };
  }

  #act(effect: Effect, act: () => void): Promise<void> {
    return this.#place.seam.run(effect, async () => act());
  }
}
