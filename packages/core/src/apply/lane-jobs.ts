import { type Action, isDelivery } from '../model/action.js';
import { bySide, otherSide, type SideName } from '../model/by-side.js';
import { compareText, type MailboxName } from '../model/mailbox.js';
import { targetOf } from './copy-target.js';
import type { LandedMessages } from './landed.js';
import type { DeskWork } from './load-desk.js';

/** What is to be done in one mailbox. */
export interface DeskJob {
  readonly mailbox: MailboxName;
  readonly actions: readonly Action[];
  /** Where it is about the messages of its lines and no others. */
  readonly work?: DeskWork;
}

/**
 * Jobs for lanes: mailboxes that get the same messages are one, so that these travel once; every other one is for itself, and
 * about the messages that its lines name.
 */
export function laneJobs(
  work: ReadonlyMap<MailboxName, readonly Action[]>,
  landed: LandedMessages,
): readonly (readonly DeskJob[])[] {
  const chain: DeskJob[] = [];
  const single: DeskJob[][] = [];
  for (const [mailbox, actions] of [...work].sort(([a], [b]) => compareText(a, b))) {
    if (actions.some(action => landed.isShared(action))) chain.push({ mailbox, actions });
    else single.push([{ mailbox, actions, work: workOf(actions) }]);
  }
  return chain.length === 0 ? single : [chain, ...single];
}

function workOf(actions: readonly Action[]): DeskWork {
  const ends = bySide(
    side =>
      new Set(actions.flatMap(action => [action[side], action.keep?.[side]].flatMap(end => end?.key ?? []))),
  );
  const copiesTo = targetOfCopies(actions);
  return copiesTo === undefined || ends[otherSide(copiesTo)].size < actions.length
    ? { ends }
    : { ends, copiesTo };
}

/** The same of `copy-local` or `copy-remote` lines into one mailbox, where their counterparts are. */
export function workOfCopies(actions: readonly Action[], copiesTo: SideName): DeskWork | undefined {
  const source = otherSide(copiesTo);
  const partners = new Set(actions.flatMap(action => action[source]?.key ?? []));
  if (partners.size < actions.length) return undefined;
  return { ends: bySide(side => (side === source ? partners : new Set())), copiesTo };
}

/** The side that all lines bring new messages to. */
function targetOfCopies(actions: readonly Action[]): SideName | undefined {
  const [first] = actions;
  if (first === undefined || !isDelivery(first.op)) return undefined;
  const target = targetOf(first);
  return actions.every(action => action.op === first.op && action[target] === undefined) ? target : undefined;
}
