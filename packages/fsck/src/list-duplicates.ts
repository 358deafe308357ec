import type { MailboxName } from '@postern/core/model/mailbox.js';
import type { Problem } from '@postern/core/model/row.js';
import { observeSide } from '@postern/core/observe/observe-side.js';
import type { Progress, Repository } from '@postern/core/state/repository.js';
import { type DuplicateGroup, findDuplicates } from './find-duplicates.js';

export interface ListOptions {
  readonly mailboxes?: readonly MailboxName[];
  readonly progress?: Progress;
}

/** Scans the local side, and hands over what is there twice. Returns what could not be scanned. */
export async function listDuplicates(
  repository: Repository,
  options: ListOptions,
  take: (group: DuplicateGroup) => Promise<void> | void,
): Promise<readonly Problem[]> {
  const { problems } = await observeSide(repository, 'local', options);
  for await (const group of findDuplicates(repository.store, options.mailboxes)) await take(group);
  return problems;
}
