import { hasState } from '@postern/core/state/disk-store.js';
import { type RawEntry, type RawReport, readRaw } from '@postern/core/state/raw.js';
import { foreignSide } from '@postern/core/state/repository.js';
import { Evidence } from './evidence.js';
import { type Finding, finding } from './findings.js';
import type { FsckTarget } from './target.js';

export interface ExaminedState {
  readonly findings: readonly Finding[];
  /** What the sound records say. */
  readonly evidence: Evidence;
  /** LevelDB could open it. */
  readonly opened: boolean;
}

/**
 * Reads a state, damaged or not, and says what is wrong with it. Works on a copy; not an octet of the state changes. One
 * damage is one finding: what only follows from another finding is left out.
 */
export async function examineState(
  target: FsckTarget,
  /** `mended`: LevelDB repairs the copy first. What is read so is a hint, never more. */
  reading: 'as-it-is' | 'mended' = 'as-it-is',
): Promise<ExaminedState> {
  if (!(await hasState(target.stateDirectory))) {
    const evidence = new Evidence();
    evidence.doubt();
    const detail = `there is no state in ${target.stateDirectory}`;
    return { findings: [finding('state-missing', detail)], evidence, opened: false };
  }
  const { stateDirectory: directory, seam } = target;
  const examined = await examineEntries(target, visit =>
    readRaw({ directory, seam, repair: reading === 'mended', visit }),
  );
  if (reading === 'mended') examined.evidence.doubt();
  return examined;
}

/** The same for entries that `read` hands over, wherever they are. */
export async function examineEntries(
  target: Pick<FsckTarget, 'id' | 'sides'>,
  read: (visit: (entry: RawEntry) => void) => Promise<RawReport>,
): Promise<ExaminedState> {
  const evidence = new Evidence();
  const entries = new FaultyEntries();
  const findings: Finding[] = [];
  const report = await read(entry => {
    const { kind, mailbox, key, value } = entry;
    if (entry.fault !== undefined) entries.add(entry);
    else if (kind !== undefined && mailbox !== undefined && key !== undefined) {
      if (evidence.add({ kind, mailbox, key, value }) === 'misplaced')
        findings.push(finding('record-misplaced', `a ${kind} record under ${key}`, { mailbox, key }));
    }
  });
  const whole = faultsOfTheWhole(report);
  findings.unshift(...whole, ...entries.findings);
  const sets = entries.faultsOfSets(report, evidence);
  findings.push(...sets);
  const root = report.faults.find(({ kind }) => kind === 'root');
  const explained = whole.length + sets.length > 0 || entries.hasSealOrUnknown;
  if (root !== undefined && !explained) findings.push(finding('seal-root', root.reason));
  // The seal of all seals vouches for the others; db.id says only that there was a database, and which one.
  if (report.databaseId === undefined || report.faults.some(({ kind }) => kind !== 'id')) evidence.doubt();
  const opened = !report.faults.some(({ kind }) => kind === 'open' || kind === 'tables');
  if (opened && report.databaseId !== undefined) findings.push(...ownerFaults(target, evidence, entries));
  return { findings, evidence, opened };
}

/** db.id, files, opening: faults that leave nothing, or something else, to look at. */
function faultsOfTheWhole(report: RawReport): Finding[] {
  const of = (...kinds: string[]) => report.faults.filter(({ kind }) => kinds.includes(kind));
  const words = (...kinds: string[]) =>
    of(...kinds)
      .map(({ reason }) => reason)
      .join('; ');
  const findings: Finding[] = [];
  if (of('id').length > 0) {
    // A newer format would show in the root's record version too: then it is db.id that is damaged.
    const newer = report.databaseId === undefined && of('id').some(({ code }) => code === 'state-version');
    findings.push(finding(newer ? 'state-version' : 'state-id', words('id')));
  }
  if (of('foreign').length > 0) findings.push(finding('database-mismatch', words('foreign')));
  if (of('open').length > 0) findings.push(finding('state-unopenable', words('files', 'tables', 'open')));
  else if (of('files', 'tables', 'entries').length > 0)
    findings.push(finding('state-unreadable', words('files', 'tables', 'entries')));
  return findings;
}

function ownerFaults(
  { id, sides }: Pick<FsckTarget, 'id' | 'sides'>,
  { owner }: Evidence,
  entries: FaultyEntries,
): Finding[] {
  if (owner === undefined) {
    if (entries.has('meta', '')) return [];
    return [finding('owner-missing', 'the record of the repository is not there')];
  }
  if (owner.repository !== id)
    return [finding('owner-mismatch', `the state belongs to repository ${owner.repository}`)];
  const side = foreignSide(owner, sides);
  if (side !== undefined) {
    const now = sides[side].address;
    return [
      finding('owner-mismatch', `it was made with ${owner.addresses[side]}, now the ${side} is ${now}`),
    ];
  }
  return [];
}

/** Entries that cannot be used, and what that explains of the sets they belong to. */
class FaultyEntries {
  readonly findings: Finding[] = [];
  readonly #records = new Map<string, number>();
  readonly #seals = new Set<string>();
  #unknown = 0;

  add({ kind, mailbox, key, fault = '', code }: RawEntry): void {
    const place = { mailbox, key };
    const set = `${kind}\0${mailbox}`;
    if (code === 'state-version') this.findings.push(finding('record-version', fault, place));
    else if (kind === undefined) this.findings.push(finding('entry-unusable', fault));
    else if (key === undefined) this.findings.push(finding('seal-checksum', fault, place));
    else this.findings.push(finding('record-checksum', fault, place));
    if (kind === undefined) this.#unknown++;
    else if (key === undefined) this.#seals.add(set);
    else this.#records.set(set, (this.#records.get(set) ?? 0) + 1);
  }

  get hasSealOrUnknown(): boolean {
    return this.#seals.size > 0 || this.#unknown > 0;
  }

  has(kind: string, mailbox: string): boolean {
    return this.#records.has(`${kind}\0${mailbox}`);
  }

  /** Seals that are missing or do not fit, apart from what the damaged entries explain. */
  faultsOfSets(report: RawReport, evidence: Evidence): Finding[] {
    const findings: Finding[] = [];
    for (const { kind, mailbox, seal, found, fault } of report.partitions) {
      if (fault === undefined) continue;
      evidence.unseal(kind, mailbox);
      const set = `${kind}\0${mailbox}`;
      if (seal === undefined) {
        if (!this.#seals.has(set)) findings.push(finding('seal-missing', fault, { mailbox }));
      } else if (found.count + (this.#records.get(set) ?? 0) !== seal.count || !this.#records.has(set)) {
        findings.push(finding('seal-mismatch', fault, { mailbox }));
      }
    }
    return findings;
  }
}
