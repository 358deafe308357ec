import { createHash } from 'node:crypto';
import type { Action } from '../model/action.js';
import type { End } from '../model/pair.js';

/**
 * The id of an action: 24 hex digits of SHA-256 over the repository and what the action is about. The same action has the
 * same id in two plans; a line whose target was edited no longer has its id, and apply refuses it.
 */
export function actionId(repository: string, action: Omit<Action, 'id'>): string {
  const end = (value: End | undefined) => (value === undefined ? '' : `${value.epoch}:${value.key}`);
  const parts = [
    repository,
    action.op,
    action.mailbox,
    action.to ?? '',
    end(action.remote),
    end(action.local),
    action.message?.digest ?? '',
    ...(action.keep === undefined ? [] : [end(action.keep.remote), end(action.keep.local)]),
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 24);
}
