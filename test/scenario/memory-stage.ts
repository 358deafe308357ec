import type { ApplyOptions, ApplyReport } from '@postern/core/api/apply.js';
import type { Plan, PlanOptions } from '@postern/core/api/plan.js';
import type { SyncOptions, SyncReport } from '@postern/core/api/sync.js';
import type { Action } from '@postern/core/model/action.js';
import type { SideName } from '@postern/core/model/by-side.js';
import type { Seam } from '@postern/core/model/effect.js';
import type { Flags } from '@postern/core/model/flags.js';
import { identityOf } from '@postern/core/model/identity.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import { compareKeys, type MessageKey } from '@postern/core/model/row.js';
import type { Repository } from '@postern/core/state/repository.js';
import type { Store } from '@postern/core/state/store.js';
import type { MemoryMailbox, MemoryWorld } from '../support/memory-world.js';
import { Rig } from '../support/rig.js';
import type { RowOptions } from './row.js';
import type { Account, SeenMessage, Stage } from './stage.js';

/** A stage in memory: fast, can be cloned, and crashed at every effect. */
export class MemoryStage implements Stage {
  readonly rig: Rig;
  readonly remote: MemoryAccount;
  readonly local: MemoryAccount;
  readonly #saved: Saved;

  private constructor(rig: Rig, saved: Saved) {
    this.rig = rig;
    this.remote = new MemoryAccount(rig.remote);
    this.local = new MemoryAccount(rig.local);
    this.#saved = saved;
  }

  static async create(options: RowOptions = {}): Promise<MemoryStage> {
    const { remote, local } = options;
    const rig = await Rig.create({ ...(remote && { remote }), ...(local && { local }) });
    return new MemoryStage(rig, {});
  }

  async clone(): Promise<MemoryStage> {
    return new MemoryStage(await this.rig.clone(), { ...this.#saved });
  }

  get repository(): string {
    return this.rig.id;
  }

  async attic(): Promise<readonly string[]> {
    return [...this.rig.local.attic.values()].map(bytes => identityOf(bytes).identity.content!);
  }

  bodies(): number {
    const { read, delivered } = this.rig.remote.traffic;
    return read + delivered;
  }

  plan(options?: PlanOptions): Promise<Plan> {
    return this.rig.plan(options);
  }

  apply(actions: readonly Action[], options?: ApplyOptions, seam?: Seam): Promise<ApplyReport> {
    return this.rig.apply(actions, options, seam);
  }

  sync(options?: SyncOptions, seam?: Seam): Promise<SyncReport> {
    return this.rig.sync(options, seam);
  }

  withStore<T>(work: (store: Store, repository: Repository) => Promise<T>): Promise<T> {
    return this.rig.run(repository => work(repository.store, repository));
  }

  async event(on: SideName | 'db' | 'clock' | 'power', verb: string, argument: string): Promise<boolean> {
    if (on === 'clock') this.rig.clock.pass(Number(verb) * 60_000);
    else if (on === 'power') await this.rig.powerCut();
    else if (on === 'db') await this.#database(verb);
    else return this.#world(this.rig[on], on, verb, argument);
    return true;
  }

  async #database(verb: string): Promise<void> {
    if (verb === 'save') this.#saved.state = await this.rig.saveState();
    else if (verb === 'restore') await this.rig.restoreState(this.#saved.state ?? []);
    else if (verb === 'lose') await this.rig.loseState();
    else throw new Error(`no event is called db.${verb}`);
  }

  #world(world: MemoryWorld, on: SideName, verb: string, argument: string): boolean {
    switch (verb) {
      case 'save':
        this.#saved[on] = world.clone();
        return true;
      case 'restore':
        restore(world, this.#saved[on]?.clone().mailboxes ?? new Map());
        return true;
      case 'vanish':
        world.missing = true;
        return true;
      case 'appear':
        world.missing = false;
        return true;
      case 'fault':
        world.mailbox(argument).fault = 'it answers with an error';
        return true;
      case 'heal':
        world.mailbox(argument).fault = undefined;
        return true;
      case 'hide':
        this.#saved[`hidden ${on} ${argument}`] = world.mailbox(argument);
        world.deleteMailbox(argument);
        return true;
      case 'show':
        world.mailboxes.set(
          argument as MailboxName,
          this.#saved[`hidden ${on} ${argument}`] as MemoryMailbox,
        );
        return true;
      case 'strip':
        world.mailbox(argument).witness = undefined;
        return true;
      case 'spoil':
        spoil(world, argument);
        return true;
      case 'loosen':
        loosen(world);
        return true;
      case 'mend':
        for (const mailbox of world.mailboxes.values()) mailbox.unreadable.clear();
        return true;
      default:
        return false;
    }
  }
}

interface Saved {
  state?: Awaited<ReturnType<Rig['saveState']>>;
  remote?: MemoryWorld;
  local?: MemoryWorld;
  [hidden: `hidden ${string}`]: MemoryMailbox;
}

function restore(world: MemoryWorld, mailboxes: ReadonlyMap<MailboxName, MemoryMailbox>): void {
  world.mailboxes.clear();
  for (const [name, mailbox] of mailboxes) world.mailboxes.set(name, mailbox);
}

/** Every file is one that a power cut would take back. */
function loosen(world: MemoryWorld): void {
  for (const { messages } of world.mailboxes.values())
    for (const message of messages.values()) messages.set(message.key, { ...message, durable: false });
}

/** Makes the first message of a mailbox unreadable. */
function spoil(world: MemoryWorld, name: string): void {
  const mailbox = world.mailbox(name);
  const key = [...mailbox.messages.keys()].sort(compareKeys)[0];
  if (key !== undefined) mailbox.unreadable.set(key, 'it cannot be read (EIO)');
}

export class MemoryAccount implements Account {
  readonly #world: MemoryWorld;

  constructor(world: MemoryWorld) {
    this.#world = world;
  }

  async mailboxes(): Promise<readonly string[]> {
    return [...this.#world.mailboxes.keys()].sort();
  }

  async messages(mailbox: string): Promise<readonly SeenMessage[]> {
    return [...this.#world.mailbox(mailbox).messages.values()]
      .sort((a, b) => compareKeys(a.key, b.key))
      .map(({ key, flags, identity }) => ({ key, flags, content: identity.content }));
  }

  async add(mailbox: string, bytes: Buffer, flags: Flags): Promise<void> {
    this.#world.add(mailbox, bytes, flags);
  }

  async remove(mailbox: string, key: MessageKey): Promise<void> {
    this.#world.remove(mailbox, key);
  }

  async flag(mailbox: string, key: string, delta: { add: Flags; remove: Flags }): Promise<void> {
    this.#world.flag(mailbox, key, delta);
  }

  async rename(mailbox: string, key: string): Promise<void> {
    this.#world.rename(mailbox, key);
  }

  async edit(mailbox: string, key: string, bytes: Buffer): Promise<void> {
    this.#world.edit(mailbox, key, bytes);
  }

  async move(mailbox: string, key: string, to: string): Promise<void> {
    this.#world.move(mailbox, key, to);
  }

  async copy(mailbox: string, key: string, to: string): Promise<void> {
    this.#world.copy(mailbox, key, to);
  }

  async createMailbox(mailbox: string): Promise<void> {
    this.#world.createMailbox(mailbox);
  }

  async deleteMailbox(mailbox: string): Promise<void> {
    this.#world.deleteMailbox(mailbox);
  }

  async renameMailbox(mailbox: string, to: string): Promise<void> {
    this.#world.renameMailbox(mailbox as MailboxName, to as MailboxName);
  }

  async renew(mailbox: string, validity?: number): Promise<void> {
    this.#world.setUidValidity(mailbox, validity);
  }
}
