import { randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ApplyOptions, type ApplyReport, applyActions } from '@postern/core/api/apply.js';
import { fetchRemote } from '@postern/core/api/fetch.js';
import { makePlan, type Plan, type PlanOptions } from '@postern/core/api/plan.js';
import { type SyncOptions, type SyncReport, sync } from '@postern/core/api/sync.js';
import type { Action } from '@postern/core/model/action.js';
import type { SideName } from '@postern/core/model/by-side.js';
import type { Seam } from '@postern/core/model/effect.js';
import { type Flags, flagsFrom } from '@postern/core/model/flags.js';
import { identityOf } from '@postern/core/model/identity.js';
import type { Repository } from '@postern/core/state/repository.js';
import type { Store } from '@postern/core/state/store.js';
import { ImapUser } from '../support/imap-user.js';
import { createRepository, inRepository, type RealPlace } from '../support/real-repository.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';
import { MaildirAccount } from './maildir-account.js';
import type { Account, SeenMessage, Stage } from './stage.js';
import type { StageServer } from './stage-servers.js';

const contentOf = (bytes: Buffer) => identityOf(bytes).identity.content ?? '';

/** A real Maildir, a real server, and a state on disk. Every command opens and closes all of it, as a process does. */
export class RealStage implements Stage {
  readonly repository = randomUUID();
  readonly remote: ServerAccount;
  readonly local: MaildirAccount;
  readonly #server: StageServer;
  readonly #proxy: WireProxy;
  readonly #user: string;
  readonly #directory: string;

  private constructor(server: StageServer, proxy: WireProxy, user: string, client: ImapUser) {
    this.#server = server;
    this.#proxy = proxy;
    this.#user = user;
    this.#directory = mkdtempSync(join(tmpdir(), 'postern-scenario-'));
    this.remote = new ServerAccount(server, user, client);
    this.local = new MaildirAccount(this.#mail);
  }

  static async create(server: StageServer): Promise<RealStage> {
    const user = `u${randomUUID()}`;
    const client = await ImapUser.login(server.port, user, server.password);
    const stage = new RealStage(server, await startProxy(server.port), user, client);
    await stage.local.createMailbox('INBOX');
    mkdirSync(join(stage.#mail, '.postern', 'attic'), { recursive: true });
    await createRepository(stage.#place);
    return stage;
  }

  async end(): Promise<void> {
    await this.remote.logout();
    await this.#proxy.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get #mail(): string {
    return join(this.#directory, 'Mail');
  }

  /** Beside the mail, as `init --separate-state-dir` puts it: rows take the Maildir away. */
  get #state(): string {
    return join(this.#directory, 'state');
  }

  get #place(): RealPlace {
    const { password } = this.#server;
    const [id, root, state] = [this.repository, this.#mail, this.#state];
    return { id, root, layout: 'maildir++', state, port: this.#proxy.port, user: this.#user, password };
  }

  #run<T>(work: (repository: Repository) => Promise<T>, seam?: Seam): Promise<T> {
    return inRepository(this.#place, work, seam);
  }

  async attic(): Promise<readonly string[]> {
    const attic = join(this.#mail, '.postern', 'attic');
    return readdirSync(attic).flatMap(operation =>
      readdirSync(join(attic, operation)).map(name => contentOf(readFileSync(join(attic, operation, name)))),
    );
  }

  bodies(): number {
    return this.#proxy.bodies();
  }

  plan(options: PlanOptions = {}): Promise<Plan> {
    return this.#run(async repository => {
      await fetchRemote(repository);
      return makePlan(repository, options);
    });
  }

  apply(actions: readonly Action[], options: ApplyOptions = {}, seam?: Seam): Promise<ApplyReport> {
    return this.#run(repository => applyActions(repository, actions, options), seam);
  }

  sync(options: SyncOptions = {}, seam?: Seam): Promise<SyncReport> {
    return this.#run(repository => sync(repository, options), seam);
  }

  withStore<T>(work: (store: Store, repository: Repository) => Promise<T>): Promise<T> {
    return this.#run(repository => work(repository.store, repository));
  }

  async event(on: SideName | 'db' | 'clock' | 'power', verb: string, argument: string): Promise<boolean> {
    if (on === 'db') return this.#stateEvent(verb);
    if (on === 'local') return this.#maildirEvent(verb, argument);
    const { curtain } = this.#server;
    if (on !== 'remote' || curtain === undefined) return false;
    if (verb === 'hide') curtain.hide(this.#user, argument);
    else if (verb === 'show') curtain.show(this.#user, argument);
    else return false;
    return true;
  }

  async #stateEvent(verb: string): Promise<boolean> {
    const saved = join(this.#directory, 'state.saved');
    if (verb === 'save') cpSync(this.#state, saved, { recursive: true });
    else if (verb === 'restore' || verb === 'lose') {
      rmSync(this.#state, { recursive: true });
      if (verb === 'restore') cpSync(saved, this.#state, { recursive: true });
      else await createRepository(this.#place);
    } else return false;
    return true;
  }

  #maildirEvent(verb: string, mailbox: string): boolean {
    const place = () => this.local.directory(mailbox);
    const hidden = join(this.#directory, `hidden-${mailbox}`);
    const away = join(this.#directory, 'Mail.away');
    if (verb === 'vanish') renameSync(this.#mail, away);
    else if (verb === 'appear') renameSync(away, this.#mail);
    else if (verb === 'hide') renameSync(place(), hidden);
    else if (verb === 'show') renameSync(hidden, place());
    else if (verb === 'strip') {
      for (const name of readdirSync(place()))
        if (name.startsWith('.postern-witness')) rmSync(join(place(), name));
    } else return false;
    return true;
  }
}

class ServerAccount implements Account {
  readonly #server: StageServer;
  readonly #user: string;
  #client: ImapUser;

  constructor(server: StageServer, user: string, client: ImapUser) {
    this.#server = server;
    this.#user = user;
    this.#client = client;
  }

  logout(): Promise<void> {
    return this.#client.logout();
  }

  async mailboxes(): Promise<readonly string[]> {
    const { untagged } = await this.#client.command('LIST "" *');
    const names = untagged
      .filter(line => !/\\(Noselect|NonExistent)/i.test(line))
      .map(line => / "?([^"]*)"?$/.exec(line.split('"/"')[1] ?? '')![1]!);
    const there: string[] = [];
    for (const name of names.sort()) if (await this.#isThere(name)) there.push(name);
    return there;
  }

  /** Some list a deleted mailbox that others are below as if it were there. */
  async #isThere(mailbox: string): Promise<boolean> {
    try {
      await this.#client.command(`STATUS "${mailbox}" (MESSAGES)`);
      return true;
    } catch (error) {
      if (/was answered NO/.test(String(error))) return false;
      throw error;
    }
  }

  async messages(mailbox: string): Promise<readonly SeenMessage[]> {
    const found = await this.#client.contents(mailbox);
    return found
      .sort((a, b) => a.uid - b.uid)
      .map(({ uid, flags, bytes }) => ({
        key: String(uid),
        flags: flagsFrom(flags),
        content: contentOf(bytes),
      }));
  }

  async add(mailbox: string, bytes: Buffer, flags: Flags): Promise<void> {
    await this.#client.append(mailbox, bytes, flags);
  }

  remove(mailbox: string, key: string): Promise<void> {
    return this.#client.expunge(mailbox, key);
  }

  async flag(mailbox: string, key: string, delta: { add: Flags; remove: Flags }): Promise<void> {
    if (delta.add.length > 0) await this.#client.store(mailbox, key, `+FLAGS (${delta.add.join(' ')})`);
    if (delta.remove.length > 0) await this.#client.store(mailbox, key, `-FLAGS (${delta.remove.join(' ')})`);
  }

  async rename(): Promise<void> {
    throw new Error('a server renames no message');
  }

  async edit(): Promise<void> {
    throw new Error('this server changes no message in place');
  }

  move(mailbox: string, key: string, to: string): Promise<void> {
    return this.#client.move(mailbox, key, to);
  }

  async copy(mailbox: string, key: string, to: string): Promise<void> {
    await this.#client.command(`SELECT "${mailbox}"`);
    await this.#client.command(`UID COPY ${key} "${to}"`);
    await this.#client.command('UNSELECT');
  }

  async createMailbox(mailbox: string): Promise<void> {
    await this.#client.command(`CREATE "${mailbox}"`);
  }

  async deleteMailbox(mailbox: string): Promise<void> {
    await this.#client.command(`DELETE "${mailbox}"`);
  }

  async renameMailbox(mailbox: string, to: string): Promise<void> {
    await this.#client.command(`RENAME "${mailbox}" "${to}"`);
  }

  /** A server that makes the account anew for it ends our connection. */
  async renew(mailbox: string, validity?: number): Promise<void> {
    const { port, password, renew } = this.#server;
    await renew(this.#user, mailbox, validity);
    await this.#client.logout();
    this.#client = await ImapUser.login(port, this.#user, password);
  }
}
