import { LEFTOVER_AGE, type StoreRoom } from '@postern/core/api/gc.js';
import { PosternError } from '@postern/core/model/error.js';
import { compareText, type MailboxName } from '@postern/core/model/mailbox.js';
import { type Finding, finding } from './findings.js';
import type { FsckTarget } from './target.js';

/** maildir(5): a file in `tmp` that nobody touched for so long is not on its way any more. */

/** Looks at what lies beside the mail: whether removed messages can be read, and what deliveries left in `tmp`. */
export async function examineRooms({
  rooms = [],
  clock,
}: Pick<FsckTarget, 'rooms' | 'clock'>): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const room of rooms) {
    findings.push(...(await leftovers(room, clock.now() - LEFTOVER_AGE)));
    findings.push(...(await attic(room)));
  }
  return findings;
}

async function leftovers({ side, leftovers }: StoreRoom, before: number): Promise<Finding[]> {
  const counts = new Map<MailboxName, number>();
  for await (const { mailbox } of leftovers.list(before)) counts.set(mailbox, (counts.get(mailbox) ?? 0) + 1);
  const sorted = [...counts].sort(([a], [b]) => compareText(a, b));
  return sorted.map(([mailbox, count]) =>
    finding('tmp-leftover', `files on the ${side} side that nobody touched for 36 hours: ${count}`, {
      mailbox,
    }),
  );
}

async function attic({ side, attic }: StoreRoom): Promise<Finding[]> {
  const findings: Finding[] = [];
  try {
    for await (const entry of attic.list()) {
      if ((await attic.describe(entry)) !== undefined) continue;
      const { mailbox, name } = entry;
      findings.push(finding('attic-unreadable', `${name} cannot be read`, { mailbox, key: name }));
    }
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    findings.push(finding('attic-unreadable', `${side}: ${error.message}`));
  }
  return findings;
}
