import type { Action } from '@postern/core/model/action.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import type { Epoch, MessageKey } from '@postern/core/model/row.js';
import { NO_EPOCH } from '@postern/core/model/row.js';
import { actionId } from '@postern/core/plan/action-id.js';
import { lineOf } from '@postern/core/plan/line.js';
import { type ReadPlan, readPlan } from '@postern/core/plan/read-plan.js';

export const REPOSITORY = 'r1';

export const remote = { epoch: '1795323186' as Epoch, key: '42' as MessageKey };
export const local = { epoch: NO_EPOCH, key: '1700000000.M1P1Q1.host' as MessageKey };
const message = { messageId: '<a@example.org>', digest: '0'.repeat(32), size: 1944, subject: 'Hello' };

type Draft = Omit<Action, 'id' | 'mailbox' | 'why'> & Partial<Pick<Action, 'mailbox'>>;

/** An action with its id. */
export function action(draft: Draft): Action {
  const whole = { mailbox: INBOX, why: 'a test', ...draft };
  return { ...whole, id: actionId(REPOSITORY, whole) };
}

/** One action of every op the format has a line for now, valid. */
export const ACTIONS: Readonly<Record<string, Action>> = {
  create: action({ op: 'create-mailbox-local', mailbox: 'Work' as Action['mailbox'] }),
  pair: action({ op: 'pair', remote, local, message }),
  download: action({ op: 'download', remote, flags: ['\\Seen'], message }),
  upload: action({ op: 'upload', local, flags: [], message }),
  flag: action({ op: 'flag-local', remote, local, flags: ['\\Seen'], add: ['\\Seen'], message }),
  unflag: action({ op: 'flag-remote', remote, local, flags: [], remove: ['\\Seen'], message }),
  delete: action({ op: 'delete-remote', remote, local, message }),
  unpair: action({ op: 'unpair', remote, local, message }),
};

export const HEADER = {
  op: 'plan',
  version: 1,
  repository: REPOSITORY,
  remote: 'imaps://me@imap.example.org',
  local: 'maildir:/home/me/Mail',
  created: '2026-11-22T05:00:00.000Z',
  actions: 1,
};

export function lineText(one: Action, changes: Record<string, unknown> = {}): string {
  const line: Record<string, unknown> = { ...lineOf(one), ...changes };
  for (const [name, value] of Object.entries(changes)) if (value === undefined) delete line[name];
  return JSON.stringify(line);
}

/** A line whose id was computed anew for what it says: the shape alone decides. */
export function readText(text: string | readonly (string | Uint8Array)[]): Promise<ReadPlan> {
  async function* chunks() {
    yield* typeof text === 'string' ? [text] : text;
  }
  return readPlan(chunks(), REPOSITORY);
}

/** Why a plan is refused: `code: message`, or the number of its actions. */
export async function refusal(text: string | readonly (string | Uint8Array)[]): Promise<string> {
  try {
    return `${(await readText(text)).actions.length} actions`;
  } catch (error) {
    const { code, message: words } = error as { code?: string; message: string };
    return `${code}: ${words}`;
  }
}
