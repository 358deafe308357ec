import { settleContents } from '@postern/core/api/settle-contents.js';
import { Desk } from '@postern/core/apply/desk.js';
import { newPair } from '@postern/core/apply/pairing.js';
import { matchRows } from '@postern/core/match/match-rows.js';
import { rowsToMatch, sortPairs } from '@postern/core/match/sort-pairs.js';
import { adoptedFlags } from '@postern/core/model/agreed-flags.js';
import { type BySide, otherSide, SIDES, type SideName } from '@postern/core/model/by-side.js';
import { PosternError } from '@postern/core/model/error.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import { type End, type Pair, pairKey } from '@postern/core/model/pair.js';
import type { Row, Snapshot } from '@postern/core/model/row.js';
import type { Blocked } from '@postern/core/model/view.js';
import { loadSnapshot } from '@postern/core/observe/load-view.js';
import { observeSide } from '@postern/core/observe/observe-side.js';
import { createStore } from '@postern/core/state/disk-store.js';
import type { MailboxRecord } from '@postern/core/state/records.js';
import { initState, type Repository } from '@postern/core/state/repository.js';
import type { Change, Store } from '@postern/core/state/store.js';
import { blockedIn, nameOf, unreadableIn } from './blocked-in.js';
import type { Evidence } from './evidence.js';
import { listingFindings } from './examine-sides.js';
import { type Finding, finding } from './findings.js';
import { judgePairs } from './judge-pairs.js';
import type { FsckTarget, RepairOptions } from './target.js';
import { Trust } from './trust.js';
import { agreeOnGeneration, readWitnesses, type Witnesses } from './witnesses.js';

export interface RebuiltState {
  readonly findings: readonly Finding[];
  readonly blocked: readonly Blocked[];
  readonly pairs: number;
  readonly salvaged: number;
  readonly bodiesRead: number;
}

/**
 * Makes a new state in `directory` from what both sides have now. What the evidence says is used where the live sides bear
 * it out: pairs, so that nothing is asked twice, and contents, so that nothing is read twice. The rest is matched by
 * identity. Writes to no side, apart from witnesses that do not agree.
 */
export async function rebuildState(
  target: FsckTarget,
  directory: string,
  evidence: Evidence,
  options: RepairOptions,
): Promise<RebuiltState> {
  const store = await createStore(directory, { seam: target.seam });
  try {
    return await rebuildInto(target, store, evidence, options);
  } finally {
    await store.close();
  }
}

/** The same in an empty store. */
export async function rebuildInto(
  target: FsckTarget,
  store: Store,
  evidence: Evidence,
  options: RepairOptions,
): Promise<RebuiltState> {
  const { id, sides, clock, random, scope } = target;
  const repository: Repository = {
    id,
    sides,
    store,
    clock,
    random,
    ...(scope === undefined ? {} : { scope }),
  };
  return new Rebuilding(target, repository, evidence, options).run();
}

const CHANGES_A_BATCH = 2000;
type Snapshots = BySide<Snapshot | undefined>;

class Rebuilding {
  readonly #target: FsckTarget;
  readonly #repository: Repository;
  readonly #evidence: Evidence;
  readonly #options: RepairOptions;
  readonly #findings: Finding[] = [];
  readonly #blocked: Blocked[] = [];
  readonly #witnesses = new Map<MailboxName, Witnesses>();
  readonly #unread = new Set<MailboxName>();
  /** `side mailbox epoch:key` of messages whose other end is gone. */
  readonly #widowed = new Set<string>();
  readonly #trust: Trust;
  #pairs = 0;
  #salvaged = 0;

  constructor(target: FsckTarget, repository: Repository, evidence: Evidence, options: RepairOptions) {
    this.#target = target;
    this.#repository = repository;
    this.#evidence = evidence;
    this.#options = options;
    this.#trust = new Trust(target.id, evidence, this.#witnesses);
  }

  async run(): Promise<RebuiltState> {
    await initState(this.#repository);
    for (const side of SIDES) await this.#observe(side);
    const records = [...(await this.#repository.store.all('mailbox', '')).values()];
    for (const { mailbox, sides } of records) {
      const there = SIDES.filter(side => sides[side] !== undefined);
      this.#witnesses.set(mailbox, await readWitnesses(this.#target, mailbox, there));
    }
    if (!this.#options.allowEmpty) this.#refuseEmpty(records);
    for (const record of records) await this.#salvage(record);
    const bodiesRead = await settleContents(this.#repository, undefined);
    for (const { mailbox } of records) await this.#settle(mailbox);
    await this.#conclude();
    return {
      findings: this.#findings,
      blocked: this.#blocked,
      pairs: this.#pairs,
      salvaged: this.#salvaged,
      bodiesRead,
    };
  }

  async #observe(side: SideName): Promise<void> {
    const { progress } = this.#options;
    const observation = await observeSide(this.#repository, side, progress === undefined ? {} : { progress });
    for (const mailbox of observation.unread) this.#unread.add(mailbox);
    for (const problem of observation.problems) {
      const { mailbox, key, reason } = problem;
      if (key !== undefined) continue;
      if (mailbox !== undefined && observation.unread.has(mailbox))
        this.#findings.push(finding('mailbox-unreadable', reason, { mailbox }));
      else this.#findings.push(...listingFindings(this.#target, side, { entries: [], problems: [problem] }));
    }
  }

  /** An empty side would make all mail of the other one look new. */
  #refuseEmpty(records: readonly MailboxRecord[]): void {
    const known = [...this.#witnesses.values()].some(witnesses =>
      [...witnesses.values()].some(
        witness => witness?.repository === this.#target.id && witness.generation > 0,
      ),
    );
    if (!known && !this.#evidence.hasPairs) return;
    for (const side of SIDES) {
      const messages = (at: SideName) =>
        records.reduce((sum, { sides }) => sum + (sides[at]?.cursor.count ?? 0), 0);
      if (messages(side) > 0 || messages(otherSide(side)) === 0 || this.#unread.size > 0) continue;
      throw new PosternError(
        'side-missing',
        `${this.#target.sides[side].address} is empty, but had mail: nothing is done`,
        {
          hint: 'is the disk mounted, and the account the right one? if it really was emptied, use --allow-empty',
        },
      );
    }
  }

  /** Takes over what the evidence has and the live sides bear out. */
  async #salvage(record: MailboxRecord): Promise<void> {
    const { store, sides } = this.#repository;
    const { mailbox } = record;
    const changes: Change[] = [];
    const snapshots: Record<SideName, Snapshot | undefined> = { remote: undefined, local: undefined };
    for (const side of SIDES) {
      const live = await loadSnapshot(store, record, side);
      if (live === undefined) continue;
      const rows = new Map(live.rows);
      for (const row of live.rows.values()) {
        const known = this.#evidence.withContent(side, live, row);
        if (known === row) continue;
        rows.set(row.key, known);
        changes.push({ put: side, mailbox, key: row.key, value: known });
      }
      snapshots[side] = { ...live, rows };
    }
    const trusted = this.#trust.isWhole(mailbox, snapshots);
    const pairs = this.#pairsToKeep(mailbox, snapshots, trusted ? 'as-they-are' : 'borne-out');
    for (const pair of pairs) {
      const flags = trusted ? pair.flags : adopted(pair, snapshots);
      changes.push({ put: 'pair', mailbox, key: pairKey(pair), value: { ...pair, flags } });
      this.#salvaged++;
    }
    // A pair must not outlive its file: after a power cut it would tell of a deletion.
    if (pairs.length > 0) {
      for (const side of SIDES) if (snapshots[side] !== undefined) await sides[side].makeDurable(mailbox);
    }
    if (!trusted && this.#trust.hadBase(mailbox)) {
      const detail = 'records are missing, damaged, or not of the time of the mail';
      this.#findings.push(finding('pending-unknown', detail, { mailbox }));
    }
    for (let from = 0; from < changes.length; from += CHANGES_A_BATCH)
      await store.write(changes.slice(from, from + CHANGES_A_BATCH), { durable: false });
  }

  /** `as-they-are`: pairs with one end missing too, for a deletion may rest on them. */
  #pairsToKeep(
    mailbox: MailboxName,
    snapshots: Snapshots,
    which: 'as-they-are' | 'borne-out',
  ): readonly Pair[] {
    if (this.#unread.has(mailbox)) return [];
    const pairs = this.#evidence.pairs(mailbox);
    const { borneOut, halves, findings } = judgePairs(mailbox, pairs, snapshots);
    const kept = new Set(borneOut);
    if (which === 'as-they-are') {
      for (const { pair, other } of halves) if (other === 'as-recorded') kept.add(pair);
    }
    for (const pair of pairs) {
      if (kept.has(pair)) continue;
      for (const side of SIDES) this.#widowed.add(widow(side, mailbox, pair[side]));
    }
    this.#findings.push(...findings);
    return [...kept];
  }

  /** Pairs what is left by identity, and brings state and witnesses together. */
  async #settle(mailbox: MailboxName): Promise<void> {
    const { store } = this.#repository;
    const desk = await Desk.open(this.#repository, mailbox, 'fsck');
    const { sides } = await desk.view();
    this.#note(unreadableIn(mailbox, sides));
    if (!this.#unread.has(mailbox)) await this.#match(desk, sides);
    const pairs = [...desk.pairs()];
    this.#pairs += pairs.length;
    const record = this.#evidence.records.get(mailbox);
    const generation = await agreeOnGeneration(this.#target, mailbox, {
      witnesses: this.#witnesses.get(mailbox) ?? new Map(),
      record,
      trusted: this.#trust.isWhole(mailbox, sides),
      hasPairs: pairs.length > 0,
    });
    const gone = pairs.length === 0 ? undefined : SIDES.find(side => !desk.has(side));
    const agreed = desk.record.agreed === true || gone !== undefined;
    const value: MailboxRecord = {
      ...desk.record,
      generation,
      ...(agreed ? { agreed } : {}),
      // Listed without it once: the next listing decides.
      ...(gone === undefined ? {} : { missing: { [gone]: 1 } }),
    };
    const changes: Change[] = [{ put: 'mailbox', mailbox: '', key: mailbox, value }];
    for (const [key, intent] of this.#evidence.intents.get(mailbox) ?? []) {
      // One that was settled long ago may be a record that came back. A move is not over when its message is paired: it may
      // still be in the mailbox it was to leave, and where it is not, there is nothing to settle.
      const sealed = this.#evidence.isSealed('intent', mailbox);
      const paired = desk.pairAt(otherSide(intent.side), intent.source) !== undefined;
      const done = paired && intent.from === undefined && !(sealed && intent.key !== undefined);
      if (done || !SIDES.every(side => desk.has(side))) continue;
      changes.push({ put: 'intent', mailbox, key, value: intent });
    }
    await store.write(changes, { durable: false });
  }

  async #match(desk: Desk, { remote, local }: Snapshots): Promise<void> {
    const { mailbox } = desk;
    if (remote === undefined || local === undefined) {
      if ([...desk.pairs()].length === 0) this.#wholeMailbox(mailbox, { remote, local });
      return;
    }
    const snapshots = { remote, local };
    const matching = matchRows(rowsToMatch(sortPairs(await desk.view(), snapshots), snapshots));
    const endOf = (side: SideName, row: Row): End => ({ epoch: snapshots[side].cursor.epoch, key: row.key });
    for (const match of matching.matches)
      desk.putPair(newPair(desk, endOf('remote', match.remote), endOf('local', match.local)));
    await desk.commit({ durable: false });
    this.#note(blockedIn(mailbox, matching.unclear));
    for (const side of SIDES) {
      for (const row of matching.alone[side]) {
        const end = endOf(side, row);
        if (desk.pairAt(side, end) !== undefined) continue;
        const gone = this.#widowed.has(widow(side, mailbox, end))
          ? `was on both sides and is gone or changed on ${otherSide(side)}`
          : `is on ${side} only`;
        const detail = `${side} message ${nameOf(row)} ${gone}`;
        this.#findings.push(finding('message-one-sided', detail, { mailbox, key: row.key }));
      }
    }
  }

  #wholeMailbox(mailbox: MailboxName, snapshots: Snapshots): void {
    for (const side of SIDES) {
      const snapshot = snapshots[side];
      if (snapshot === undefined) continue;
      const detail = `the mailbox and what is in it (messages: ${snapshot.rows.size}) are on ${side} only`;
      this.#findings.push(finding('message-one-sided', detail, { mailbox }));
    }
  }

  /** The history of operations, and the record that says whose state this is: durable, and the last one. */
  async #conclude(): Promise<void> {
    const { id, store, sides, clock } = this.#repository;
    const meta = await store.get('meta', '', 'repository');
    const changes: Change[] = [...this.#evidence.logs].map(([key, value]) => ({
      put: 'log',
      mailbox: '',
      key,
      value,
    }));
    const now = clock.now();
    changes.push({
      put: 'meta',
      mailbox: '',
      key: 'repository',
      value: {
        ...meta,
        repository: id,
        addresses: { remote: sides.remote.address, local: sides.local.address },
        created: this.#evidence.owner?.created ?? now,
        fetched: now,
      },
    });
    await store.write(changes, { durable: true });
  }

  #note({ blocked, findings }: Pick<RebuiltState, 'blocked' | 'findings'>): void {
    this.#blocked.push(...blocked);
    this.#findings.push(...findings);
  }
}

function widow(side: SideName, mailbox: MailboxName, { epoch, key }: End): string {
  return `${side}\0${mailbox}\0${epoch}:${key}`;
}

/** Flags of a pair whose record may be an old one: it says nothing about flags. */
function adopted(pair: Pair, { remote, local }: Snapshots): Pair['flags'] {
  const rows = { remote: remote?.rows.get(pair.remote.key), local: local?.rows.get(pair.local.key) };
  if (remote === undefined || local === undefined || rows.remote === undefined || rows.local === undefined)
    return pair.flags;
  const permanent = { remote: remote.permanentFlags, local: local.permanentFlags };
  return adoptedFlags({ remote: rows.remote.flags, local: rows.local.flags }, permanent);
}
