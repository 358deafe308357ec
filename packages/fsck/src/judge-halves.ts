import type { Policy } from '@postern/core/merge/policy.js';
import { type BySide, otherSide, SIDES, type SideName } from '@postern/core/model/by-side.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import { pairKey } from '@postern/core/model/pair.js';
import type { Snapshot } from '@postern/core/model/row.js';
import { type Finding, finding } from './findings.js';
import type { HalfPair } from './judge-pairs.js';

/** One message gone is a message gone; from here on the mailbox is. */
const SEVERAL = 2;

/** A mailbox that lost all its messages on one side at once. */
export interface Emptied {
  readonly side: SideName;
  /** How many of them the other side still has. */
  readonly left: number;
  readonly finding: Finding;
}

export interface JudgedHalves {
  readonly findings: readonly Finding[];
  readonly emptied: readonly Emptied[];
}

/**
 * What pairs with a missing end mean: each a deletion that is pending, or that the policy keeps from spreading; or all
 * together a mailbox that was emptied, or is gone.
 */
export function judgeHalves(
  mailbox: MailboxName,
  halves: readonly HalfPair[],
  {
    snapshots,
    policy,
  }: { readonly snapshots: BySide<Snapshot | undefined>; readonly policy: Policy | undefined },
): JudgedHalves {
  const emptied: Emptied[] = [];
  const findings: Finding[] = [];
  for (const side of SIDES) {
    const left = halves.filter(({ gone, other }) => gone === side && other !== 'gone').length;
    const snapshot = snapshots[side];
    const holds = (snapshot?.rows.size ?? 0) + (snapshot?.unreadable.size ?? 0);
    if (holds > 0 || left < (snapshot === undefined ? 1 : SEVERAL)) continue;
    const what = snapshot === undefined ? 'is not there any more' : 'is empty';
    const detail = `it ${what} on ${side}; messages that are still on ${otherSide(side)}: ${left}`;
    emptied.push({ side, left, finding: finding('mailbox-emptied', detail, { mailbox }) });
  }
  for (const { pair, gone, other } of halves) {
    if (emptied.some(({ side }) => side === gone)) continue;
    const place = { mailbox, key: pairKey(pair) };
    const kept = other !== 'gone' && policy?.[otherSide(gone)].deletes === false;
    const still = other === 'gone' ? '' : `, still on ${otherSide(gone)}`;
    const detail = `${pair[gone].key} is gone on ${gone}${still}`;
    findings.push(finding(kept ? 'deletion-withheld' : 'pair-end-missing', detail, place));
  }
  return { findings, emptied };
}
