import type { Plan } from '@postern/core/api/plan.js';
import { interruptionJson } from './interruption-words.js';
import { type Summary, summarise, totals } from './summary.js';

/** The document of `status --json`: a promise (docs/reference/commands.md). Absent counts are zero. */
export function statusJson(plan: Plan): Record<string, unknown> {
  const summary = summarise(plan.actions);
  return {
    remote: plan.header.remote,
    local: plan.header.local,
    fetched: plan.fetched === undefined ? null : new Date(plan.fetched).toISOString(),
    actions: plan.actions.length,
    incoming: totals(summary, 'incoming'),
    outgoing: totals(summary, 'outgoing'),
    record: totals(summary, 'record'),
    conflicts: conflicts(summary),
    blocked: plan.blocked.map(({ mailbox, remote, local: file, reason }) => ({
      mailbox,
      ...(remote === undefined ? {} : { remote: remote.key }),
      ...(file === undefined ? {} : { local: file.key }),
      ...(remote ?? file)?.envelope,
      reason,
    })),
    brakes: plan.brakes,
    rematch: plan.rematch,
    interrupted: plan.interrupted,
    interruptions: plan.interruptions.map(interruptionJson),
    withheld: plan.withheld,
    problems: plan.problems,
  };
}

function conflicts(summary: Summary): Record<string, unknown>[] {
  return summary.conflicts.map(({ id, op, mailbox, why }) => ({ id, op, mailbox, why }));
}
