import { type BySide, SIDES } from '@postern/core/model/by-side.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import type { Snapshot } from '@postern/core/model/row.js';
import type { Evidence } from './evidence.js';
import { judgeWitnesses, type Witnesses, wentBackOn } from './witnesses.js';

/** How far the records of a mailbox may be believed, by their seals, the witnesses and what both sides are now. */
export class Trust {
  readonly #repository: string;
  readonly #evidence: Evidence;
  readonly #witnesses: ReadonlyMap<MailboxName, Witnesses>;

  /** `witnesses`: of all mailboxes, as they were before anything was written. */
  constructor(repository: string, evidence: Evidence, witnesses: ReadonlyMap<MailboxName, Witnesses>) {
    this.#repository = repository;
    this.#evidence = evidence;
    this.#witnesses = witnesses;
  }

  /** The records are complete, the latest ones, and of the same time as the mail: as good as before any damage. */
  isWhole(mailbox: MailboxName, snapshots: BySide<Snapshot | undefined>): boolean {
    const record = this.#evidence.records.get(mailbox);
    return (
      record !== undefined &&
      record.rematch === undefined &&
      this.#evidence.owner !== undefined &&
      this.#evidence.isSealed('mailbox', '') &&
      this.#evidence.isSealed('pair', mailbox) &&
      SIDES.every(side => wentBackOn(side, record, snapshots[side]) === undefined) &&
      this.#fits(mailbox) &&
      (SIDES.every(side => snapshots[side] !== undefined) || this.#isOfToday())
    );
  }

  /** Something is known of an earlier sync of the mailbox, by records or by witnesses. */
  hadBase(mailbox: MailboxName): boolean {
    if (this.#evidence.pairs(mailbox).length > 0) return true;
    const witnesses = [...(this.#witnesses.get(mailbox) ?? new Map()).values()];
    return witnesses.some(witness => witness?.repository === this.#repository && witness.mailbox === mailbox);
  }

  /** A mailbox that a side lacks has no witness there: those of all others must fit. */
  #isOfToday(): boolean {
    const witnesses = [...this.#witnesses.values()].flatMap(known => [...known.values()]);
    return (
      witnesses.some(witness => witness?.repository === this.#repository) &&
      [...this.#witnesses.keys()].every(mailbox => this.#fits(mailbox))
    );
  }

  #fits(mailbox: MailboxName): boolean {
    const record = this.#evidence.records.get(mailbox);
    const witnesses = this.#witnesses.get(mailbox) ?? new Map();
    return judgeWitnesses(this.#repository, mailbox, { record, witnesses }).length === 0;
  }
}
