import type { Seam } from '@postern/core/model/effect.js';
import { PosternError } from '@postern/core/model/error.js';
import type { Flags } from '@postern/core/model/flags.js';
import { INBOX, type MailboxName, mailboxName } from '@postern/core/model/mailbox.js';
import type { MessageKey, Row } from '@postern/core/model/row.js';
import type { DeliveryOutcome, Side } from '@postern/core/side/side.js';
import { expect } from 'vitest';
import { contentOf, readAll } from '../../support/letters.js';
import { type OddName, oddMessages } from '../../support/messages.js';

/** One empty account (an INBOX, nothing in it), a side on it, and another client that works on it. */
export interface OpenedSide {
  readonly side: Side;
  /** What another client does. Returns when the side can see it. */
  readonly user: {
    add(mailbox: MailboxName, bytes: Buffer, flags?: Flags): Promise<MessageKey>;
    remove(mailbox: MailboxName, key: MessageKey): Promise<void>;
    addFlag(mailbox: MailboxName, key: MessageKey, flag: string): Promise<void>;
    /** Gives the mailbox another UIDVALIDITY; only sides with epochs have it. */
    renew?(mailbox: MailboxName): Promise<void>;
  };
  /** A process that starts anew on the same account; the first one is given up as a crash would leave it. */
  reopen(seam?: Seam): Promise<Side>;
  cleanup(): Promise<void>;
}

/** What an implementation can do, so that the suite asks for no more. */
export interface SideAbilities {
  readonly keys: 'uid' | 'file';
  readonly witness: boolean;
  /** Where a removed message goes. */
  readonly removal: 'attic' | 'trash' | 'expunge' | 'mark';
  /** A server without MOVE copies, then expunges: after a crash in between, only the caller's record tells the copy. */
  readonly copiesToMove?: true;
  /** Odd messages that the account behind the side itself changes or refuses. */
  readonly alters: readonly OddName[];
  /** Mailbox names to create and find again, beside plain ones. */
  readonly names: readonly string[];
}

export const WORK = mailboxName('Work');
export const DATE = 1_600_000_000_000;

/** What a section of the suite works with; asked for in each test, since each test has an account of its own. */
export interface Used {
  readonly side: Side;
  readonly opened: OpenedSide;
  readonly abilities: SideAbilities;
  readonly open: (seam?: Seam) => Promise<OpenedSide>;
}

export async function codeOf(failing: Promise<unknown>): Promise<string> {
  try {
    await failing;
  } catch (error) {
    return error instanceof PosternError ? error.code : `no PosternError: ${String(error)}`;
  }
  return 'no error';
}

export async function rowsOf(side: Side, mailbox: MailboxName = INBOX): Promise<Row[]> {
  return [...(await side.snapshot(mailbox, undefined)).rows.values()];
}

/** The mailboxes that can be opened, the \Trash one left out. */
export async function selectable(side: Side): Promise<MailboxName[]> {
  const { entries } = await side.list();
  const open = entries.filter(entry => entry.selectable && entry.specialUse !== '\\Trash');
  return open.map(({ mailbox }) => mailbox).sort();
}

/** The rows' Message-IDs, sorted: what is there, whatever the keys. */
export async function idsOf(side: Side, mailbox: MailboxName = INBOX): Promise<(string | undefined)[]> {
  return (await rowsOf(side, mailbox)).map(({ identity }) => identity.messageId).sort();
}

export async function contentsOf(side: Side, mailbox: MailboxName = INBOX): Promise<string[]> {
  const { rows, cursor } = await side.snapshot(mailbox, undefined);
  const bytes = await readAll(side, mailbox, cursor.epoch, rows.values());
  expect(bytes.size).toBe(rows.size);
  return [...bytes.values()].map(contentOf).sort();
}

export function done(outcome: DeliveryOutcome | undefined): Row {
  expect(outcome).toMatchObject({ kind: 'done' });
  return (outcome as { readonly row: Row }).row;
}

export const id = (name: string) => `<${name}@example.org>`;

/** The odd messages that this account keeps as they are. */
export function oddEntries(abilities: SideAbilities): [OddName, Buffer][] {
  const all = Object.entries(oddMessages()) as [OddName, Buffer][];
  return all.filter(([name]) => !abilities.alters.includes(name));
}

/** Takes a rejection as a value. */
export const caught = (error: unknown): unknown => error;
