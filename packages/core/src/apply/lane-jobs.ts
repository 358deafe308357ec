import type { Action } from '../model/action.js';
import { bySide } from '../model/by-side.js';
import { compareText, type MailboxName } from '../model/mailbox.js';
import type { Desk } from './desk.js';
import type { LandedMessages } from './landed.js';

export type DeskEnds = Parameters<typeof Desk.open>[3];

/** The messages that lines name. */
export function endsOf(actions: readonly Action[]): DeskEnds {
  return bySide(
    side =>
      new Set(actions.flatMap(action => [action[side], action.keep?.[side]].flatMap(end => end?.key ?? []))),
  );
}

/** Mailboxes that get the same messages, one after the other, so that these travel once; every other one for itself. */
export function chainsOf(
  work: ReadonlyMap<MailboxName, readonly Action[]>,
  landed: LandedMessages,
): readonly (readonly MailboxName[])[] {
  const chain: MailboxName[] = [];
  const single: MailboxName[][] = [];
  for (const mailbox of [...work.keys()].sort(compareText)) {
    if (work.get(mailbox)?.some(action => landed.isShared(action))) chain.push(mailbox);
    else single.push([mailbox]);
  }
  return chain.length === 0 ? single : [chain, ...single];
}
