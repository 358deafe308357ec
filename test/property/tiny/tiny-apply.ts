import { type Action, OPS } from '@postern/core/model/action.js';
import { adoptedFlags, agreedFlags } from '@postern/core/model/agreed-flags.js';
import { otherSide, type SideName } from '@postern/core/model/by-side.js';
import { applyDelta, hasFlag, protects } from '@postern/core/model/flags.js';
import { sameMessage } from '@postern/core/model/identity.js';
import { compareText, type MailboxName } from '@postern/core/model/mailbox.js';
import { type End, isEdited, type Pair, pairKey } from '@postern/core/model/pair.js';
import { BOX_NAMES, identity, permanent, seenIdentity, type TinyBox, type TrueRow } from './tiny-account.js';
import { boxOf } from './tiny-merge.js';

/**
 * What apply does with actions, in a few lines and without a disk, a wire or a crash: `tiny-rig.ts` holds it against the
 * real one. Checks of a group come before its effects, as there.
 */
export function applyTo(boxes: readonly TinyBox[], given: readonly Action[]): void {
  const rank = new Map(OPS.map((op, index) => [op, index]));
  const actions = [...given].sort(
    (a, b) => rank.get(a.op)! - rank.get(b.op)! || compareText(a.mailbox, b.mailbox),
  );
  const matchedAnew = new Set<MailboxName>();
  for (const box of boxes) {
    for (const action of actions) if (action.op === 'pair' && action.mailbox === box.name) pair(box, action);
    if (box.rematch) {
      matchedAnew.add(box.name);
      settleRematch(box);
    }
  }
  for (const op of ['move-local', 'move-remote', 'copy-local', 'copy-remote'] as const) {
    for (const mailbox of BOX_NAMES) {
      const journey = actions.filter(action => action.op === op && action.mailbox === mailbox);
      if (journey.length === 0) continue;
      if (op === 'move-local' || op === 'move-remote') moves(boxes, journey);
      else duplicates(boxes, journey);
    }
  }
  const elsewhere: Partial<Record<SideName, ReadonlyMap<MailboxName, ReadonlySet<string>>>> = {};
  const movedTo = (side: SideName, digest: string, not: MailboxName) => {
    elsewhere[side] ??= new Map(
      boxes.map(box => [box.name, new Set(box.unpaired(side).map(row => row.identity.digest))]),
    );
    return [...elsewhere[side]].some(([name, digests]) => name !== not && digests.has(digest));
  };
  for (const box of boxes) {
    const of = (op: Action['op']) =>
      actions.filter(action => action.op === op && action.mailbox === box.name);
    copies(box, of('download'));
    copies(box, of('upload'));
    flags(box, of('flag-local'));
    flags(box, of('flag-remote'));
    if (!matchedAnew.has(box.name)) {
      removals(box, of('delete-local'), movedTo);
      removals(box, of('delete-remote'), movedTo);
    }
    for (const action of of('unpair')) {
      const known = pairOf(box, action);
      if (known !== undefined && !box.isWhole(known)) box.pairs.delete(pairKey(known));
    }
  }
}

function endOf(action: Action, side: SideName): End {
  const end = action[side];
  if (end === undefined) throw new Error(`${action.op} without its ${side} end`);
  return end;
}

/** The pair an action names with both its ends. */
function pairOf(box: TinyBox, action: Action): Pair | undefined {
  const known = box.pairAt('remote', endOf(action, 'remote'));
  return known?.local.key === endOf(action, 'local').key ? known : undefined;
}

function pair(box: TinyBox, action: Action): void {
  const ends = { remote: endOf(action, 'remote'), local: endOf(action, 'local') };
  const rows = { remote: box.row('remote', ends.remote), local: box.row('local', ends.local) };
  const { remote, local } = rows;
  if (remote === undefined || local === undefined || pairOf(box, action) !== undefined) return;
  const held = [box.pairAt('remote', ends.remote), box.pairAt('local', ends.local)];
  if (held.some(one => one !== undefined && box.isWhole(one))) return;
  if (sameMessage(remote.identity, local.identity) === 'no') return;
  const before = held[0] ?? held[1];
  const now = { remote: remote.flags, local: local.flags };
  const compared =
    remote.identity.content !== undefined && remote.identity.content === local.identity.content;
  box.putPair({
    ...ends,
    flags:
      before === undefined || box.rematch
        ? adoptedFlags(now, permanent)
        : agreedFlags(before.flags, now, permanent),
    identity: local.identity,
    ...(compared || remote.identity.size === local.identity.size ? {} : { weak: true }),
  });
}

function settleRematch(box: TinyBox): void {
  for (const known of [...box.pairs.values()]) {
    const remote = box.row('remote', known.remote);
    const local = box.row('local', known.local);
    if (
      remote === undefined ||
      local === undefined ||
      isEdited(known, 'remote', remote) ||
      isEdited(known, 'local', local)
    ) {
      box.pairs.delete(pairKey(known));
    } else {
      const flags = adoptedFlags({ remote: remote.flags, local: local.flags }, permanent);
      box.pairs.set(pairKey(known), { ...known, flags });
    }
  }
  box.rematch = false;
}

function sidesOf(action: Action): { readonly on: SideName; readonly source: SideName } {
  const on = action.op.endsWith('-local') || action.op === 'download' ? 'local' : 'remote';
  return { on, source: otherSide(on) };
}

interface Journey {
  readonly from: TinyBox;
  readonly to: TinyBox;
}

function journeyOf(boxes: readonly TinyBox[], action: Action): Journey {
  if (action.to === undefined) throw new Error('a journey without a target');
  return { from: boxOf(boxes, action.mailbox), to: boxOf(boxes, action.to) };
}

function moves(boxes: readonly TinyBox[], actions: readonly Action[]): void {
  const ready = actions.filter(action => mayMove(journeyOf(boxes, action), action));
  for (const action of ready) {
    const { from, to } = journeyOf(boxes, action);
    const { on, source } = sidesOf(action);
    const end = endOf(action, on);
    const victim = from.row(on, end);
    const partner = to.row(source, endOf(action, source));
    if (victim === undefined || partner === undefined) continue;
    const before = from.pairAt(on, end);
    if (before !== undefined) from.pairs.delete(pairKey(before));
    from.rows[on].delete(end.key);
    arrive(to, { on, row: victim, partner, before });
  }
}

function mayMove({ from, to }: Journey, action: Action): boolean {
  const { on, source } = sidesOf(action);
  const held = to.pairAt(source, endOf(action, source));
  if (held !== undefined && to.isWhole(held)) return false;
  const victim = from.row(on, endOf(action, on));
  const twin = to.row(source, endOf(action, source));
  if (victim === undefined || twin === undefined) return false;
  if (victim.identity.digest !== action.message?.digest) return false;
  if (sameMessage(victim.identity, twin.identity) === 'no') return false;
  const known = from.pairAt(on, endOf(action, on));
  if (known !== undefined && from.row(source, known[source]) !== undefined) return false;
  return to.unpairedLike(on, twin.identity) === undefined;
}

function duplicates(boxes: readonly TinyBox[], actions: readonly Action[]): void {
  const ready = actions.filter(action => {
    const { from, to } = journeyOf(boxes, action);
    const { on, source } = sidesOf(action);
    const original = from.row(on, endOf(action, on));
    const partner = to.row(source, endOf(action, source));
    if (original === undefined || partner === undefined) return false;
    if (to.pairAt(source, endOf(action, source)) !== undefined) return false;
    return (
      sameMessage(original.identity, partner.identity) !== 'no' &&
      to.unpairedLike(on, partner.identity) === undefined
    );
  });
  for (const action of ready) {
    const { from, to } = journeyOf(boxes, action);
    const { on, source } = sidesOf(action);
    const row = from.row(on, endOf(action, on));
    const partner = to.row(source, endOf(action, source));
    if (row === undefined || partner === undefined) continue;
    // A copy looks like what it is the copy of on the other side: it is born with those flags.
    arrive(to, { on, row: { ...row, flags: partner.flags }, partner, before: undefined });
  }
}

interface Arrival {
  readonly on: SideName;
  readonly row: TrueRow;
  readonly partner: TrueRow;
  readonly before: Pair | undefined;
}

function arrive(to: TinyBox, { on, row, partner, before }: Arrival): void {
  const key = to.newKey(on);
  const arrived = seenIdentity(to.kind, row.truth, { on, read: on === 'local' });
  to.rows[on].set(key, { ...row, key, identity: arrived });
  const ends = { [on]: to.end(on, key), [otherSide(on)]: to.end(otherSide(on), partner.key) } as Record<
    SideName,
    End
  >;
  const now = { [on]: row.flags, [otherSide(on)]: partner.flags } as Record<SideName, TrueRow['flags']>;
  const local = on === 'local' ? row : partner;
  to.putPair({
    ...ends,
    flags: before === undefined ? adoptedFlags(now, permanent) : agreedFlags(before.flags, now, permanent),
    identity: before?.identity ?? local.identity,
    ...(before?.weak ? { weak: true } : {}),
  });
}

function copies(box: TinyBox, actions: readonly Action[]): void {
  for (const action of actions.filter(one => mayCopy(box, one))) {
    const on: SideName = action.op === 'download' ? 'local' : 'remote';
    const source = otherSide(on);
    const row = box.row(source, endOf(action, source));
    if (row === undefined) continue;
    const { kind } = box;
    const full = identity(kind, row.truth);
    const key = box.newKey(on);
    box.rows[source].set(row.key, { ...row, identity: { ...row.identity, content: full.content } });
    box.rows[on].set(key, { ...row, key, identity: seenIdentity(kind, row.truth, { on, read: true }) });
    const ends = { [on]: box.end(on, key), [source]: box.end(source, row.key) } as Record<SideName, End>;
    box.putPair({ ...ends, flags: row.flags, identity: full });
  }
}

function mayCopy(box: TinyBox, action: Action): boolean {
  const on: SideName = action.op === 'download' ? 'local' : 'remote';
  const source = otherSide(on);
  const end = endOf(action, source);
  const row = box.row(source, end);
  if (row === undefined || action.message?.digest !== row.identity.digest) return false;
  if (action.message.size !== row.identity.size) return false;
  const known = box.pairAt(source, end);
  if (known !== undefined) {
    const partner = box.row(on, known[on]);
    const edited = isEdited(known, source, row) || (partner !== undefined && isEdited(known, on, partner));
    if (partner !== undefined && !edited) return false;
    if (action[on]?.key !== known[on].key) return false;
  }
  return box.unpairedLike(on, row.identity) === undefined;
}

function flags(box: TinyBox, actions: readonly Action[]): void {
  for (const action of actions) {
    const known = pairOf(box, action);
    if (known === undefined) continue;
    const { on, source } = sidesOf(action);
    const from = box.row(source, known[source]);
    const to = box.row(on, known[on]);
    if (from === undefined || to === undefined) continue;
    const delta = { add: action.add ?? [], remove: action.remove ?? [] };
    const outdated = [...delta.add, ...delta.remove].some(
      flag => hasFlag(action.flags ?? [], flag) !== hasFlag(from.flags, flag),
    );
    if (outdated) continue;
    const changed = { ...to, flags: applyDelta(to.flags, delta) };
    box.rows[on].set(to.key, changed);
    const now = { [source]: from.flags, [on]: changed.flags } as Record<SideName, TrueRow['flags']>;
    box.pairs.set(pairKey(known), { ...known, flags: agreedFlags(known.flags, now, permanent) });
  }
}

type MovedTo = (side: SideName, digest: string, not: MailboxName) => boolean;

function removals(box: TinyBox, actions: readonly Action[], movedTo: MovedTo): void {
  const ready = actions.filter(action => mayRemove(box, action, movedTo));
  for (const action of ready) {
    const known = pairOf(box, action);
    if (known === undefined) continue;
    box.pairs.delete(pairKey(known));
    for (const side of ['remote', 'local'] as const) box.rows[side].delete(known[side].key);
  }
}

function mayRemove(box: TinyBox, action: Action, movedTo: MovedTo): boolean {
  const on: SideName = action.op === 'delete-local' ? 'local' : 'remote';
  const from = otherSide(on);
  const known = pairOf(box, action);
  if (known === undefined || known.identity.digest !== action.message?.digest) return false;
  const row = box.row(on, known[on]);
  if (row === undefined || box.row(from, known[from]) !== undefined) return false;
  if (isEdited(known, on, row) || protects(known.flags, row.flags)) return false;
  if (known.weak && on === 'local') return false;
  return (
    box.unpairedLike(from, known.identity) === undefined && !movedTo(from, known.identity.digest, box.name)
  );
}
