import type { BySide, SideName } from './by-side.js';
import type { Flags } from './flags.js';
import type { Envelope, Identity } from './identity.js';
import type { MailboxName } from './mailbox.js';
import type { End } from './pair.js';

/** Every op a plan may hold, in the order apply runs them. Names are for life (docs/reference/plan.md). */
export const OPS = [
  'create-mailbox-local',
  'create-mailbox-remote',
  'rename-mailbox-local',
  'rename-mailbox-remote',
  'pair',
  'move-local',
  'move-remote',
  'copy-local',
  'copy-remote',
  'download',
  'upload',
  'flag-local',
  'flag-remote',
  'delete-local',
  'delete-remote',
  'delete-mailbox-local',
  'delete-mailbox-remote',
  'unpair',
] as const;

export type Op = (typeof OPS)[number];

/** What a plan line says of a message: enough to recognise it, and for a person to know which one it is. */
export interface MessageNote extends Envelope {
  readonly messageId?: string;
  readonly digest: string;
  readonly size: number;
}

/**
 * One step of a plan with everything it expects. `remote` and `local` name the ends the step is about; what each op
 * requires stands in plan/schema.ts.
 */
export interface Action {
  readonly op: Op;
  /** The same action has the same id in two plans. */
  readonly id: string;
  readonly mailbox: MailboxName;
  readonly to?: MailboxName;
  readonly remote?: End;
  readonly local?: End;
  /** Flags on the side the change comes from, when the plan was made. */
  readonly flags?: Flags;
  readonly add?: Flags;
  readonly remove?: Flags;
  readonly message?: MessageNote;
  /** A `delete-local` of a duplicate: the same message, which stays. */
  readonly keep?: BySide<End>;
  readonly why: string;
  /** A person should look. Such lines only ever add mail. */
  readonly conflict?: true;
}

/** The side an op writes to; `pair` and `unpair` write to the base only. */
export function sideWritten(op: Op): SideName | undefined {
  if (op.endsWith('-local') || op === 'download') return 'local';
  if (op.endsWith('-remote') || op === 'upload') return 'remote';
  return undefined;
}

/** A message of one side is brought to the other. */
export function isDelivery(op: Op): boolean {
  return op === 'download' || op === 'upload';
}

export function isDeletion(op: Op): boolean {
  return op === 'delete-local' || op === 'delete-remote';
}

export function noteOf({ messageId, digest, size }: Identity, envelope: Envelope): MessageNote {
  return messageId === undefined ? { digest, size, ...envelope } : { messageId, digest, size, ...envelope };
}
