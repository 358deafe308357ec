import { readdirSync, renameSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Flags } from '@postern/core/model/flags.js';
import { DiskEncoder } from '@postern/core/model/line-ends.js';
import type { MessageKey } from '@postern/core/model/row.js';
import { maildirPath } from './corpus.js';
import { flagLetters } from './maildir-letters.js';

/** Another mail reader on the same Maildir. Mailbox names and base names are ASCII. */
export class MaildirUser {
  readonly root: string;
  readonly #layout: 'maildir++' | 'fs';
  #serial = 0;

  constructor(root: string, layout: 'maildir++' | 'fs' = 'maildir++') {
    this.root = root;
    this.#layout = layout;
  }

  /** Adds a message to cur, LF line ends; the date is a new whole second each time unless given. */
  add(mailbox: string, bytes: Buffer, flags: Flags = [], date?: number): MessageKey {
    const serial = ++this.#serial;
    const when = (date ?? 1_500_000_000_000 + serial * 1000) / 1000;
    const name = `${when}.M${serial}P1.user`;
    const path = join(this.directory(mailbox), 'cur', `${name}:2,${flagLetters(flags)}`);
    const disk = new DiskEncoder();
    writeFileSync(path, Buffer.concat([disk.encode(bytes), disk.finish()]));
    utimesSync(path, when, when);
    return name as MessageKey;
  }

  remove(mailbox: string, key: string): void {
    unlinkSync(this.path(mailbox, key));
  }

  addFlag(mailbox: string, key: string, flag: string): void {
    const path = this.path(mailbox, key);
    const [base, letters = ''] = path.split(':2,');
    const all = [...new Set(letters + flagLetters([flag]))].sort().join('');
    renameSync(path, `${base?.replace(/\/new\/([^/]*)$/, '/cur/$1')}:2,${all}`);
  }

  move(mailbox: string, key: string, to: string): void {
    const path = this.path(mailbox, key);
    renameSync(path, join(this.directory(to), 'cur', path.split('/').at(-1)!));
  }

  /** Where a message is now, in new or cur. */
  path(mailbox: string, key: string): string {
    for (const part of ['cur', 'new']) {
      const directory = join(this.directory(mailbox), part);
      const name = readdirSync(directory).find(entry => entry.split(':2,')[0] === key);
      if (name !== undefined) return join(directory, name);
    }
    throw new Error(`the test asks for ${mailbox} ${key}, which is not there`);
  }

  /** The names of all message files of a mailbox, sorted. */
  files(mailbox: string): string[] {
    return ['cur', 'new'].flatMap(part => readdirSync(join(this.directory(mailbox), part))).sort();
  }

  directory(mailbox: string): string {
    return join(this.root, maildirPath(mailbox, this.#layout));
  }
}
