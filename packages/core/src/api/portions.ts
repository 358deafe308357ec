import type { MailboxName } from '../model/mailbox.js';
import { compareKeys } from '../model/row.js';
import type { Part } from '../observe/load-part.js';
import { loadRecord } from '../observe/load-view.js';
import { unpairedKeys } from '../observe/paired-ends.js';
import type { Store } from '../state/store.js';
import { type Later, messagesIn } from './what-can-wait.js';

/** What one plan of a sync is about, of what it left for later. */
export interface Portion {
  readonly mailboxes: readonly MailboxName[];
  /** Of the one mailbox, where it is too large for one plan. */
  readonly part?: Part;
  /** Messages of the portions after it. */
  readonly ahead: number;
}

/** Portions of about so many messages, each to be carried out before the next is asked for. */
export async function* portionsOf(
  store: Store,
  later: readonly Later[],
  most: number,
): AsyncGenerator<Portion> {
  let ahead = messagesIn(later);
  for (const group of inGroups(later, most)) {
    const mailboxes = group.map(({ mailbox }) => mailbox);
    const messages = messagesIn(group);
    const [large] = group.length === 1 && messages > most ? group : [];
    if (large === undefined) {
      ahead -= messages;
      yield { mailboxes, ahead };
      continue;
    }
    const after = ahead - messages;
    for await (const { part, left } of partsOf(store, large, most)) {
      yield { mailboxes, part, ahead: after + left };
    }
    ahead = after;
  }
}

/** Groups of about so many messages, one mailbox at least. */
function inGroups(waiting: readonly Later[], most: number): readonly (readonly Later[])[] {
  const groups: Later[][] = [];
  let messages = 0;
  for (const one of waiting) {
    messages += one.messages;
    const last = groups.at(-1);
    if (last === undefined || messages > most) {
      groups.push([one]);
      messages = one.messages;
    } else last.push(one);
  }
  return groups;
}

/** Its messages that are in no pair, in the order of their keys; one part at least, which tells what cannot be read. */
async function* partsOf(
  store: Store,
  { mailbox, side }: Later,
  most: number,
): AsyncGenerator<{ readonly part: Part; readonly left: number }> {
  const all = [...(await unpairedKeys(store, await loadRecord(store, mailbox), side))].sort(compareKeys);
  let from = 0;
  do {
    const keys = all.slice(from, from + most);
    yield { part: { mailbox, side, keys, isFirst: from === 0 }, left: Math.max(0, all.length - from - most) };
    from += most;
  } while (from < all.length);
}
