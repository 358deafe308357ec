import { type Match, matchRows } from '../match/match-rows.js';
import { type PairInView, rowsToMatch, sortPairs } from '../match/sort-pairs.js';
import { adoptedFlags } from '../model/agreed-flags.js';
import { type BySide, otherSide, SIDES, type SideName } from '../model/by-side.js';
import { bug } from '../model/error.js';
import { type Flags, hasFlag, protects, sameFlags } from '../model/flags.js';
import { isEdited, type Pair } from '../model/pair.js';
import type { Row, Snapshot } from '../model/row.js';
import type { Blocked, MailboxView } from '../model/view.js';
import { type Change, PAIR_CASES } from './cases.js';
import type { Decision, Merge } from './decision.js';
import { mergeFlags } from './merge-flags.js';
import { mergeMissingMailbox } from './merge-missing-mailbox.js';

/** Merges one mailbox: pairs by the case table, what is unpaired by identity. Pure. */
export function mergeMailbox(view: MailboxView): Merge {
  const { remote, local } = view.sides;
  if (remote === undefined || local === undefined) return mergeMissingMailbox(view, mergeMailbox);
  return new MailboxMerge(view, { remote, local }).run();
}

interface NewCopy {
  readonly row: Row;
  readonly from: SideName;
  readonly why: string;
  readonly instead?: Pair;
  readonly restores?: true;
}

class MailboxMerge {
  readonly #view: MailboxView;
  readonly #snapshots: BySide<Snapshot>;
  readonly #decisions: Decision[] = [];
  readonly #blocked: Blocked[] = [];

  constructor(view: MailboxView, snapshots: BySide<Snapshot>) {
    this.#view = view;
    this.#snapshots = snapshots;
  }

  run(): Merge {
    const pairs = sortPairs(this.#view, this.#snapshots);
    const owner = new Map<Row, Pair>();
    for (const { pair, rows } of [...pairs.valid, ...pairs.void]) {
      for (const side of SIDES) if (rows[side] !== undefined) owner.set(rows[side], pair);
    }
    const matching = matchRows(rowsToMatch(pairs, this.#snapshots));

    // Whoever is matched or unclear is settled here; the case table gets the rest.
    const settled = new Set<Pair>();
    for (const match of matching.matches) {
      this.#pair(match, owner.get(match.remote), owner.get(match.local));
      for (const row of [match.remote, match.local]) if (owner.has(row)) settled.add(owner.get(row)!);
    }
    for (const { rows, reason } of matching.unclear) {
      for (const side of SIDES) {
        for (const row of rows[side]) {
          this.#blocked.push({ mailbox: this.#view.mailbox, [side]: row, reason });
          if (owner.has(row)) settled.add(owner.get(row)!);
        }
      }
    }
    for (const entry of pairs.valid) if (!settled.has(entry.pair)) this.#mergePair(entry);
    for (const { pair, rows } of pairs.void) {
      if (settled.has(pair)) continue;
      const side = SIDES.find(one => rows[one] !== undefined && rows[otherSide(one)] === undefined);
      const left =
        side === undefined ? undefined : { side, row: rows[side] ?? bug('a side without its row') };
      this.#unpair(pair, this.#view.rematch ?? 'its UIDVALIDITY is another one now', left);
    }
    for (const side of SIDES) {
      for (const row of matching.alone[side]) {
        if (!owner.has(row)) this.#copy({ row, from: side, why: `new on ${side}` });
      }
      for (const [key, reason] of this.#snapshots[side].unreadable) {
        this.#blocked.push({ mailbox: this.#view.mailbox, key, reason: `${side} message ${key}: ${reason}` });
      }
    }
    return { decisions: this.#decisions, blocked: this.#blocked };
  }

  #mergePair({ pair, rows }: PairInView): void {
    if (isMarkedOnly(pair, rows)) return;
    const verdict =
      PAIR_CASES[this.#changeOf(pair, 'remote', rows.remote)][this.#changeOf(pair, 'local', rows.local)];
    switch (verdict.kind) {
      case 'none':
      case 'wait':
        return;
      case 'flags':
        this.#flags(
          rows.remote ?? bug('flags without a remote row'),
          rows.local ?? bug('flags without a local row'),
          this.#base(pair, rows),
        );
        return;
      case 'unpair':
        this.#unpair(pair, 'gone on both sides');
        return;
      case 'delete':
        this.#delete(pair, rows, verdict.on);
        return;
      case 'restore': {
        const from = otherSide(verdict.on);
        const row = rows[from] ?? bug('restore without a row');
        const edited = this.#changeOf(pair, from, row) === 'edited';
        const why = `${edited ? 'changed' : 'flagged'} on ${from}, deleted on ${verdict.on}: kept`;
        this.#copy({ row, from, why, instead: pair, ...(edited ? {} : { restores: true as const }) });
        return;
      }
      case 'split':
        for (const side of SIDES) {
          const row = rows[side] ?? bug('split without a row');
          const why = 'the content was changed in place: both versions are kept';
          this.#copy({ row, from: side, why, instead: pair });
        }
        return;
    }
  }

  #changeOf(pair: Pair, side: SideName, row: Row | undefined): Change {
    if (this.#snapshots[side].unreadable.has(pair[side].key)) return 'unreadable';
    if (row === undefined) return 'gone';
    if (isEdited(pair, side, row)) return 'edited';
    if (sameFlags(pair.flags, row.flags)) return 'same';
    return protects(pair.flags, row.flags) ? 'protected' : 'flags';
  }

  /** In a rematch round base says nothing about flags either: both sides come to the union. */
  #base(pair: Pair, rows: BySide<Row | undefined>): Flags {
    if (this.#view.rematch === undefined || rows.remote === undefined || rows.local === undefined)
      return pair.flags;
    return adoptedFlags({ remote: rows.remote.flags, local: rows.local.flags }, this.#permanent());
  }

  #permanent() {
    return { remote: this.#snapshots.remote.permanentFlags, local: this.#snapshots.local.permanentFlags };
  }

  #pair(match: Match, remoteOwner: Pair | undefined, localOwner: Pair | undefined): void {
    const { remote, local } = match;
    const before = remoteOwner ?? localOwner;
    const why = before === undefined ? 'on both sides already' : 'the same message under another name';
    this.#decisions.push({ kind: 'pair', mailbox: this.#view.mailbox, remote, local, why });
    const base =
      before === undefined || this.#view.rematch !== undefined
        ? adoptedFlags({ remote: remote.flags, local: local.flags }, this.#permanent())
        : before.flags;
    this.#flags(remote, local, base);
  }

  #flags(remote: Row, local: Row, base: Flags): void {
    const now = { remote: remote.flags, local: local.flags };
    const deltas = mergeFlags(base, now, this.#permanent());
    for (const on of SIDES) {
      const delta = deltas[on];
      if (delta.add.length === 0 && delta.remove.length === 0) continue;
      const source = otherSide(on);
      const why = `flags changed on ${source}`;
      this.#decisions.push({
        kind: 'flag',
        on,
        mailbox: this.#view.mailbox,
        remote,
        local,
        source: now[source],
        delta,
        why,
      });
    }
  }

  #unpair(pair: Pair, why: string, left?: { side: SideName; row: Row }): void {
    const { mailbox } = this.#view;
    this.#decisions.push({ kind: 'unpair', mailbox, pair, why, ...(left === undefined ? {} : { left }) });
  }

  #copy({ row, from, why, instead, restores }: NewCopy): void {
    this.#decisions.push({
      kind: 'copy',
      to: otherSide(from),
      mailbox: this.#view.mailbox,
      row,
      why,
      ...(instead === undefined ? {} : { instead, conflict: true as const }),
      ...(restores === undefined ? {} : { restores }),
    });
  }

  #delete(pair: Pair, rows: BySide<Row | undefined>, on: SideName): void {
    const row = rows[on] ?? bug('delete without a row');
    const from = otherSide(on);
    if (pair.weak && on === 'local') {
      const reason =
        'gone on remote, but it was paired although the sizes differ, and the contents can no longer be compared: delete it by hand, or leave it';
      this.#blocked.push({ mailbox: this.#view.mailbox, local: row, reason });
    } else {
      this.#decisions.push({
        kind: 'delete',
        on,
        mailbox: this.#view.mailbox,
        pair,
        row,
        why: `deleted on ${from}`,
      });
    }
  }
}

/** One end is gone, and the other waits under its mark for somebody to expunge it. */
function isMarkedOnly(pair: Pair, rows: BySide<Row | undefined>): boolean {
  if (!pair.marked) return false;
  const [row, ...more] = SIDES.flatMap(side => rows[side] ?? []);
  return (
    row !== undefined &&
    more.length === 0 &&
    hasFlag(row.flags, '\\Deleted') &&
    !protects(pair.flags, row.flags)
  );
}
