import { otherSide, SIDES, type SideName } from '../model/by-side.js';
import { groupBy } from '../model/group-by.js';
import { type Identity, isSurelySame } from '../model/identity.js';
import { compareText, type MailboxName } from '../model/mailbox.js';
import { compareKeys, type Row } from '../model/row.js';
import type { Blocked } from '../model/view.js';
import type { Decision, Merge, Waiting } from './decision.js';

type Deletion = Decision & { readonly kind: 'delete' };
/** A message that is on `on` and gone on the other side: to be deleted, or copied back, unless it moved. */
interface Departure {
  /** What is dropped if it moved; undefined for one that only waits. */
  readonly decision?: Decision;
  readonly on: SideName;
  readonly mailbox: MailboxName;
  readonly identity: Identity;
  readonly row: Row;
  readonly conflict?: true;
}
type Copy = Decision & { readonly kind: 'copy' };

export interface Relocation extends Merge {
  /** Rows whose content would tell whether a message moved: read them, and merge again. */
  readonly wanted: readonly { readonly side: SideName; readonly mailbox: MailboxName; readonly row: Row }[];
}

/** Whether a side has a message of this digest, in another mailbox, that nothing was decided about yet. */
export type Undecided = (side: SideName, digest: string, not: MailboxName) => MailboxName | undefined;

/**
 * Looks across mailboxes (DESIGN §5): what one mailbox wants deleted and another one wants copied, on the same side and
 * with the same identity, is a move. What is gone here while a message like it is undecided elsewhere is not deleted.
 * The result does not depend on the order of the decisions. Pure.
 */
export function relocate(merges: readonly Merge[], undecided: Undecided): Relocation {
  return new Relocator(merges, undecided).run();
}

class Relocator {
  readonly #decisions = new Set<Decision>();
  readonly #blocked: Blocked[] = [];
  readonly #wanted: Relocation['wanted'][number][] = [];
  readonly #undecided: Undecided;
  readonly #waiting: Waiting[] = [];

  constructor(merges: readonly Merge[], undecided: Undecided) {
    this.#undecided = undecided;
    for (const merge of merges) {
      for (const decision of merge.decisions) this.#decisions.add(decision);
      this.#blocked.push(...merge.blocked);
      this.#waiting.push(...(merge.waiting ?? []));
    }
  }

  run(): Relocation {
    const copies = { remote: this.#copiesTo('remote'), local: this.#copiesTo('local') };
    for (const on of SIDES) this.#findMoves(on, copies[on]);
    this.#findDoubleMoves(copies);
    for (const decision of [...this.#decisions]) if (decision.kind === 'delete') this.#holdBack(decision);
    return { decisions: [...this.#decisions], blocked: this.#blocked, wanted: this.#wanted };
  }

  /** Copies of new messages to a side, by digest, each class in order. */
  #copiesTo(side: SideName): Map<string, Copy[]> {
    const copies = [...this.#decisions].filter(
      (decision): decision is Copy =>
        decision.kind === 'copy' && decision.to === side && decision.instead === undefined,
    );
    copies.sort((a, b) => compareText(a.mailbox, b.mailbox) || compareKeys(a.row.key, b.row.key));
    return groupBy(copies, copy => copy.row.identity.digest);
  }

  #findMoves(on: SideName, copies: Map<string, Copy[]>): void {
    const departures = [
      ...[...this.#decisions].flatMap(decision => departureOf(decision) ?? []),
      ...this.#waiting,
    ];
    const own = departures.filter(departure => departure.on === on).map(withContent);
    own.sort((a, b) => compareText(a.mailbox, b.mailbox) || compareKeys(a.row.key, b.row.key));
    for (const [digest, gone] of groupBy(own, departure => departure.identity.digest)) {
      const came = copies.get(digest);
      if (came !== undefined) this.#settleClass(on, gone, came);
    }
  }

  #settleClass(on: SideName, gone: Departure[], came: Copy[]): void {
    for (const departure of [...gone]) {
      const { mailbox: from, identity } = departure;
      const copy = came.find(({ mailbox, row }) => mailbox !== from && equal(identity, row.identity));
      if (copy === undefined) continue;
      this.#move(on, departure, copy);
      remove(gone, departure);
      remove(came, copy);
    }
    const [departure] = gone;
    const elsewhere = came.filter(copy => gone.some(({ mailbox }) => mailbox !== copy.mailbox));
    const [copy] = elsewhere;
    if (departure === undefined || copy === undefined) return;
    const single = gone.length === 1 && elsewhere.length === 1 && copy.mailbox !== departure.mailbox;
    if (single && isSurelySame(departure.identity, copy.row.identity)) {
      this.#move(on, departure, copy);
      remove(came, copy);
      return;
    }
    const unread = elsewhere.filter(({ row }) => row.identity.content === undefined);
    const open = gone.filter(({ identity }) => identity.content === undefined);
    if (unread.length === 0 && open.length === 0) return;
    for (const { mailbox, row } of unread) this.#wanted.push({ side: otherSide(on), mailbox, row });
    for (const { mailbox, row } of open) this.#wanted.push({ side: on, mailbox, row });
    const reason =
      'it may have moved to another mailbox, and only its content can tell: fetch reads the contents of such messages';
    for (const one of gone) {
      if (one.decision !== undefined) this.#block(one.decision, { [one.on]: one.row, reason });
    }
    for (const one of open.length > 0 ? elsewhere : unread) {
      this.#block(one, { [otherSide(on)]: one.row, reason });
      remove(came, one);
    }
  }

  #move(on: SideName, departure: Departure, copy: Copy): void {
    if (departure.decision !== undefined) this.#decisions.delete(departure.decision);
    this.#decisions.delete(copy);
    const { mailbox, row, identity, conflict } = departure;
    const from = otherSide(on);
    this.#decisions.add({
      kind: 'move',
      on,
      mailbox,
      to: copy.mailbox,
      victim: row,
      partner: copy.row,
      identity,
      ...(conflict ? { conflict } : {}),
      why: conflict
        ? `in ${copy.mailbox} on ${from} and in ${mailbox} here: the ${from} side's place wins`
        : `moved to ${copy.mailbox} on ${from}`,
    });
  }

  /**
   * The same message is new on both sides, in different mailboxes: it was moved to two places, or base forgot that it
   * moved. One message stays one message, and the remote's place wins.
   */
  #findDoubleMoves(copies: Readonly<Record<SideName, Map<string, Copy[]>>>): void {
    for (const [digest, here] of copies.remote) {
      const there = copies.local.get(digest);
      if (there === undefined) continue;
      const departures = here.map((decision): Departure => {
        const { mailbox, row } = decision;
        return { decision, on: 'local', mailbox, identity: row.identity, row, conflict: true };
      });
      this.#settleClass('local', departures, there);
    }
  }

  #holdBack(deletion: Deletion): void {
    const from = otherSide(deletion.on);
    const other = this.#undecided(from, deletion.pair.identity.digest, deletion.mailbox);
    if (other === undefined) return;
    const reason = `gone on ${from}, but a message like it is new in ${other}: it is not deleted until that one is settled`;
    this.#block(deletion, { [deletion.on]: deletion.row, reason });
  }

  #block(decision: Decision, blocked: Omit<Blocked, 'mailbox'>): void {
    this.#decisions.delete(decision);
    this.#blocked.push({ mailbox: decision.mailbox, ...blocked });
  }
}

function departureOf(decision: Decision): Departure | undefined {
  if (decision.kind === 'delete') return { decision, ...decision, identity: decision.pair.identity };
  if (decision.kind === 'unpair' && decision.left !== undefined) {
    const { mailbox, left } = decision;
    return { decision, on: left.side, mailbox, identity: left.row.identity, row: left.row };
  }
  if (decision.kind !== 'copy' || !decision.restores || decision.instead === undefined) return undefined;
  const { to, mailbox, row, instead } = decision;
  return { decision, on: otherSide(to), mailbox, identity: instead.identity, row };
}

/** A message that is there can be read, whatever base knew of it. */
function withContent(departure: Departure | Waiting): Departure {
  const { identity, row } = departure;
  const { content } = row.identity;
  if (identity.content !== undefined || content === undefined) return departure;
  return { ...departure, identity: { ...identity, content } };
}

/** Both contents are known, and equal. */
function equal(a: Identity, b: Identity): boolean {
  return a.content !== undefined && a.content === b.content;
}

function remove<T>(items: T[], item: T): void {
  items.splice(items.indexOf(item), 1);
}
