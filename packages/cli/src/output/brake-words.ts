import type { BrakeReport } from '@postern/core/api/apply.js';
import { printable } from '@postern/core/model/escape-text.js';
import { count, counted } from './numbers.js';

/** What a brake sees, and the switch that lets it pass. */
export function brakeWords({ mailbox, deletions, of, allowed }: BrakeReport): string {
  const where = mailbox === undefined ? 'the whole account' : printable(mailbox);
  return (
    `${where}: ${counted(deletions, 'deletion')} of ${counted(of, 'message')}, more than the ${count(allowed)} ` +
    `that go without asking; allow them with: --max-delete ${deletions}`
  );
}

/** The brakes that still hold when the caller allows `maxDelete` deletions. */
export function brakesBeyond(
  brakes: readonly BrakeReport[],
  maxDelete: number | undefined,
): readonly BrakeReport[] {
  return maxDelete === undefined ? brakes : brakes.filter(brake => brake.deletions > maxDelete);
}
