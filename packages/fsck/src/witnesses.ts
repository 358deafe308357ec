import { SIDES, type SideName } from '@postern/core/model/by-side.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import type { Snapshot } from '@postern/core/model/row.js';
import { wentBack, witnessFault } from '@postern/core/observe/went-back.js';
import type { Witness } from '@postern/core/side/side.js';
import type { MailboxRecord } from '@postern/core/state/records.js';
import { type Finding, finding } from './findings.js';
import type { FsckTarget } from './target.js';

/** What the witnesses of a mailbox say, on the sides that have the mailbox and keep witnesses. */
export type Witnesses = ReadonlyMap<SideName, Witness | undefined>;

export async function readWitnesses(
  { sides }: Pick<FsckTarget, 'sides'>,
  mailbox: MailboxName,
  there: Iterable<SideName>,
): Promise<Witnesses> {
  const found = new Map<SideName, Witness | undefined>();
  for (const side of there) {
    const witness = await sides[side].readWitness(mailbox);
    if (witness !== false) found.set(side, witness);
  }
  return found;
}

/** What witnesses show of state and mail being of different times. */
export function judgeWitnesses(
  repository: string,
  mailbox: MailboxName,
  { record, witnesses }: { readonly record: MailboxRecord | undefined; readonly witnesses: Witnesses },
): Finding[] {
  const known = record ?? { mailbox, generation: 0, sides: {} };
  const findings: Finding[] = [];
  for (const [side, witness] of witnesses) {
    const fault = witnessFault(known, witness, repository) ?? unheardOf(known, witness, repository);
    if (fault === undefined) continue;
    const id = witness === undefined ? 'witness-missing' : 'witness-mismatch';
    findings.push(finding(id, `${side}: ${fault}`, { mailbox }));
  }
  return findings;
}

/** `fetch` needs no more than that no base is there to delete from; to fsck it shows that the state is an older one. */
function unheardOf(
  record: MailboxRecord,
  witness: Witness | undefined,
  repository: string,
): string | undefined {
  if (record.generation > 0 || record.pending !== undefined) return undefined;
  if (witness === undefined || witness.repository !== repository || latestOf(witness) === 0) return undefined;
  // A mailbox that was renamed takes its witness along.
  if (witness.mailbox !== record.mailbox) return undefined;
  return `the state was restored from an older copy (generation ${latestOf(witness)}, the state knows of none)`;
}

/** Why a side shows that it is not the mailbox the record was made with, or an older copy of it. */
export function wentBackOn(
  side: SideName,
  record: MailboxRecord | undefined,
  now: Snapshot | undefined,
): string | undefined {
  const before = record?.sides[side]?.cursor;
  return before === undefined || now === undefined ? undefined : wentBack(before, now.cursor);
}

/** The generation that the state is to have, if whatever was begun came to its end. */
function latestOf({ generation, pending }: Witness): number {
  return pending ?? generation;
}

/**
 * Brings state and witnesses of a mailbox together and returns the generation both have then. Witnesses that agree are
 * taken over, and nothing is written. Else each gets a generation that none of them, and no record, has had before.
 */
export async function agreeOnGeneration(
  { id, sides }: Pick<FsckTarget, 'id' | 'sides'>,
  mailbox: MailboxName,
  known: {
    readonly witnesses: Witnesses;
    readonly record: MailboxRecord | undefined;
    /** State and witnesses fit, and both sides agree but for an apply that was interrupted between them. */
    readonly trusted: boolean;
    readonly hasPairs: boolean;
  },
): Promise<number> {
  const { witnesses, record, trusted, hasPairs } = known;
  const ours = [...witnesses.values()].filter(
    witness => witness?.repository === id && witness.mailbox === mailbox,
  ) as Witness[];
  const seen = ours.map(latestOf);
  const latest = Math.max(0, ...seen);
  const agree = ours.length === witnesses.size && seen.every(generation => generation === latest);
  if (agree && latest > 0 && latest >= (record?.generation ?? 0)) return latest;
  if (seen.length === 0 && !hasPairs) return 0;
  const unused = Math.max(latest, record?.generation ?? 0, record?.pending ?? 0) + 1;
  const generation = trusted && latest > 0 ? latest : unused;
  for (const side of SIDES) {
    if (!witnesses.has(side)) continue;
    const written = witnesses.get(side);
    if (ours.includes(written as Witness) && latestOf(written as Witness) === generation) continue;
    await sides[side].writeWitness(mailbox, { repository: id, mailbox, generation });
  }
  return generation;
}
