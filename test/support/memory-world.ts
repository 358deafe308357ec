import { applyDelta, type FlagDelta, type Flags, flagsFrom, NO_FLAGS } from '@postern/core/model/flags.js';
import { type Envelope, type Identity, identityOf } from '@postern/core/model/identity.js';
import { WireEncoder } from '@postern/core/model/line-ends.js';
import { compareText, INBOX, type MailboxName, mailboxName } from '@postern/core/model/mailbox.js';
import type { MessageKey } from '@postern/core/model/row.js';
import type { Witness } from '@postern/core/side/side.js';

/** A message of a memory world, bytes in wire form. Replaced, never changed, so that worlds can share them. */
export interface StoredMessage {
  readonly key: MessageKey;
  readonly bytes: Buffer;
  readonly flags: Flags;
  /** Milliseconds since the epoch, whole seconds. */
  readonly date: number;
  readonly identity: Identity & { readonly content: string };
  readonly envelope: Envelope;
  /** MODSEQ on a uid world; on a file world what a file's stamp is made of. */
  readonly change: number;
  /** False while the directory entry would not outlive a power cut. */
  readonly durable: boolean;
}

/** A file in tmp: nothing that a reader of the mailbox sees. */
export interface TemporaryFile {
  readonly bytes: Buffer;
  readonly synced: boolean;
}

export class MemoryMailbox {
  uidValidity: number;
  uidNext = 1;
  highestModseq = 1;
  messages = new Map<MessageKey, StoredMessage>();
  temporary = new Map<MessageKey, TemporaryFile>();
  witness: Witness | undefined;
  /** Set: every attempt to read the mailbox fails with this reason. */
  fault: string | undefined;
  /** Messages that cannot be read, with the reason. */
  readonly unreadable = new Map<MessageKey, string>();

  constructor(uidValidity: number) {
    this.uidValidity = uidValidity;
  }

  clone(): MemoryMailbox {
    const copy = new MemoryMailbox(this.uidValidity);
    copy.uidNext = this.uidNext;
    copy.highestModseq = this.highestModseq;
    copy.messages = new Map(this.messages);
    copy.temporary = new Map(this.temporary);
    copy.witness = this.witness;
    copy.fault = this.fault;
    for (const [key, reason] of this.unreadable) copy.unreadable.set(key, reason);
    return copy;
  }
}

/** What a person sees of a message: its content hash and flags. */
export interface Seen {
  readonly content: string;
  readonly flags: Flags;
}

/**
 * What is really there on one side, apart from any `MemorySide` that looks at it: a test drops the side to crash the
 * process and makes a new one on the same world. Its public methods are what users and other clients do; no seam sees
 * them. Everything is deterministic: names and dates come from counters.
 */
export class MemoryWorld {
  readonly keys: 'uid' | 'file';
  readonly mailboxes = new Map<MailboxName, MemoryMailbox>();
  /** Removed files of a file world: `<operation>/<number>-<name>` and their bytes. */
  readonly attic = new Map<string, Buffer>();
  /** True: the side as a whole is not there (an unmounted disk). */
  missing = false;
  /** Messages handed out and taken in by sides, to show that no bytes travelled. */
  readonly traffic = { read: 0, delivered: 0 };
  #counter = 0;

  constructor(keys: 'uid' | 'file') {
    this.keys = keys;
    this.createMailbox(INBOX);
  }

  /** An equal world that goes its own way from here on, e.g. one for each crash point. */
  clone(): MemoryWorld {
    const copy = new MemoryWorld(this.keys);
    copy.mailboxes.clear();
    for (const [name, mailbox] of this.mailboxes) copy.mailboxes.set(name, mailbox.clone());
    for (const [name, bytes] of this.attic) copy.attic.set(name, bytes);
    copy.missing = this.missing;
    copy.#counter = this.#counter;
    return copy;
  }

  /** The mailbox, which must be there. */
  mailbox(name: string): MemoryMailbox {
    const mailbox = this.mailboxes.get(mailboxName(name));
    if (mailbox === undefined) throw new Error(`the test asks for mailbox ${name}, which is not there`);
    return mailbox;
  }

  message(mailbox: string, key: string): StoredMessage {
    const message = this.mailbox(mailbox).messages.get(key as MessageKey);
    if (message === undefined) throw new Error(`the test asks for ${mailbox} ${key}, which is not there`);
    return message;
  }

  /** Adds a message as another client does. The default date is a new whole second each time. */
  add(mailbox: string, bytes: Uint8Array, flags: Iterable<string> = NO_FLAGS, date?: number): MessageKey {
    const serial = this.#next();
    return this.store(this.mailbox(mailbox), {
      bytes: new WireEncoder().encode(bytes),
      flags: flagsFrom(flags),
      date: date ?? 1_700_000_000_000 + serial * 1000,
    });
  }

  remove(mailbox: string, key: string): void {
    const { key: known } = this.message(mailbox, key);
    this.drop(this.mailbox(mailbox), known);
  }

  flag(mailbox: string, key: string, delta: Partial<FlagDelta>): void {
    const message = this.message(mailbox, key);
    const flags = applyDelta(message.flags, { add: delta.add ?? [], remove: delta.remove ?? [] });
    this.reflag(this.mailbox(mailbox), message, flags);
  }

  /** A file keeps its name, as a hard link does, unless the target has that name already. */
  copy(mailbox: string, key: string, to: string): MessageKey {
    const { bytes, flags, date } = this.message(mailbox, key);
    const target = this.mailbox(to);
    const free = this.keys === 'file' && !target.messages.has(key as MessageKey);
    return this.store(target, { bytes, flags, date, ...(free ? { key: key as MessageKey } : {}) });
  }

  move(mailbox: string, key: string, to: string): MessageKey {
    const moved = this.copy(mailbox, key, to);
    this.remove(mailbox, key);
    return moved;
  }

  /** Gives a file a new base name, as some mail readers do. */
  rename(mailbox: string, key: string): MessageKey {
    const { bytes, flags, date } = this.message(mailbox, key);
    this.remove(mailbox, key);
    return this.store(this.mailbox(mailbox), { bytes, flags, date });
  }

  /** Changes a message in place: an editor on a file, or a server that breaks RFC 3501 §2.3.1.1. */
  edit(mailbox: string, key: string, bytes: Uint8Array): void {
    const { flags, date, key: known } = this.message(mailbox, key);
    const wire = new WireEncoder().encode(bytes);
    this.store(this.mailbox(mailbox), { bytes: wire, flags, date, key: known });
  }

  /** Removes every message marked \Deleted, as EXPUNGE does. */
  expunge(mailbox: string): void {
    for (const message of [...this.mailbox(mailbox).messages.values()]) {
      if (message.flags.includes('\\Deleted')) this.remove(mailbox, message.key);
    }
  }

  createMailbox(name: string): void {
    const mailbox = mailboxName(name);
    if (this.mailboxes.has(mailbox)) return;
    // So far apart that no UIDVALIDITY comes twice, however often one is raised.
    this.mailboxes.set(mailbox, new MemoryMailbox(1_700_000_000 + 1000 * this.#next()));
  }

  deleteMailbox(name: string): void {
    this.mailbox(name);
    this.mailboxes.delete(mailboxName(name));
  }

  /** The mailbox takes its UIDVALIDITY and messages along (RFC 3501 §6.3.5). */
  renameMailbox(name: string, to: string): void {
    const mailbox = this.mailbox(name);
    this.mailboxes.delete(mailboxName(name));
    this.mailboxes.set(mailboxName(to), mailbox);
  }

  /** A new UIDVALIDITY (one higher unless given), and new UIDs for the same messages in the same order. */
  setUidValidity(name: string, value?: number): void {
    const mailbox = this.mailbox(name);
    const messages = [...mailbox.messages.values()];
    mailbox.uidValidity = value ?? mailbox.uidValidity + 1;
    mailbox.uidNext = 1;
    mailbox.highestModseq = 1;
    mailbox.messages.clear();
    for (const message of messages) this.store(mailbox, message, { anew: true });
  }

  /** What a power cut leaves: no file that is not named in a synced directory, and nothing in tmp. */
  powerCut(): void {
    for (const mailbox of this.mailboxes.values()) {
      for (const message of [...mailbox.messages.values()]) {
        if (!message.durable) mailbox.messages.delete(message.key);
      }
      mailbox.temporary.clear();
    }
  }

  /** The multiset of what a mailbox holds, sorted. */
  contents(mailbox: string): readonly Seen[] {
    return [...this.mailbox(mailbox).messages.values()]
      .map(({ identity, flags }) => ({ content: identity.content, flags }))
      .sort((a, b) => compareText(a.content, b.content) || compareText(a.flags.join(' '), b.flags.join(' ')));
  }

  /** `contents` of every mailbox, in name order. */
  allContents(): Readonly<Record<string, readonly Seen[]>> {
    const names = [...this.mailboxes.keys()].sort(compareText);
    return Object.fromEntries(names.map(name => [name, this.contents(name)]));
  }

  /** The content hashes of everything that can still be got back from this side, its attic included. */
  survivors(): ReadonlySet<string> {
    const found = new Set<string>();
    for (const { messages } of this.mailboxes.values()) {
      for (const message of messages.values()) found.add(message.identity.content);
    }
    for (const bytes of this.attic.values()) found.add(identityOf(bytes).identity.content!);
    return found;
  }

  /** For sides: puts a message under a key of its own choice, the next UID or a new name, or replaces one. */
  store(
    mailbox: MemoryMailbox,
    message: Pick<StoredMessage, 'bytes' | 'flags' | 'date'> & { readonly key?: MessageKey },
    options: { readonly durable?: boolean; readonly anew?: boolean } = {},
  ): MessageKey {
    const given = options.anew === true && this.keys === 'uid' ? undefined : message.key;
    const key = given ?? (this.keys === 'uid' ? this.#uid(mailbox) : this.newName());
    const { identity, envelope } = identityOf(message.bytes);
    mailbox.messages.set(key, {
      key,
      bytes: message.bytes,
      flags: message.flags,
      date: Math.floor(message.date / 1000) * 1000,
      identity: identity as StoredMessage['identity'],
      envelope,
      change: this.#changed(mailbox),
      durable: options.durable ?? true,
    });
    return key;
  }

  /** For sides: new flags for a message. */
  reflag(mailbox: MemoryMailbox, message: StoredMessage, flags: Flags): void {
    const change = this.keys === 'uid' ? this.#changed(mailbox) : message.change;
    mailbox.messages.set(message.key, { ...message, flags, change });
  }

  /** For sides: a message leaves the mailbox. */
  drop(mailbox: MemoryMailbox, key: MessageKey): void {
    mailbox.messages.delete(key);
    if (this.keys === 'uid') mailbox.highestModseq++;
  }

  /** For sides: a base name that no file ever had. */
  newName(): MessageKey {
    const serial = this.#next();
    return `${1_700_000_000 + serial}.M${serial}P1Q${serial}.memory` as MessageKey;
  }

  #uid(mailbox: MemoryMailbox): MessageKey {
    return String(mailbox.uidNext++) as MessageKey;
  }

  #changed(mailbox: MemoryMailbox): number {
    return this.keys === 'uid' ? ++mailbox.highestModseq : this.#next();
  }

  #next(): number {
    return ++this.#counter;
  }
}
