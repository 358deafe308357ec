import { printable } from '@postern/core/model/escape-text.js';
import { FINDINGS, type Finding, type FindingId, type Severity } from '@postern/fsck/findings.js';
import type { FsckReport } from '@postern/fsck/report.js';
import { blockedWords } from './blocked-words.js';
import { messageWords } from './message-words.js';
import { count, counted } from './numbers.js';
import type { Paint } from './terminal.js';

/** What fsck found, kind by kind: what it means, where, and what to do next; then one line in sum. */
export function* fsckText(report: FsckReport, paint: Paint): Generator<string> {
  for (const [id, findings] of byId(report.findings)) {
    const { severity, says, next } = FINDINGS[id];
    yield `${inColour(severity, paint)} ${id}: ${says}`;
    for (const finding of findings) yield `  ${placeOf(finding)}${printable(finding.detail)}`;
    if (report.repaired === undefined || severity !== 'error') yield `  Next: ${next}`;
  }
  if (report.blocked.length > 0) yield 'Blocked: neither copied nor deleted';
  for (const { mailbox, remote, local, reason } of report.blocked) {
    const key = (remote ?? local)?.key ?? '';
    yield `  ${printable(mailbox)} ${printable(key)}: ${messageWords((remote ?? local)?.envelope ?? {})}`;
    yield `    ${printable(reason)}`;
  }
  yield summary(report);
}

function byId(findings: readonly Finding[]): Map<FindingId, Finding[]> {
  const groups = new Map<FindingId, Finding[]>();
  for (const finding of findings) {
    const group = groups.get(finding.id);
    if (group === undefined) groups.set(finding.id, [finding]);
    else group.push(finding);
  }
  return groups;
}

function inColour(severity: Severity, paint: Paint): string {
  if (severity === 'error') return paint.red(severity);
  return severity === 'warning' ? paint.yellow(severity) : paint.dim(severity);
}

function placeOf({ mailbox, key }: Finding): string {
  const parts = [mailbox, key].filter(part => part !== undefined).map(printable);
  return parts.length === 0 ? '' : `${parts.join(' ')}: `;
}

function summary({ findings, repaired, blocked }: FsckReport): string {
  const remaining = blocked.length === 0 ? '' : `; ${blockedWords(blocked)}`;
  if (repaired !== undefined) {
    const { pairs, salvaged, bodiesRead, aside } = repaired;
    const kept = aside === undefined ? '' : `; the old state is kept in ${printable(aside)}`;
    const work = `${count(salvaged)} salvaged, ${counted(bodiesRead, 'message')} read`;
    return `Repaired: the state has ${counted(pairs, 'pair')} (${work})${kept}${remaining}`;
  }
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const warnings = findings.filter(({ severity }) => severity === 'warning').length;
  const doubts = warnings === 0 ? '' : `; ${counted(warnings, 'warning')}`;
  if (errors === 0) return `No damage found${doubts}${remaining}`;
  return `Damage found: ${counted(errors, 'error')}${remaining}. Next: postern fsck --repair`;
}
