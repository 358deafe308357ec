import type { BySide } from '../model/by-side.js';
import { PosternError } from '../model/error.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Problem } from '../model/row.js';
import type { MailboxChange } from '../observe/observe-mailbox.js';
import { type Observation, observeSide } from '../observe/observe-side.js';
import type { Progress, Repository } from '../state/repository.js';
import { settleContents } from './settle-contents.js';

export interface FetchOptions {
  /** Only these; all when absent. */
  readonly mailboxes?: readonly MailboxName[];
  readonly progress?: Progress;
}

export interface FetchReport {
  /** Mailboxes the remote has. */
  readonly mailboxes: number;
  readonly messages: number;
  readonly changes: readonly MailboxChange[];
  /** Messages whose content was read to tell them apart from others. */
  readonly bodiesRead: number;
  readonly problems: readonly Problem[];
  /** Mailboxes that could not be read. */
  readonly unread: readonly MailboxName[];
  /** What was seen of each side. */
  readonly sides: BySide<Observation>;
}

/**
 * Brings the remote snapshot up to date, then reads the contents of those few messages that only their content can tell
 * apart from messages that are here already. Writes to the state alone.
 */
export async function fetchRemote(repository: Repository, options: FetchOptions = {}): Promise<FetchReport> {
  const remote = await observeSide(repository, 'remote', { ...options, confirmMissing: true });
  const local = await observeSide(repository, 'local', { ...options, confirmMissing: true });
  const bodiesRead = await settleContents(repository, options.mailboxes);
  await noteFetched(repository);
  const records = [...(await repository.store.all('mailbox', '')).values()];
  return {
    mailboxes: remote.mailboxes,
    messages: records.reduce((sum, record) => sum + (record.sides.remote?.cursor.count ?? 0), 0),
    changes: remote.changes,
    bodiesRead,
    problems: [...remote.problems, ...local.problems],
    unread: [...remote.unread, ...local.unread],
    sides: { remote, local },
  };
}

async function noteFetched(repository: Repository): Promise<void> {
  const { store } = repository;
  const meta = await store.get('meta', '', 'repository');
  if (meta === undefined)
    throw new PosternError('state-damaged', 'the state does not say which repository it belongs to');
  const value = { ...meta, fetched: repository.clock.now() };
  await store.write([{ put: 'meta', mailbox: '', key: 'repository', value }], { durable: false });
}
