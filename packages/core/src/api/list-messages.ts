import type { SideName } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import { observeSide } from '../observe/observe-side.js';
import type { Repository } from '../state/repository.js';

export interface ListOptions {
  /** A side's last snapshot, or base: the pairs. */
  readonly side: SideName | 'base';
  readonly mailbox?: MailboxName;
  /** Look at the local side first, instead of showing the last scan. */
  readonly scan?: boolean;
}

/** The messages of a side, or the pairs, one object each, by mailbox. */
export async function* listMessages(repository: Repository, options: ListOptions): AsyncGenerator<object> {
  const kind = options.side === 'base' ? 'pair' : options.side;
  if (options.scan && options.side === 'local') await observeSide(repository, 'local');
  for (const mailbox of await repository.store.partitions(kind)) {
    if (options.mailbox !== undefined && options.mailbox !== mailbox) continue;
    for (const value of (await repository.store.all(kind, mailbox)).values()) yield { mailbox, ...value };
  }
}
