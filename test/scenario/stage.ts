import type { ApplyOptions, ApplyReport } from '@postern/core/api/apply.js';
import type { Plan, PlanOptions } from '@postern/core/api/plan.js';
import type { SyncOptions, SyncReport } from '@postern/core/api/sync.js';
import type { Action } from '@postern/core/model/action.js';
import type { SideName } from '@postern/core/model/by-side.js';
import type { Seam } from '@postern/core/model/effect.js';
import type { Flags } from '@postern/core/model/flags.js';
import type { Repository } from '@postern/core/state/repository.js';
import type { Store } from '@postern/core/state/store.js';

/** A message as a user of one side sees it. */
export interface SeenMessage {
  readonly key: string;
  readonly content: string;
  readonly flags: Flags;
}

/** What users do on one side. Messages are named by their key there. */
export interface Account {
  mailboxes(): Promise<readonly string[]>;
  /** In the order of the keys. */
  messages(mailbox: string): Promise<readonly SeenMessage[]>;
  add(mailbox: string, bytes: Buffer, flags: Flags): Promise<void>;
  remove(mailbox: string, key: string): Promise<void>;
  flag(mailbox: string, key: string, delta: { readonly add: Flags; readonly remove: Flags }): Promise<void>;
  rename(mailbox: string, key: string): Promise<void>;
  edit(mailbox: string, key: string, bytes: Buffer): Promise<void>;
  move(mailbox: string, key: string, to: string): Promise<void>;
  copy(mailbox: string, key: string, to: string): Promise<void>;
  createMailbox(mailbox: string): Promise<void>;
  deleteMailbox(mailbox: string): Promise<void>;
  renameMailbox(mailbox: string, to: string): Promise<void>;
  /** Gives the mailbox another UIDVALIDITY, this one or a higher one than it had; the messages other UIDs where it can. */
  renew(mailbox: string, validity?: number): Promise<void>;
}

/** Two accounts and a repository between them. */
export interface Stage {
  readonly remote: Account;
  readonly local: Account;
  readonly repository: string;
  /** Content hashes of what is in the attic. */
  attic(): Promise<readonly string[]>;
  /** How many messages' bytes went between the remote and us so far, either way. */
  bodies(): number;
  plan(options?: PlanOptions): Promise<Plan>;
  apply(actions: readonly Action[], options?: ApplyOptions, seam?: Seam): Promise<ApplyReport>;
  sync(options?: SyncOptions, seam?: Seam): Promise<SyncReport>;
  withStore<T>(work: (store: Store, repository: Repository) => Promise<T>): Promise<T>;
  /** Events that only this stage knows; false when it does not know this one. */
  event(side: SideName | 'db' | 'clock' | 'power', verb: string, argument: string): Promise<boolean>;
}
