import type { BySide } from '../model/by-side.js';
import { PosternError } from '../model/error.js';
import type { Hidden } from '../model/hidden.js';
import type { MailboxName } from '../model/mailbox.js';
import type {
  Cursor,
  Epoch,
  Listing,
  MailboxEntry,
  MessageKey,
  Problem,
  Row,
  Snapshot,
} from '../model/row.js';
import type { Changes, Earlier, TakeRows } from './earlier.js';
import type { Scope } from './scope.js';
import type {
  CopyOutcome,
  DeliveryBatch,
  FlagChange,
  FlagOutcome,
  Foreseen,
  Letter,
  Moment,
  MoveOutcome,
  Relocation,
  Removal,
  RemoveOutcome,
  Seen,
  Side,
  Sight,
  Witness,
} from './side.js';

/** Both sides as the scope shows them; the very same ones where it shows everything. */
export function scopedSides(sides: BySide<Side>, scope: Scope): BySide<Side> {
  if (scope.isWhole) return sides;
  return {
    remote: new ScopedSide(sides.remote, scope, 'remote'),
    local: new ScopedSide(sides.local, scope, 'local'),
  };
}

/**
 * A side without the mailboxes that are out of scope, and with the names they have here. Every call that names a mailbox
 * out of scope throws `mailbox-unreadable`: nothing there is read or changed.
 */
export class ScopedSide implements Side {
  readonly kind: Side['kind'];
  readonly keys: Side['keys'];
  readonly address: string;
  readonly #side: Side;
  readonly #scope: Scope;
  readonly #position: 'remote' | 'local';

  constructor(side: Side, scope: Scope, position: 'remote' | 'local') {
    this.kind = side.kind;
    this.keys = side.keys;
    this.address = side.address;
    this.#side = side;
    this.#scope = scope;
    this.#position = position;
  }

  async list(): Promise<Listing> {
    const listing = await this.#side.list();
    const entries: MailboxEntry[] = [];
    const problems: Problem[] = [];
    const leftOut: MailboxName[] = [];
    for (const entry of listing.entries) {
      const mailbox = this.#outer(entry.mailbox);
      if (mailbox === undefined) {
        if (entry.selectable) problems.push(this.#nameless(entry.mailbox));
      } else if (this.#isUnsubscribed(entry)) {
        if (this.#scope.wants(mailbox)) leftOut.push(mailbox);
      } else if (this.#scope.wants(mailbox)) entries.push({ ...entry, mailbox });
    }
    for (const problem of listing.problems) {
      const mailbox = problem.mailbox === undefined ? undefined : this.#outer(problem.mailbox);
      if (problem.mailbox === undefined) problems.push(problem);
      else if (mailbox !== undefined && this.#scope.wants(mailbox)) problems.push({ ...problem, mailbox });
    }
    const hidden: Hidden[] = [];
    for (const place of listing.hidden ?? []) {
      const mailbox = this.#outer(place.mailbox);
      if (mailbox !== undefined) hidden.push({ ...place, mailbox });
    }
    if (this.#position === 'local') {
      return { entries: entries.filter(({ mailbox }) => this.#scope.includes(mailbox)), problems, hidden };
    }
    this.#scope.leaveOut(leftOut);
    return { entries, problems, hidden, ...(this.#scope.rules.subscribed ? { leftOut } : {}) };
  }

  async changes(
    mailbox: MailboxName,
    earlier: Earlier | undefined,
    seen?: Seen,
    take?: TakeRows,
  ): Promise<Changes> {
    return { ...(await this.#side.changes(this.#inner(mailbox), earlier, seen, take)), mailbox };
  }

  async snapshot(mailbox: MailboxName, known: Snapshot | undefined, seen?: Seen): Promise<Snapshot> {
    const inner = this.#inner(mailbox);
    const snapshot = await this.#side.snapshot(inner, known && { ...known, mailbox: inner }, seen);
    return { ...snapshot, mailbox };
  }

  async isAsAt(mailbox: MailboxName, cursor: Cursor): Promise<boolean> {
    return this.#side.isAsAt(this.#inner(mailbox), cursor);
  }

  async look(mailbox: MailboxName, epoch: Epoch, keys: readonly MessageKey[], when?: Moment): Promise<Sight> {
    return this.#side.look(this.#inner(mailbox), epoch, keys, when);
  }

  async foresee(mailbox: MailboxName, epoch: Epoch, questions: Foreseen): Promise<void> {
    return this.#side.foresee(this.#inner(mailbox), epoch, questions);
  }

  async read(
    mailbox: MailboxName,
    epoch: Epoch,
    rows: readonly Row[],
    take: (letter: Letter) => Promise<void>,
  ): Promise<void> {
    return this.#side.read(this.#inner(mailbox), epoch, rows, take);
  }

  async deliver(mailbox: MailboxName): Promise<DeliveryBatch> {
    return this.#side.deliver(this.#inner(mailbox));
  }

  async flag(
    mailbox: MailboxName,
    epoch: Epoch,
    changes: readonly FlagChange[],
  ): Promise<readonly FlagOutcome[]> {
    return this.#side.flag(this.#inner(mailbox), epoch, changes);
  }

  async remove(
    mailbox: MailboxName,
    epoch: Epoch,
    removals: readonly Removal[],
  ): Promise<readonly RemoveOutcome[]> {
    return this.#side.remove(this.#inner(mailbox), epoch, removals);
  }

  async move(request: Relocation): Promise<readonly MoveOutcome[]> {
    return this.#side.move(this.#innerRelocation(request));
  }

  async copy(request: Relocation): Promise<readonly CopyOutcome[]> {
    return this.#side.copy(this.#innerRelocation(request));
  }

  /** Also refused where a mailbox would move along that is out of scope, or called otherwise here. */
  async renameMailbox(mailbox: MailboxName, to: MailboxName): Promise<void> {
    const names = { from: this.#inner(mailbox), to: this.#inner(to) };
    for (const entry of (await this.#side.list()).entries) {
      if (!entry.mailbox.startsWith(`${names.from}/`)) continue;
      const below = this.#outer(entry.mailbox);
      if (below?.startsWith(`${mailbox}/`) && this.#scope.includes(below)) continue;
      throw new PosternError(
        'server-refused',
        `${mailbox} is not renamed: ${entry.mailbox} is below it, and out of scope`,
      );
    }
    return this.#side.renameMailbox(names.from, names.to);
  }

  /** Of mailboxes out of scope too: a rename may have begun before they were. */
  async finishRenames(): Promise<readonly Problem[]> {
    return this.#side.finishRenames();
  }

  async deleteMailbox(mailbox: MailboxName): Promise<'done' | 'already'> {
    return this.#side.deleteMailbox(this.#inner(mailbox));
  }

  async createMailbox(mailbox: MailboxName): Promise<'done' | 'already'> {
    return this.#side.createMailbox(this.#inner(mailbox));
  }

  async readWitness(mailbox: MailboxName): Promise<Witness | undefined | false> {
    return this.#side.readWitness(this.#inner(mailbox));
  }

  async writeWitness(
    mailbox: MailboxName,
    witness: Witness,
    options?: { readonly durable: boolean },
  ): Promise<void> {
    return this.#side.writeWitness(this.#inner(mailbox), witness, options);
  }

  async makeDurable(mailbox: MailboxName): Promise<void> {
    return this.#side.makeDurable(this.#inner(mailbox));
  }

  async sweep(mailbox: MailboxName, keys: readonly MessageKey[]): Promise<void> {
    return this.#side.sweep(this.#inner(mailbox), keys);
  }

  async another(): Promise<Side | undefined> {
    const side = await this.#side.another();
    return side === undefined ? undefined : new ScopedSide(side, this.#scope, this.#position);
  }

  async close(): Promise<void> {
    return this.#side.close();
  }

  /** The name here of a mailbox of the side; undefined where it can have none. */
  #outer(inner: MailboxName): MailboxName | undefined {
    if (this.#position === 'remote') return this.#scope.names.fromRemote(inner);
    return this.#scope.names.toRemote(inner) === undefined ? undefined : inner;
  }

  #inner(mailbox: MailboxName): MailboxName {
    const remote = this.#scope.names.toRemote(mailbox);
    if (remote === undefined || !this.#scope.includes(mailbox)) {
      throw new PosternError('mailbox-unreadable', `${mailbox} is out of scope: it is left alone`, {
        hint: 'the tables [scope] and [map] of the configuration say what is in scope',
      });
    }
    return this.#position === 'remote' ? remote : mailbox;
  }

  #innerRelocation(request: Relocation): Relocation {
    return { ...request, mailbox: this.#inner(request.mailbox), to: this.#inner(request.to) };
  }

  /** INBOX is where mail arrives, whatever the subscriptions say. */
  #isUnsubscribed({ mailbox, subscribed }: MailboxEntry): boolean {
    return (
      this.#position === 'remote' &&
      this.#scope.rules.subscribed &&
      mailbox !== 'INBOX' &&
      subscribed !== true
    );
  }

  #nameless(inner: MailboxName): Problem {
    return {
      reason: `the ${this.#position} mailbox ${inner} is left alone: [map] leaves no name for it on the other side`,
    };
  }
}
