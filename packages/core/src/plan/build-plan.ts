import type { Decision } from '../merge/decision.js';
import { type Action, noteOf, OPS } from '../model/action.js';
import type { BySide, SideName } from '../model/by-side.js';
import { otherSide } from '../model/by-side.js';
import { compareText, type MailboxName } from '../model/mailbox.js';
import type { End } from '../model/pair.js';
import { compareKeys, type Epoch, type Row } from '../model/row.js';
import { actionId } from './action-id.js';

/** What turning decisions into actions needs to know. */
export interface PlanContext {
  readonly repository: string;
  /** A mailbox's epoch on each side that has it. */
  readonly epochs: (mailbox: MailboxName) => BySide<Epoch | undefined>;
}

/** Makes the plan lines of decisions, in no order. Pure. */
export function actionsOf(decisions: readonly Decision[], context: PlanContext): Action[] {
  return decisions.map(decision => {
    const action = withoutId(decision, context.epochs);
    return { id: actionId(context.repository, action), ...action };
  });
}

/** The order of a plan, and of its execution: by op, mailbox, then message. Reproducible. */
export function sortActions(actions: Action[]): Action[] {
  const rank = new Map(OPS.map((op, index) => [op, index]));
  return actions.sort(
    (a, b) =>
      rank.get(a.op)! - rank.get(b.op)! ||
      compareText(a.mailbox, b.mailbox) ||
      compareEnds(a.remote, b.remote) ||
      compareEnds(a.local, b.local) ||
      compareText(a.id, b.id),
  );
}

function compareEnds(a: End | undefined, b: End | undefined): number {
  if (a === undefined || b === undefined) return (a === undefined ? 0 : 1) - (b === undefined ? 0 : 1);
  return compareText(a.epoch, b.epoch) || compareKeys(a.key, b.key);
}

function conflictOf(decision: { readonly conflict?: true }): { conflict?: true } {
  return decision.conflict ? { conflict: true } : {};
}

function withoutId(decision: Decision, epochs: PlanContext['epochs']): Omit<Action, 'id'> {
  const { mailbox, why } = decision;
  const end = (side: SideName, row: Row, where = mailbox): Partial<Record<SideName, End>> => {
    const epoch = epochs(where)[side];
    return epoch === undefined ? {} : { [side]: { epoch, key: row.key } };
  };
  switch (decision.kind) {
    case 'create-mailbox':
    case 'delete-mailbox':
      return { op: `${decision.kind}-${decision.on}`, mailbox, why, ...conflictOf(decision) };
    case 'rename-mailbox':
      return { op: `rename-mailbox-${decision.on}`, mailbox, to: decision.to, why };
    case 'pair': {
      const { remote, local } = decision;
      const message = noteOf(local.identity, remote.envelope);
      return { op: 'pair', mailbox, ...end('remote', remote), ...end('local', local), message, why };
    }
    case 'unpair': {
      const { remote, local, identity } = decision.pair;
      return { op: 'unpair', mailbox, remote, local, message: noteOf(identity, {}), why };
    }
    case 'copy': {
      const { to, row, instead } = decision;
      return {
        op: to === 'local' ? 'download' : 'upload',
        mailbox,
        ...(instead === undefined ? {} : { [to]: instead[to] }),
        ...end(otherSide(to), row),
        flags: row.flags,
        message: noteOf(row.identity, row.envelope),
        why,
        ...conflictOf(decision),
      };
    }
    case 'flag': {
      const { on, remote, local, delta } = decision;
      return {
        op: `flag-${on}`,
        mailbox,
        ...end('remote', remote),
        ...end('local', local),
        flags: decision.source,
        ...(delta.add.length > 0 ? { add: delta.add } : {}),
        ...(delta.remove.length > 0 ? { remove: delta.remove } : {}),
        message: noteOf(local.identity, remote.envelope),
        why,
      };
    }
    case 'duplicate': {
      const { on, to, original, partner } = decision;
      return {
        op: `copy-${on}`,
        mailbox,
        to,
        ...end(on, original),
        ...end(otherSide(on), partner, to),
        message: noteOf(original.identity, partner.envelope),
        why,
      };
    }
    case 'move': {
      const { on, to, victim, partner, identity } = decision;
      return {
        op: `move-${on}`,
        mailbox,
        to,
        ...end(on, victim),
        ...end(otherSide(on), partner, to),
        message: noteOf(identity, partner.envelope),
        why,
        ...conflictOf(decision),
      };
    }
    case 'delete': {
      const { on, pair, row } = decision;
      return {
        op: `delete-${on}`,
        mailbox,
        remote: pair.remote,
        local: pair.local,
        message: noteOf(pair.identity, row.envelope),
        why,
      };
    }
  }
}
