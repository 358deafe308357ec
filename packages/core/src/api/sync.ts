import { type ApplyReport, applyActions } from '../apply/apply-actions.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Outcome } from '../model/outcome.js';
import type { Progress, Repository } from '../state/repository.js';
import { type FetchReport, fetchRemote } from './fetch.js';
import { makePlan, type Plan } from './plan.js';

export interface SyncOptions {
  readonly mailboxes?: readonly MailboxName[];
  readonly maxDelete?: number;
  readonly allowEmpty?: boolean;
  readonly onOutcome?: (outcome: Outcome) => void;
  readonly progress?: Progress;
}

export interface SyncReport {
  readonly fetch: FetchReport;
  readonly plan: Plan;
  readonly apply: ApplyReport;
}

/** fetch, plan and apply in one go. */
export async function sync(repository: Repository, options: SyncOptions = {}): Promise<SyncReport> {
  const fetch = await fetchRemote(repository, options);
  const plan = await makePlan(repository, options);
  const apply = await applyActions(repository, plan.actions, { ...options, fetched: true });
  return { fetch, plan, apply };
}
