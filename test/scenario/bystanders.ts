import { readdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { FlagDelta } from '@postern/core/model/flags.js';
import { identityOf } from '@postern/core/model/identity.js';
import { DiskEncoder } from '@postern/core/model/line-ends.js';
import type { MaildirStage } from './maildir-stage.js';
import type { MessageBook } from './notation.js';

/** How often each message may be there in the end, on either side: once unless it is named. */
export type Expected = Readonly<Record<string, readonly number[]>>;

/** Somebody else who works on one of the sides. What is not there (any more) is left alone. */
export interface Bystander {
  readonly does: string;
  readonly act: (hands: Hands) => void;
  /** What the act changes of what is expected. */
  readonly ends?: Expected;
}

/** What bystanders do things with, at once: between two steps of a run that does not expect it. */
export class Hands {
  readonly #stage: MaildirStage;
  readonly #book: MessageBook;
  #serial = 0;

  constructor(stage: MaildirStage, book: MessageBook) {
    this.#stage = stage;
    this.#book = book;
  }

  /** A mail reader changes the letters of a message; from new it goes to cur. */
  relabel(name: string, change: (letters: string) => string): void {
    const path = this.#file(name);
    if (path === undefined) return;
    const [base, letters = ''] = basename(path).split(':2,') as [string, string?];
    renameSync(path, join(dirname(dirname(path)), 'cur', `${base}:2,${change(letters)}`));
  }

  /** A mail reader opens the mailboxes: what is in new goes to cur. */
  openAll(): void {
    for (const mailbox of this.#mailboxes())
      for (const name of namesIn(join(mailbox, 'new')))
        renameSync(join(mailbox, 'new', name), join(mailbox, 'cur', `${name}:2,`));
  }

  moveFile(name: string, to: string): void {
    const path = this.#file(name);
    if (path !== undefined) renameSync(path, join(this.#stage.root, to, 'cur', basename(path)));
  }

  /** Some mail readers give a message another base name. */
  renameFile(name: string): void {
    const path = this.#file(name);
    if (path === undefined) return;
    const letters = basename(path).split(':2,')[1];
    const info = letters === undefined ? '' : `:2,${letters}`;
    renameSync(path, join(dirname(path), `1600000000.${++this.#serial}.reader${info}`));
  }

  unlink(name: string): void {
    const path = this.#file(name);
    if (path !== undefined) unlinkSync(path);
  }

  /** A delivery: written to tmp, then in new. */
  deliver(name: string, mailbox = ''): void {
    const disk = new DiskEncoder();
    const bytes = Buffer.concat([disk.encode(this.#book.bytes(name)), disk.finish()]);
    const file = `1600000001.${++this.#serial}.mta`;
    const [from, to] = ['tmp', 'new'].map(part => join(this.#stage.root, mailbox, part, file));
    writeFileSync(from!, bytes);
    renameSync(from!, to!);
  }

  /** A bad tool writes into cur as it goes: the first half, or all of it. */
  writeInPlace(name: string, part: 'half' | 'all'): void {
    const disk = new DiskEncoder();
    const bytes = Buffer.concat([disk.encode(this.#book.bytes(name)), disk.finish()]);
    const path = join(this.#stage.root, 'cur', '1600000002.tool:2,');
    writeFileSync(path, part === 'half' ? bytes.subarray(0, bytes.length - 12) : bytes);
  }

  append(name: string, mailbox = 'INBOX'): void {
    this.#stage.world.add(mailbox, this.#book.bytes(name));
  }

  flag(name: string, delta: Partial<FlagDelta>): void {
    const found = this.#message(name);
    if (found !== undefined) this.#stage.world.flag(found.mailbox, found.key, delta);
  }

  expunge(name: string): void {
    const found = this.#message(name);
    if (found !== undefined) this.#stage.world.remove(found.mailbox, found.key);
  }

  move(name: string, to: string): void {
    const found = this.#message(name);
    if (found !== undefined && found.mailbox !== to) this.#stage.world.move(found.mailbox, found.key, to);
  }

  #file(name: string): string | undefined {
    const content = this.#book.contentOf(name);
    for (const mailbox of this.#mailboxes())
      for (const part of ['cur', 'new'])
        for (const file of namesIn(join(mailbox, part))) {
          const path = join(mailbox, part, file);
          if (identityOf(readFileSync(path)).identity.content === content) return path;
        }
    return undefined;
  }

  #mailboxes(): string[] {
    const { root } = this.#stage;
    const below = readdirSync(root).filter(name => name.startsWith('.') && name !== '.postern');
    return [root, ...below.map(name => join(root, name))];
  }

  #message(name: string) {
    const content = this.#book.contentOf(name);
    for (const [mailbox, { messages }] of this.#stage.world.mailboxes)
      for (const { key, identity } of messages.values())
        if (identity.content === content) return { mailbox, key };
    return undefined;
  }
}

/** A mailbox that is being made, renamed or deleted may have no such directory at this moment. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
