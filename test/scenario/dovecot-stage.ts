import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type ApplyOptions, type ApplyReport, applyActions } from '@postern/core/api/apply.js';
import { fetchRemote } from '@postern/core/api/fetch.js';
import { makePlan, type Plan, type PlanOptions } from '@postern/core/api/plan.js';
import { type SyncOptions, type SyncReport, sync } from '@postern/core/api/sync.js';
import type { Action } from '@postern/core/model/action.js';
import { systemClock } from '@postern/core/model/clock.js';
import { openSeam, type Seam } from '@postern/core/model/effect.js';
import { applyDelta, type Flags, flagsFrom } from '@postern/core/model/flags.js';
import { identityOf } from '@postern/core/model/identity.js';
import { DiskEncoder } from '@postern/core/model/line-ends.js';
import { ImapSide } from '@postern/core/side/imap/imap-side.js';
import { MaildirSide } from '@postern/core/side/maildir/maildir-side.js';
import { createStore, openStore } from '@postern/core/state/disk-store.js';
import type { LevelStore } from '@postern/core/state/level-store.js';
import { initState, type Repository } from '@postern/core/state/repository.js';
import type { Store } from '@postern/core/state/store.js';
import type { Dovecot } from '../support/dovecot.js';
import { ImapUser } from '../support/imap-user.js';
import { flagLetters } from '../support/maildir-letters.js';
import { MaildirUser } from '../support/maildir-user.js';
import { readFlags } from './notation.js';
import type { Account, SeenMessage, Stage } from './stage.js';

const contentOf = (bytes: Buffer) => identityOf(bytes).identity.content ?? '';

/** A real Maildir, a real Dovecot, and a state on disk. Every command opens and closes all of it, as a process does. */
export class DovecotStage implements Stage {
  readonly repository = randomUUID();
  readonly remote: DovecotAccount;
  readonly local: MaildirAccount;
  readonly #server: Dovecot;
  readonly #user: string;
  readonly #directory: string;

  private constructor(server: Dovecot, user: string, client: ImapUser) {
    this.#server = server;
    this.#user = user;
    this.#directory = mkdtempSync(join(tmpdir(), 'postern-scenario-'));
    this.remote = new DovecotAccount(server, user, client);
    this.local = new MaildirAccount(this.#mail);
  }

  static async create(server: Dovecot): Promise<DovecotStage> {
    const user = `u${randomUUID()}`;
    const stage = new DovecotStage(server, user, await ImapUser.login(server.port, user, server.password));
    await stage.local.createMailbox('INBOX');
    mkdirSync(join(stage.#mail, '.postern', 'attic'), { recursive: true });
    const store = await createStore(stage.#state, { seam: openSeam });
    await stage.#with(store, openSeam, repository => initState(repository));
    return stage;
  }

  async end(): Promise<void> {
    await this.remote.logout();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get #mail(): string {
    return join(this.#directory, 'Mail');
  }

  get #state(): string {
    return join(this.#mail, '.postern', 'state');
  }

  async #run<T>(work: (repository: Repository) => Promise<T>, seam: Seam = openSeam): Promise<T> {
    return this.#with(await openStore(this.#state, { seam }), seam, work);
  }

  async #with<T>(store: LevelStore, seam: Seam, work: (repository: Repository) => Promise<T>): Promise<T> {
    const random = () => randomBytes(4).toString('hex');
    const { host, tlsPort, password, caFile } = this.#server;
    const remote = new ImapSide({
      host,
      port: tlsPort,
      user: this.#user,
      password: async () => password,
      tls: 'implicit',
      ca: readFileSync(caFile, 'utf8'),
      seam,
      clock: systemClock,
    });
    const local = new MaildirSide({
      root: this.#mail,
      layout: 'maildir++',
      repository: this.repository,
      position: 'local',
      seam,
      clock: systemClock,
      random,
    });
    try {
      return await work({ id: this.repository, sides: { remote, local }, store, clock: systemClock, random });
    } finally {
      await remote.close();
      await local.close();
      await store.close();
    }
  }

  async attic(): Promise<readonly string[]> {
    const attic = join(this.#mail, '.postern', 'attic');
    return readdirSync(attic).flatMap(operation =>
      readdirSync(join(attic, operation)).map(name => contentOf(readFileSync(join(attic, operation, name)))),
    );
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

  withStore<T>(work: (store: Store) => Promise<T>): Promise<T> {
    return this.#run(({ store }) => work(store));
  }

  async event(): Promise<boolean> {
    return false;
  }
}

class DovecotAccount implements Account {
  readonly #server: Dovecot;
  readonly #user: string;
  readonly #client: ImapUser;

  constructor(server: Dovecot, user: string, client: ImapUser) {
    this.#server = server;
    this.#user = user;
    this.#client = client;
  }

  logout(): Promise<void> {
    return this.#client.logout();
  }

  async mailboxes(): Promise<readonly string[]> {
    const { untagged } = await this.#client.command('LIST "" *');
    return untagged
      .filter(line => !/\\(Noselect|NonExistent)/i.test(line))
      .map(line => / "?([^"]*)"?$/.exec(line.split('"/"')[1] ?? '')![1]!)
      .sort();
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

  async renew(mailbox: string): Promise<void> {
    const configuration = join(dirname(dirname(this.#server.mailDir(this.#user))), 'dovecot.conf');
    const update = ['mailbox', 'update', '--uid-validity', '1999999999', '-u', this.#user, mailbox];
    execFileSync('doveadm', ['-c', configuration, ...update], { stdio: 'ignore' });
  }
}

class MaildirAccount implements Account {
  readonly #root: string;
  readonly #user: MaildirUser;

  constructor(root: string) {
    this.#root = root;
    this.#user = new MaildirUser(root);
  }

  async mailboxes(): Promise<readonly string[]> {
    const below = readdirSync(this.#root).filter(name => name.startsWith('.') && name !== '.postern');
    const named = below.filter(name => existsSync(join(this.#root, name, 'cur')));
    return ['INBOX', ...named.map(name => name.slice(1).replaceAll('.', '/'))].sort();
  }

  async messages(mailbox: string): Promise<readonly SeenMessage[]> {
    return this.#user.files(mailbox).map(name => {
      const [key, letters = ''] = name.split(':2,') as [string, string | undefined];
      const bytes = readFileSync(this.#user.path(mailbox, key));
      return { key, flags: readFlags(letters === '' ? '·' : letters), content: contentOf(bytes) };
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

  /** As an editor does that writes into the file. */
  async edit(mailbox: string, key: string, bytes: Buffer): Promise<void> {
    const disk = new DiskEncoder();
    writeFileSync(this.#user.path(mailbox, key), Buffer.concat([disk.encode(bytes), disk.finish()]));
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

  async renew(): Promise<void> {
    throw new Error('a Maildir has no UIDVALIDITY');
  }
}
