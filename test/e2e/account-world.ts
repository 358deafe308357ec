import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeModifiedUtf7 } from '@postern/core/model/modified-utf7.js';
import { expandUidSet } from '@postern/core/side/imap/uid-set.js';
import { expect } from 'vitest';
import type { CorpusMessage } from '../support/corpus.js';
import type { Dovecot } from '../support/dovecot.js';
import { ImapUser } from '../support/imap-user.js';
import { accountHoldings, type Holdings, leftovers, maildirHoldings } from '../support/mail-holdings.js';
import type { WireProxy } from '../support/wire-proxy.js';
import { assertBuilt } from './built-command.js';
import { type Ended, jsonLines, postern, type RunOptions } from './cli-command.js';

let users = 0;

/** A server with plain text on a port of 127.0.0.1, and one password for all users. */
export type AccountServer = Pick<Dovecot, 'port' | 'password'> & Partial<Pick<Dovecot, 'mailDir'>>;

export interface WorldOptions {
  /** Where the command connects to; the server itself unless given. */
  readonly proxy?: WireProxy;
  /** Whose account it is; one of its own unless given. */
  readonly user?: string;
}

/** An account on a real server, a directory for its Maildir, and the built command between the two. */
export class AccountWorld {
  readonly server: AccountServer;
  readonly user: string;
  readonly directory = mkdtempSync(join(tmpdir(), 'postern-e2e-'));
  readonly local = join(this.directory, 'Mail');
  readonly #port: number;

  constructor(server: AccountServer, { proxy, user = `user${++users}` }: WorldOptions = {}) {
    assertBuilt();
    this.user = user;
    this.server = server;
    this.#port = proxy?.port ?? server.port;
  }

  /** Makes the Maildir, or the one that is there, a repository. */
  async init(): Promise<void> {
    const url = `imap://${this.user}@127.0.0.1:${this.#port}`;
    const made = await postern(['init', this.local, '--remote', url, '--tls', 'none', '-q']);
    expect(made).toMatchObject({ exit: 0, stdout: '' });
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return postern(args, { ...this.runOptions, ...options });
  }

  /** Runs a command that must go well without a word on stderr; returns what it printed. */
  async good(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const result = await this.run(args, options);
    expect(result, args.join(' ')).toMatchObject({ exit: 0, stderr: '' });
    return result.stdout;
  }

  get runOptions(): RunOptions {
    return { cwd: this.local, env: { POSTERN_PASSWORD: this.server.password } };
  }

  /** The actions of a plan made now. */
  async plan(): Promise<Record<string, unknown>[]> {
    const { exit, stdout } = await this.run(['plan']);
    const [header, ...actions] = jsonLines(stdout);
    expect({ exit, ...header }).toMatchObject({ exit: 0, op: 'plan', actions: actions.length });
    return actions;
  }

  /** Works in the account as another mail client. */
  async asClient<T>(act: (client: ImapUser) => Promise<T>): Promise<T> {
    const client = await ImapUser.login(this.server.port, this.user, this.server.password);
    try {
      return await act(client);
    } finally {
      await client.logout();
    }
  }

  /** Puts messages into the account; mailboxes are made as they come, their names are decoded ones. */
  fillAccount(messages: Iterable<CorpusMessage>): Promise<void> {
    return this.asClient(async client => {
      const made = new Set(['INBOX']);
      for (const { mailbox, bytes, flags, date } of messages) {
        const raw = encodeModifiedUtf7(mailbox);
        if (!made.has(mailbox)) await client.command(`CREATE "${raw}"`);
        made.add(mailbox);
        await client.append(raw, bytes, flags, new Date(date));
      }
    });
  }

  async holdings(): Promise<{ readonly remote: Holdings; readonly local: Holdings }> {
    return { remote: await this.asClient(accountHoldings), local: maildirHoldings(this.local) };
  }

  /** Both sides hold the same messages with the same flags, no delivery left anything, and nothing is left to do. */
  async expectSettled(): Promise<Holdings> {
    const { remote, local } = await this.holdings();
    expect(local).toEqual(remote);
    expect(leftovers(this.local)).toEqual([]);
    expect(await this.run(['plan', '--exit-code'])).toMatchObject({ exit: 0, stderr: '' });
    return remote;
  }

  /** A Maildir++ mailbox in the repository, as another program makes it. */
  makeLocalMailbox(directory: string): string {
    const path = join(this.local, directory);
    for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(path, part), { recursive: true });
    return path;
  }

  /** Who owns the mail of the server. */
  get mailOwner(): { readonly uid: number; readonly gid: number } {
    const directory = this.server.mailDir?.(this.user);
    if (directory === undefined) throw new Error('this server does not say where its mail is');
    return statSync(join(directory, '..'));
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** How many messages were fetched with their bodies, by the commands that went over the wire. */
export function bodiesFetched(proxy: WireProxy): number {
  return proxy
    .commands(/^UID FETCH .*BODY(\.PEEK)?\[\]/i)
    .map(({ text }) => expandUidSet(text.split(' ')[2]!, 1_000_000)?.length ?? Number.NaN)
    .reduce((sum, count) => sum + count, 0);
}

/** How many messages a side holds. */
export function countOf(holdings: Holdings): number {
  return Object.values(holdings).reduce((sum, messages) => sum + messages.length, 0);
}
