import type { BySide, SideName } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Problem } from '../model/row.js';
import type { Decision } from './decision.js';

/** What a policy distinguishes: new messages, flags, deletions and moves of messages, and mailboxes as such. */
export const POLICY_KINDS = ['new', 'flags', 'deletes', 'moves', 'mailboxes'] as const;
export type PolicyKind = (typeof POLICY_KINDS)[number];

/** Which kinds of changes may be made. */
export type Permissions = Readonly<Record<PolicyKind, boolean>>;

/** By the side that is written to. */
export type Policy = BySide<Permissions>;

const ALL: Permissions = { new: true, flags: true, deletes: true, moves: true, mailboxes: true };
export const TWO_WAY: Policy = { remote: ALL, local: ALL };

export interface Permitted {
  readonly decisions: readonly Decision[];
  /** What the policy forbids: nothing comes in its place. */
  readonly withheld: readonly Decision[];
  /** Mailboxes whose messages wait because the mailbox itself may not be made or renamed. */
  readonly problems: readonly Problem[];
}

/**
 * Leaves out what a policy forbids. A forbidden decision simply is not made: a message whose deletion is forbidden stays and
 * is not copied back, for its pair stays too; a move is not split into a copy and a deletion. What rests on a forbidden
 * decision about a mailbox is left out with it. Pure.
 */
export function filterDecisions(decisions: readonly Decision[], policy: Policy): Permitted {
  const withheld = new Set(decisions.filter(decision => !isPermitted(decision, policy)));
  const problems: Problem[] = [];
  for (const decision of [...withheld]) {
    if (!isAboutMailbox(decision)) continue;
    const waiting = decisions.filter(other => restsOn(other, decision));
    for (const other of waiting) withheld.add(other);
    const reason = waitingReason(decision, waiting, policy);
    if (reason !== undefined) problems.push({ mailbox: decision.mailbox, reason });
  }
  for (const decision of decisions) {
    if (decision.kind === 'delete-mailbox' && [...withheld].some(other => keepsMail(other, decision)))
      withheld.add(decision);
  }
  return {
    decisions: decisions.filter(decision => !withheld.has(decision)),
    withheld: [...withheld],
    problems,
  };
}

type MailboxDecision = Decision & { readonly kind: 'create-mailbox' | 'delete-mailbox' | 'rename-mailbox' };

function isAboutMailbox(decision: Decision): decision is MailboxDecision {
  return ['create-mailbox', 'delete-mailbox', 'rename-mailbox'].includes(decision.kind);
}

function isPermitted(decision: Decision, policy: Policy): boolean {
  switch (decision.kind) {
    case 'create-mailbox':
    case 'rename-mailbox':
      return policy[decision.on].mailboxes;
    case 'delete-mailbox':
      return policy[decision.on].mailboxes && policy[decision.on].deletes;
    case 'copy':
      return policy[decision.to].new;
    case 'duplicate':
      return policy[decision.on].new;
    case 'flag':
      return policy[decision.on].flags;
    case 'move':
      return policy[decision.on].moves;
    case 'delete':
      return policy[decision.on].deletes;
    case 'pair':
    case 'unpair':
      return true;
  }
}

/** Whether a decision about messages needs the one about their mailbox. */
function restsOn(decision: Decision, about: MailboxDecision): boolean {
  if (isAboutMailbox(decision)) return false;
  switch (about.kind) {
    case 'create-mailbox':
      return arrival(decision)?.on === about.on && arrival(decision)?.mailbox === about.mailbox;
    case 'delete-mailbox':
      return decision.kind === 'delete' && decision.on === about.on && decision.mailbox === about.mailbox;
    case 'rename-mailbox':
      return [decision.mailbox, arrival(decision)?.mailbox].some(
        mailbox => mailbox === about.mailbox || mailbox === about.to,
      );
  }
}

/** Where a decision brings a message. */
function arrival(decision: Decision): { readonly on: SideName; readonly mailbox: MailboxName } | undefined {
  if (decision.kind === 'copy') return { on: decision.to, mailbox: decision.mailbox };
  if (decision.kind === 'move' || decision.kind === 'duplicate')
    return { on: decision.on, mailbox: decision.to };
  return undefined;
}

/** Whether a message stays in a mailbox because its going is forbidden. */
function keepsMail(withheld: Decision, { on, mailbox }: MailboxDecision): boolean {
  return (
    (withheld.kind === 'delete' || withheld.kind === 'move') &&
    withheld.on === on &&
    withheld.mailbox === mailbox
  );
}

/** One sentence where a person would miss something; a mailbox that is kept misses nothing. */
function waitingReason(
  decision: MailboxDecision,
  waiting: readonly Decision[],
  policy: Policy,
): string | undefined {
  const { on } = decision;
  const table = on === 'local' ? 'remote-to-local' : 'local-to-remote';
  const setting = `[sync.${table}] has mailboxes = false`;
  switch (decision.kind) {
    case 'create-mailbox':
      if (!policy[on].new || waiting.length === 0) return undefined;
      return `not on the ${on} side, and ${setting}: ${messages(waiting.length)} in it`;
    case 'rename-mailbox':
      return `called ${decision.to} on the other side, and ${setting}: what changed in it waits`;
    case 'delete-mailbox':
      return undefined;
  }
}

function messages(count: number): string {
  return count === 1 ? '1 message waits' : `${count} messages wait`;
}
