import type { Matching, Unclear } from '@postern/core/match/match-rows.js';
import { type BySide, SIDES } from '@postern/core/model/by-side.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import type { Row, Snapshot } from '@postern/core/model/row.js';
import type { Blocked } from '@postern/core/model/view.js';
import { type Finding, finding } from './findings.js';

/** All contents are known, and still nothing tells the messages apart. */
export function isDecided({ rows }: Unclear): boolean {
  return SIDES.every(side => rows[side].every(row => row.identity.content !== undefined));
}

/** The messages of unclear classes, each on its own, and the same as findings. */
export function blockedIn(
  mailbox: MailboxName,
  unclear: Matching['unclear'],
): { readonly blocked: readonly Blocked[]; readonly findings: readonly Finding[] } {
  const blocked: Blocked[] = [];
  const findings: Finding[] = [];
  for (const { rows, reason } of unclear) {
    for (const side of SIDES) {
      for (const row of rows[side]) {
        blocked.push({ mailbox, [side]: row, reason });
        findings.push(
          finding('message-blocked', `${side} message ${nameOf(row)}: ${reason}`, { mailbox, key: row.key }),
        );
      }
    }
  }
  return { blocked, findings };
}

/** Messages that cannot be read. They are blocked too: neither copied nor deleted. */
export function unreadableIn(
  mailbox: MailboxName,
  snapshots: BySide<Snapshot | undefined>,
): { readonly blocked: readonly Blocked[]; readonly findings: readonly Finding[] } {
  const blocked: Blocked[] = [];
  const findings: Finding[] = [];
  for (const side of SIDES) {
    for (const [key, fault] of snapshots[side]?.unreadable ?? []) {
      const reason = `${side} message ${key}: ${fault}`;
      blocked.push({ mailbox, key, reason });
      findings.push(finding('message-unreadable', reason, { mailbox, key }));
    }
  }
  return { blocked, findings };
}

/** A message in words: its key, and its subject or Message-ID where it has one. */
export function nameOf(row: Row): string {
  const known = row.envelope.subject ?? row.identity.messageId;
  return known === undefined ? row.key : `${row.key} (${known})`;
}
