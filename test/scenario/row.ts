import type { ErrorCode } from '@postern/core/model/error.js';
import type { MemorySideOptions } from '../support/memory-side.js';
import type { ServerName } from './stage-servers.js';

/**
 * One scenario. The notation is the catalogue's (a message is `name R/B/L`):
 *
 *     a S/=/·          R, L: ∅ absent, · present without flags, or letters D F P R S T and {keyword}
 *     Work:b F/–/∅     B: – no pair; = a pair without flags; =FS a pair with flags. INBOX unless a mailbox is named
 *     m1..25 ·/=/·     m1, m2, … m25
 *     a'               a twin of a: the same bytes.   a'' another one
 *     ~a               a's header, other bytes.       ^a  a's Message-ID, another header and other bytes
 *     ?a               without Message-ID
 *
 * Events, separated by `;`, happen after base was made (stage.ts lists them): `r.flag a +F-S; l.rename b; sync`.
 * A plan is a list of lines: `download a`, `flag-local a +F`, `upload! Work:b` (`!` marks a conflict), `move-local a Work`.
 * A world is a list of messages with their flags on both sides, R/L, or one value where they are equal: `a S, b F/·`.
 */
export interface Row {
  readonly id: string;
  /** One sentence: what happens, and what postern does. */
  readonly says: string;
  readonly given: string;
  /** How base came to be. Default: the pairs were downloaded. */
  readonly by?: 'download' | 'upload' | 'pair';
  readonly events?: string;
  /** Lines of the plan, in any order; `''` for none. */
  readonly plan: string;
  /** How many messages are blocked in the plan; none unless given. */
  readonly blocked?: number;
  /** Planning ends with this error, and nothing happens. */
  readonly error?: ErrorCode;
  /** What a filter or a person does to the plan's lines before apply. */
  readonly edit?: (lines: readonly string[]) => readonly string[];
  /** What happens after the plan was made and before apply. */
  readonly late?: string;
  /** What becomes of the actions, where not all are done: `skipped a, held b`. */
  readonly outcomes?: string;
  /** The exit status of the apply. Default 0, or what the outcomes or the error say. */
  readonly exit?: number;
  /** Both sides right after the apply, where that is not yet the end. */
  readonly after?: string;
  /** Both sides in the end. */
  readonly end: string;
  /** Syncs until the plan is empty, the apply included. Default 1. */
  readonly rounds?: number;
  /** The lines are not tried one by one: a brake holds all or none of them. */
  readonly parts?: 'none';
  /** Lines that stay in the plan for good. */
  readonly lasting?: string;
  /** Other ends that are right when the apply was interrupted, or ran in parts. */
  readonly or?: readonly { readonly end: string; readonly why: string }[];
  readonly options?: RowOptions;
  /** Bytes of messages, where the notation has none. */
  readonly bytes?: Readonly<Record<string, Buffer>>;
  /** Messages whose bytes travel between the remote and us. Default, where something moves: the downloads and uploads. */
  readonly bodies?: number;
  /** Also run on a real Maildir and a real Dovecot. */
  readonly dovecot?: true;
  /** Also run on a real Maildir and every server of stage-servers.ts; or what is otherwise there, and why. */
  readonly real?: true | Partial<Readonly<Record<ServerName, Otherwise>>>;
}

/** How a row goes on another server. */
export interface Otherwise
  extends Partial<
    Pick<Row, 'plan' | 'blocked' | 'outcomes' | 'exit' | 'after' | 'end' | 'rounds' | 'lasting' | 'bodies'>
  > {
  readonly why: string;
  /** This server cannot be brought to do what the row is about. */
  readonly not?: true;
}

export interface RowOptions {
  readonly remote?: Omit<MemorySideOptions, 'seam'>;
  readonly local?: Omit<MemorySideOptions, 'seam'>;
  readonly maxDelete?: number;
  readonly allowEmpty?: boolean;
  /** Minutes that pass between two rounds. */
  readonly pause?: number;
}
