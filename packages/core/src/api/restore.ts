import { INBOX, type MailboxName } from '../model/mailbox.js';
import type { Attic, AtticEntry, RestoreOutcome } from '../side/attic.js';
import type { Side } from '../side/side.js';

export interface RestoreTarget {
  readonly side: Side;
  readonly attic: Attic;
  /** Where everything goes; where each came from unless given, INBOX where that is not known. */
  readonly mailbox?: MailboxName;
}

/** What became of one message. */
export interface Restored {
  readonly entry: AtticEntry;
  readonly mailbox: MailboxName;
  readonly outcome: RestoreOutcome;
}

/** Puts messages of the attic back as new ones, into mailboxes that are made where they are gone. One after the other. */
export async function* restoreMessages(
  { side, attic, mailbox: wanted }: RestoreTarget,
  entries: readonly AtticEntry[],
): AsyncGenerator<Restored> {
  const made = new Set<MailboxName>();
  for (const entry of entries) {
    const mailbox = wanted ?? entry.mailbox ?? INBOX;
    if (!made.has(mailbox)) await side.createMailbox(mailbox);
    made.add(mailbox);
    yield { entry, mailbox, outcome: await attic.restore(entry, mailbox) };
  }
}

/** The entries that people name: by their whole name, or all of an operation, or of its part for one mailbox. */
export async function findInAttic(attic: Attic, name: string): Promise<AtticEntry[]> {
  const found: AtticEntry[] = [];
  for await (const entry of attic.list()) {
    if ([entry.name, entry.directory, entry.operation].includes(name)) found.push(entry);
  }
  return found;
}
