import { openSeam } from '@postern/core/model/effect.js';
import { KINDS } from '@postern/core/state/records.js';
import type { Repository } from '@postern/core/state/repository.js';
import type { Store } from '@postern/core/state/store.js';
import { Evidence } from '@postern/fsck/evidence.js';
import { examineSides } from '@postern/fsck/examine-sides.js';
import { finding } from '@postern/fsck/findings.js';
import type { FsckReport } from '@postern/fsck/report.js';
import type { FsckTarget } from '@postern/fsck/target.js';

/** What fsck finds in a repository that is open, wherever its state is. Throws where the state itself is damaged. */
export async function fsckOpen(repository: Repository): Promise<FsckReport> {
  const evidence = new Evidence();
  const misplaced = await readInto(evidence, repository.store);
  const { findings, blocked } = await examineSides(targetOf(repository), evidence, {});
  const wrong = misplaced.map(key => finding('record-misplaced', key));
  return { findings: [...wrong, ...findings], blocked };
}

/** What a store holds, as evidence for a repair: all of it verified. */
export async function evidenceIn(store: Store): Promise<Evidence> {
  const evidence = new Evidence();
  await readInto(evidence, store);
  return evidence;
}

/** A repair's view of an open repository. */
export function targetOf(repository: Repository): FsckTarget {
  return { ...repository, stateDirectory: 'in memory', seam: openSeam };
}

async function readInto(evidence: Evidence, store: Store): Promise<string[]> {
  const misplaced: string[] = [];
  for (const kind of KINDS) {
    for (const mailbox of await store.partitions(kind)) {
      for (const [key, value] of await store.all(kind, mailbox)) {
        if (evidence.add({ kind, mailbox, key, value }) === 'misplaced')
          misplaced.push(`${kind} ${mailbox} ${key}`);
      }
    }
  }
  return misplaced;
}
