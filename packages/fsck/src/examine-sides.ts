import { matchRows } from '@postern/core/match/match-rows.js';
import { rowsToMatch, sortPairs } from '@postern/core/match/sort-pairs.js';
import { type BySide, otherSide, SIDES, type SideName } from '@postern/core/model/by-side.js';
import { isMailboxUnread } from '@postern/core/model/error.js';
import { compareText, type MailboxName } from '@postern/core/model/mailbox.js';
import type { Listing, Problem, Row, Snapshot } from '@postern/core/model/row.js';
import type { Blocked } from '@postern/core/model/view.js';
import { blockedIn, isDecided, unreadableIn } from './blocked-in.js';
import type { Evidence } from './evidence.js';
import { examineRooms } from './examine-rooms.js';
import { type Finding, finding } from './findings.js';
import { type Emptied, judgeHalves } from './judge-halves.js';
import { judgePairs } from './judge-pairs.js';
import type { CheckOptions, FsckTarget } from './target.js';
import { judgeWitnesses, readWitnesses, wentBackOn } from './witnesses.js';

export interface ExaminedSides {
  readonly findings: readonly Finding[];
  readonly blocked: readonly Blocked[];
}

/**
 * Holds what a state says against both sides as they are now, or, offline, against the last fetch and the local side.
 * Takes every snapshot anew and uses nothing of the state for it, except contents that were read once.
 */
export async function examineSides(
  target: FsckTarget,
  evidence: Evidence,
  options: CheckOptions,
): Promise<ExaminedSides> {
  const examination = new Examination(target, evidence, options);
  await examination.run();
  return examination;
}

class Examination implements ExaminedSides {
  readonly findings: Finding[] = [];
  readonly blocked: Blocked[] = [];
  readonly #target: FsckTarget;
  readonly #evidence: Evidence;
  readonly #options: CheckOptions;

  /** Messages a side has, those that cannot be read among them; Infinity where a mailbox cannot be. */
  readonly #held = { remote: 0, local: 0 };
  readonly #emptied: Emptied[] = [];

  constructor(target: FsckTarget, evidence: Evidence, options: CheckOptions) {
    this.#target = target;
    this.#evidence = evidence;
    this.#options = options;
  }

  async run(): Promise<void> {
    const there: Record<SideName, Set<MailboxName>> = { remote: new Set(), local: new Set() };
    for (const side of this.#live()) {
      const listing = await this.#target.sides[side].list();
      this.findings.push(...listingFindings(this.#target, side, listing));
      for (const { mailbox, selectable } of listing.entries) if (selectable) there[side].add(mailbox);
    }
    // What left the scope since is about to be forgotten: it says nothing.
    const { scope } = this.#target;
    const known = [...this.#evidence.mailboxes()].filter(mailbox => scope?.includes(mailbox) ?? true);
    const mailboxes = [...new Set([...there.remote, ...there.local, ...known])].sort(compareText);
    for (const [done, mailbox] of mailboxes.entries()) {
      this.#options.progress?.({ what: 'compare', mailbox, done, total: mailboxes.length });
      await this.#mailbox(
        mailbox,
        SIDES.filter(side => there[side].has(mailbox)),
      );
    }
    this.#emptySides();
    const rooms = (this.#target.rooms ?? []).filter(({ side }) => this.#live().includes(side));
    this.findings.push(...(await examineRooms({ rooms, clock: this.#target.clock })));
  }

  /** One finding for all mailboxes of a side that has no message left. */
  #emptySides(): void {
    for (const side of SIDES) {
      const emptied = this.#emptied.filter(one => one.side === side);
      if (this.#held[side] > 0) {
        this.findings.push(...emptied.map(one => one.finding));
      } else if (emptied.length > 0) {
        const left = emptied.reduce((sum, one) => sum + one.left, 0);
        const where = `${this.#target.sides[side].address} holds no message`;
        this.findings.push(
          finding('side-emptied', `${where}; the ${otherSide(side)} side still has: ${left}`),
        );
      }
    }
  }

  #live(): readonly SideName[] {
    return this.#options.offline ? ['local'] : SIDES;
  }

  async #mailbox(mailbox: MailboxName, there: readonly SideName[]): Promise<void> {
    const snapshots: Record<SideName, Snapshot | undefined> = { remote: undefined, local: undefined };
    if (this.#options.offline) snapshots.remote = this.#evidence.snapshot('remote', mailbox);
    try {
      for (const side of there) snapshots[side] = await this.#snapshot(side, mailbox);
    } catch (error) {
      if (!isMailboxUnread(error)) throw error;
      this.findings.push(finding('mailbox-unreadable', error.message, { mailbox }));
      for (const side of SIDES) this.#held[side] = Number.POSITIVE_INFINITY;
      return;
    }
    await this.#history(mailbox, there, snapshots);
    const { findings, halves } = judgePairs(mailbox, this.#evidence.pairs(mailbox), snapshots);
    const judged = judgeHalves(mailbox, halves, { snapshots, policy: this.#target.policy });
    this.findings.push(...judged.findings, ...findings);
    this.#emptied.push(...judged.emptied);
    for (const side of SIDES) this.#held[side] += heldIn(snapshots[side]);
    this.#note(unreadableIn(mailbox, snapshots));
    const { remote, local } = snapshots;
    if (remote === undefined || local === undefined) return;
    this.#unpaired(mailbox, { remote, local });
  }

  async #snapshot(side: SideName, mailbox: MailboxName): Promise<Snapshot> {
    const live = await this.#target.sides[side].snapshot(mailbox, undefined);
    const rows = new Map(
      [...live.rows].map(([key, row]) => [key, this.#evidence.withContent(side, live, row)]),
    );
    if (this.#target.sides[side].keys === 'uid') this.#rows(side, live);
    return { ...live, rows };
  }

  /** A message never changes under its UID (RFC 3501 §2.3.1.1): a row that says otherwise would be believed for ever. */
  #rows(side: SideName, { mailbox, cursor, rows }: Snapshot): void {
    if (this.#evidence.records.get(mailbox)?.sides[side]?.cursor.epoch !== cursor.epoch) return;
    for (const [key, row] of this.#evidence.rows(side, mailbox)) {
      const live: Row | undefined = rows.get(row.key);
      if (live === undefined || live.identity.digest === row.identity.digest) continue;
      this.findings.push(finding('row-mismatch', `${side} message ${key} is another one`, { mailbox, key }));
    }
  }

  /** Whether state, mail and server are of the same time. Records that are lost say nothing about it. */
  async #history(
    mailbox: MailboxName,
    there: readonly SideName[],
    snapshots: BySide<Snapshot | undefined>,
  ): Promise<void> {
    const record = this.#evidence.records.get(mailbox);
    for (const side of this.#live()) {
      const fault = wentBackOn(side, record, snapshots[side]);
      if (fault !== undefined) this.findings.push(finding('side-restored', `${side}: ${fault}`, { mailbox }));
    }
    if (record?.rematch !== undefined)
      this.findings.push(finding('rematch-open', record.rematch, { mailbox }));
    for (const [key, { side }] of this.#evidence.intents.get(mailbox) ?? [])
      this.findings.push(finding('intent-open', `a delivery to the ${side} side`, { mailbox, key }));
    if (!this.#evidence.isSealed('mailbox', '')) return;
    const witnesses = await readWitnesses(this.#target, mailbox, there);
    this.findings.push(...judgeWitnesses(this.#target.id, mailbox, { record, witnesses }));
  }

  #unpaired(mailbox: MailboxName, snapshots: BySide<Snapshot>): void {
    const record = this.#evidence.records.get(mailbox);
    const pairs = this.#evidence.pairs(mailbox);
    const view = { mailbox, pairs, sides: snapshots, known: true };
    const matching = matchRows(rowsToMatch(sortPairs(view, snapshots), snapshots));
    const open = matching.matches.length + matching.unclear.length;
    if (record?.pending !== undefined && open > 0)
      this.findings.push(finding('pair-missing', `${open} or more are not paired`, { mailbox }));
    this.#note(blockedIn(mailbox, matching.unclear.filter(isDecided)));
  }

  #note({ blocked, findings }: ExaminedSides): void {
    this.blocked.push(...blocked);
    this.findings.push(...findings);
  }
}

export function listingFindings(target: FsckTarget, side: SideName, { problems }: Listing): Finding[] {
  return problems.map(problem => passedOver(target, side, problem));
}

function passedOver({ sides }: FsckTarget, side: SideName, { mailbox, key, reason }: Problem): Finding {
  const id = sides[side].kind === 'imap' ? 'mailbox-refused' : 'maildir-layout';
  return finding(id, `${side}: ${reason}`, { mailbox, key });
}

function heldIn(snapshot: Snapshot | undefined): number {
  return (snapshot?.rows.size ?? 0) + (snapshot?.unreadable.size ?? 0);
}
