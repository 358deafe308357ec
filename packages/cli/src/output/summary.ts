import type { Action, Op } from '@postern/core/model/action.js';
import { compareText, type MailboxName } from '@postern/core/model/mailbox.js';
import { type Direction, OP_WORDS } from './op-words.js';

/** Actions counted by where they go, mailbox and op. */
export interface Summary {
  /** Mailboxes in order; ops in the order of the plan. */
  readonly counts: Readonly<Record<Direction, ReadonlyMap<MailboxName, ReadonlyMap<Op, number>>>>;
  readonly conflicts: readonly Action[];
}

export function summarise(actions: readonly Action[]): Summary {
  const counts: Record<Direction, Map<MailboxName, Map<Op, number>>> = {
    incoming: new Map(),
    outgoing: new Map(),
    record: new Map(),
  };
  for (const { op, mailbox } of actions) {
    const group = counts[OP_WORDS[op].direction];
    const ops = group.get(mailbox) ?? new Map<Op, number>();
    group.set(mailbox, ops.set(op, (ops.get(op) ?? 0) + 1));
  }
  const sorted = (group: Map<MailboxName, Map<Op, number>>) =>
    new Map([...group].sort(([a], [b]) => compareText(a, b)));
  return {
    counts: {
      incoming: sorted(counts.incoming),
      outgoing: sorted(counts.outgoing),
      record: sorted(counts.record),
    },
    conflicts: actions.filter(action => action.conflict === true),
  };
}

/** How many of each kind over all mailboxes: the counts of `status --json`. */
export function totals(summary: Summary, direction: Direction): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const ops of summary.counts[direction].values()) {
    for (const [op, number] of ops) sum[OP_WORDS[op].kind] = (sum[OP_WORDS[op].kind] ?? 0) + number;
  }
  return sum;
}
