import type { Action } from '../model/action.js';
import { bySide } from '../model/by-side.js';
import { compareText, type MailboxName } from '../model/mailbox.js';
import type { MessageKeys } from '../observe/touched-part.js';
import type { LandedMessages } from './landed.js';

/** What is to be done in one mailbox. */
export interface DeskJob {
  readonly mailbox: MailboxName;
  readonly actions: readonly Action[];
  /** All messages it is about, where it is about no others. */
  readonly ends?: MessageKeys;
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
    else single.push([{ mailbox, actions, ends: endsOf(actions) }]);
  }
  return chain.length === 0 ? single : [chain, ...single];
}

function endsOf(actions: readonly Action[]): MessageKeys {
  return bySide(
    side =>
      new Set(actions.flatMap(action => [action[side], action.keep?.[side]].flatMap(end => end?.key ?? []))),
  );
}
