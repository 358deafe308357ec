import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { applyDelta, type Flags } from '@postern/core/model/flags.js';
import { identityOf } from '@postern/core/model/identity.js';
import { DiskEncoder } from '@postern/core/model/line-ends.js';
import { flagLetters } from '../support/maildir-letters.js';
import { MaildirUser } from '../support/maildir-user.js';
import { readFlags } from './notation.js';
import type { Account, SeenMessage } from './stage.js';

/** What users do in a real Maildir. */
export class MaildirAccount implements Account {
  readonly #root: string;
  readonly #user: MaildirUser;

  constructor(root: string) {
    this.#root = root;
    this.#user = new MaildirUser(root);
  }

  directory(mailbox: string): string {
    return this.#user.directory(mailbox);
  }

  async mailboxes(): Promise<readonly string[]> {
    if (!existsSync(this.#root)) return [];
    const below = readdirSync(this.#root).filter(name => name.startsWith('.') && name !== '.postern');
    const named = below.filter(name => existsSync(join(this.#root, name, 'cur')));
    return ['INBOX', ...named.map(name => name.slice(1).replaceAll('.', '/'))].sort();
  }

  async messages(mailbox: string): Promise<readonly SeenMessage[]> {
    return this.#user.files(mailbox).map(name => {
      const [key, letters = ''] = name.split(':2,') as [string, string | undefined];
      const bytes = readFileSync(this.#user.path(mailbox, key));
      return {
        key,
        flags: readFlags(letters === '' ? '·' : letters),
        content: identityOf(bytes).identity.content ?? '',
      };
    });
  }

  async add(mailbox: string, bytes: Buffer, flags: Flags): Promise<void> {
    this.#user.add(mailbox, bytes, flags);
  }

  async remove(mailbox: string, key: string): Promise<void> {
    this.#user.remove(mailbox, key);
  }

  async flag(mailbox: string, key: string, delta: { add: Flags; remove: Flags }): Promise<void> {
    const path = this.#user.path(mailbox, key);
    const before = readFlags(path.split(':2,')[1] || '·');
    const letters = flagLetters(applyDelta(before, delta));
    renameSync(path, join(this.#user.directory(mailbox), 'cur', `${key}:2,${letters}`));
  }

  async rename(mailbox: string, key: string): Promise<void> {
    const path = this.#user.path(mailbox, key);
    renameSync(path, path.replace(key, `1600000000.${randomUUID()}.other`));
  }

  /** As an editor does that writes into the file, with a lock beside it: without one nothing shows until something else does. */
  async edit(mailbox: string, key: string, bytes: Buffer): Promise<void> {
    const [disk, path] = [new DiskEncoder(), this.#user.path(mailbox, key)];
    const lock = join(dirname(path), `.${key}.swp`);
    writeFileSync(lock, '');
    writeFileSync(path, Buffer.concat([disk.encode(bytes), disk.finish()]));
    rmSync(lock);
  }

  async move(mailbox: string, key: string, to: string): Promise<void> {
    this.#user.move(mailbox, key, to);
  }

  async copy(mailbox: string, key: string, to: string): Promise<void> {
    const path = this.#user.path(mailbox, key);
    writeFileSync(join(this.#user.directory(to), 'cur', path.split('/').at(-1)!), readFileSync(path));
  }

  async createMailbox(mailbox: string): Promise<void> {
    for (const part of ['cur', 'new', 'tmp'])
      mkdirSync(join(this.#user.directory(mailbox), part), { recursive: true });
  }

  async deleteMailbox(mailbox: string): Promise<void> {
    rmSync(this.#user.directory(mailbox), { recursive: true });
  }

  async renameMailbox(mailbox: string, to: string): Promise<void> {
    renameSync(this.#user.directory(mailbox), this.#user.directory(to));
  }

  async renew(): Promise<void> {
    throw new Error('a Maildir has no UIDVALIDITY');
  }
}
