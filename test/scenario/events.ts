import type { SideName } from '@postern/core/model/by-side.js';
import type { Effect } from '@postern/core/model/effect.js';
import { bug } from '@postern/core/model/error.js';
import { flagsWithout } from '@postern/core/model/flags.js';
import { CrashSeam, FaultSeam } from '../support/seam.js';
import {
  type Given,
  type MessageBook,
  type Name,
  readDelta,
  readFlags,
  readGiven,
  readName,
  twinNumber,
} from './notation.js';
import type { Row } from './row.js';
import type { Account, SeenMessage, Stage } from './stage.js';

/** How often users deleted a message, by content: what may be gone for good in the end. */
export class Deletions {
  readonly #counts = new Map<string, number>();

  note(content: string): void {
    this.#counts.set(content, this.of(content) + 1);
  }

  of(content: string): number {
    return this.#counts.get(content) ?? 0;
  }

  clone(): Deletions {
    const copy = new Deletions();
    for (const [content, count] of this.#counts) copy.#counts.set(content, count);
    return copy;
  }
}

/** Plays the part of the users in a row: first base, then what changed since. */
export class Players {
  readonly stage: Stage;
  readonly book: MessageBook;
  readonly deletions: Deletions;

  constructor(stage: Stage, book: MessageBook, deletions = new Deletions()) {
    this.stage = stage;
    this.book = book;
    this.deletions = deletions;
  }

  /** Brings the stage to where the row's plan is made. */
  async setUp(row: Row): Promise<void> {
    const given = readGiven(row.given);
    await this.#makeBase(given, row.by ?? 'download');
    for (const message of given) await this.#reflag(message);
    for (const message of [...given].reverse()) await this.#remove(message);
    for (const message of given) await this.#addNew(message);
    await this.play(row.events);
  }

  async #makeBase(given: readonly Given[], by: 'download' | 'upload' | 'pair'): Promise<void> {
    const paired = given.filter(message => message.base !== undefined);
    if (paired.length === 0) return;
    for (const { mailbox, name, base } of paired) {
      for (const side of ['remote', 'local'] as const) {
        if ((side === 'local' && by === 'download') || (side === 'remote' && by === 'upload')) continue;
        await this.#withMailbox(side, mailbox);
        await this.stage[side].add(mailbox, this.book.bytes(name), base ?? []);
      }
    }
    await this.sync();
    const { actions, blocked } = await this.stage.plan();
    if (actions.length + blocked.length > 0) throw new Error('base could not be made: the plan is not empty');
  }

  async sync(): Promise<void> {
    const { apply } = await this.stage.sync();
    if (apply.counts.failed + apply.counts.held > 0) throw new Error('a sync of the setup failed');
  }

  async #withMailbox(side: SideName, mailbox: string): Promise<void> {
    if (!(await this.stage[side].mailboxes()).includes(mailbox))
      await this.stage[side].createMailbox(mailbox);
  }

  async #reflag(message: Given): Promise<void> {
    for (const side of ['remote', 'local'] as const) {
      const wanted = message[side];
      if (message.base === undefined || wanted === undefined) continue;
      const delta = {
        add: flagsWithout(wanted, message.base),
        remove: flagsWithout(message.base, wanted),
      };
      if (delta.add.length + delta.remove.length === 0) continue;
      await this.stage[side].flag(message.mailbox, (await this.#find(side, message)).key, delta);
    }
  }

  async #remove(message: Given): Promise<void> {
    for (const side of ['remote', 'local'] as const) {
      if (message.base !== undefined && message[side] === undefined) await this.#delete(side, message);
    }
  }

  async #delete(side: SideName, name: Name): Promise<void> {
    const { key, content } = await this.#find(side, name);
    await this.stage[side].remove(name.mailbox, key);
    this.deletions.note(content);
  }

  async #addNew(message: Given): Promise<void> {
    for (const side of ['remote', 'local'] as const) {
      const flags = message[side];
      if (message.base !== undefined || flags === undefined) continue;
      await this.#withMailbox(side, message.mailbox);
      await this.stage[side].add(message.mailbox, this.book.bytes(message.name), flags);
    }
  }

  /** The message of this name; of twins the one with as many before it as the name has marks. */
  async #find(side: SideName, { mailbox, name }: Name): Promise<SeenMessage> {
    const content = this.book.contentOf(name);
    const found = (await this.stage[side].messages(mailbox)).filter(message => message.content === content);
    return (
      found[Math.min(twinNumber(name), found.length - 1)] ??
      bug(`the row names ${name}, which is not in ${mailbox} on the ${side} side`)
    );
  }

  async play(events: string | undefined): Promise<void> {
    for (const event of (events ?? '').split(';').map(text => text.trim())) {
      if (event !== '') await this.#event(event);
    }
  }

  /**
   * `sync`; `crash after APPEND 2`, `fail before fsync ENOSPC`: a sync that dies, or whose effect fails, at the n-th effect
   * of this name; `power` (a power cut), `clock.10` (minutes pass), `db.save`, `db.restore`, `db.lose`; and on a side:
   * add, del, flag, rename, edit (to), move (to a mailbox), copy (to), mk, rm, ren (a mailbox, to), uidval, empty, and what
   * the stage adds.
   */
  async #event(event: string): Promise<void> {
    if (event === 'sync') return this.sync();
    const [head, ...rest] = event.split(/\s+/) as [string, ...string[]];
    if (head === 'crash' || head === 'fail') return this.#interruptedSync(head, rest);
    const [place, verb] = head.split('.') as [string, string];
    if (place === 'db' || place === 'clock' || place === 'power') {
      if (await this.stage.event(place, verb ?? '', '')) return;
      throw new Error(`this stage does not know the event "${event}"`);
    }
    const side = place === 'r' ? 'remote' : 'local';
    const account = this.stage[side];
    const name = readName(rest[0] ?? '');
    switch (verb) {
      case 'add':
        await this.#withMailbox(side, name.mailbox);
        return account.add(name.mailbox, this.book.bytes(name.name), readFlags(rest[1] ?? '·'));
      case 'del':
        return this.#delete(side, name);
      case 'flag':
        return account.flag(name.mailbox, (await this.#find(side, name)).key, readDelta(rest[1] ?? ''));
      case 'rename':
        return account.rename(name.mailbox, (await this.#find(side, name)).key);
      case 'edit': {
        const { key, content } = await this.#find(side, name);
        this.deletions.note(content);
        return account.edit(name.mailbox, key, this.book.bytes(rest[1] ?? ''));
      }
      case 'move':
        return account.move(name.mailbox, (await this.#find(side, name)).key, rest[1] ?? '');
      case 'copy':
        return account.copy(name.mailbox, (await this.#find(side, name)).key, rest[1] ?? '');
      case 'mk':
        return account.createMailbox(rest[0] ?? '');
      case 'rm':
        return this.#deleteMailbox(side, rest[0] ?? '');
      case 'ren':
        return account.renameMailbox(rest[0] ?? '', rest[1] ?? '');
      case 'uidval':
        return account.renew(rest[0] ?? 'INBOX', rest[1] === undefined ? undefined : Number(rest[1]));
      case 'empty':
        return this.#empty(account, rest[0] ?? 'INBOX');
      default:
        if (!(await this.stage.event(side, verb, rest[0] ?? '')))
          throw new Error(`this stage does not know the event "${event}"`);
    }
  }

  async #interruptedSync(how: 'crash' | 'fail', [when, name, ...rest]: readonly string[]): Promise<void> {
    const at = Number(rest.find(word => /^\d+$/.test(word)) ?? 1);
    const only = (effect: Effect) => effect.name === name;
    const side = when === 'after' ? 'after' : 'before';
    const seam =
      how === 'crash'
        ? new CrashSeam(at, side, only)
        : new FaultSeam(at, rest.find(word => /^E[A-Z]+$/.test(word)) ?? 'EIO', { when: side, only });
    await this.stage.sync({}, seam).catch(() => undefined);
    const met = seam instanceof CrashSeam ? seam.crashed : seam.failed > 0;
    if (!met) throw new Error(`the sync of the setup never came to ${name} ${at}`);
  }

  async #deleteMailbox(side: SideName, mailbox: string): Promise<void> {
    for (const { content } of await this.stage[side].messages(mailbox)) this.deletions.note(content);
    await this.stage[side].deleteMailbox(mailbox);
  }

  async #empty(account: Account, mailbox: string): Promise<void> {
    for (const { key, content } of await account.messages(mailbox)) {
      await account.remove(mailbox, key);
      this.deletions.note(content);
    }
  }
}
