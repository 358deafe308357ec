import type { Action } from '../model/action.js';
import { compareText, type MailboxName } from '../model/mailbox.js';

/** The actions of a run in the groups they are carried out in, each group in the order given. */
export interface Groups {
  /** Creations and renames of mailboxes. */
  readonly first: readonly Action[];
  readonly pairs: ReadonlyMap<MailboxName, readonly Action[]>;
  /** Moves on one side from one mailbox to another. */
  readonly journeys: Iterable<readonly Action[]>;
  /** Copies on one side into one mailbox. */
  readonly duplicates: Iterable<readonly Action[]>;
  /** Copies, flags, deletions and unpairings. */
  readonly rest: ReadonlyMap<MailboxName, readonly Action[]>;
  /** Deletions of mailboxes, the deepest first. */
  readonly last: readonly Action[];
}

export function sortOut(actions: readonly Action[]): Groups {
  const first: Action[] = [];
  const last: Action[] = [];
  const pairs = new Map<MailboxName, Action[]>();
  const journeys = new Map<string, Action[]>();
  const duplicates = new Map<string, Action[]>();
  const rest = new Map<MailboxName, Action[]>();
  for (const action of actions) {
    switch (action.op) {
      case 'create-mailbox-local':
      case 'create-mailbox-remote':
      case 'rename-mailbox-local':
      case 'rename-mailbox-remote':
        first.push(action);
        break;
      case 'delete-mailbox-local':
      case 'delete-mailbox-remote':
        last.push(action);
        break;
      case 'pair':
        add(pairs, action.mailbox, action);
        break;
      case 'move-local':
      case 'move-remote':
        add(journeys, JSON.stringify([action.op, action.mailbox, action.to]), action);
        break;
      case 'copy-local':
      case 'copy-remote':
        add(duplicates, JSON.stringify([action.op, action.to]), action);
        break;
      default:
        add(rest, action.mailbox, action);
    }
  }
  last.sort((a, b) => compareText(b.mailbox, a.mailbox));
  return { first, pairs, journeys: journeys.values(), duplicates: duplicates.values(), rest, last };
}

function add<K>(groups: Map<K, Action[]>, name: K, action: Action): void {
  const group = groups.get(name);
  if (group === undefined) groups.set(name, [action]);
  else group.push(action);
}
