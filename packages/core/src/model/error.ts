/**
 * Errors for life: each code stands in this table once, with the exit status it ends a command with.
 * docs/reference/errors.md shows the same table; a test compares them.
 */
export const ERROR_EXITS = {
  failed: 1,
  'plan-invalid': 1,
  'import-invalid': 1,
  'disk-full': 1,
  'read-only': 1,
  'mailbox-unreadable': 1,
  'snapshot-incomplete': 1,
  'server-refused': 1,
  'state-damaged': 4,
  'state-missing': 4,
  'state-version': 4,
  'state-foreign': 4,
  busy: 5,
  'side-missing': 6,
  'held-back': 6,
  usage: 64,
  unreachable: 75,
  'try-later': 75,
  'tls-refused': 76,
  'login-refused': 77,
  'config-wrong': 78,
  'no-repository': 78,
  interrupted: 130,
} as const;

export type ErrorCode = keyof typeof ERROR_EXITS;

export interface ErrorDetails {
  /** What a person can do next, one sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** The mailbox that the failure is about, where every other one may be well. */
  readonly mailbox?: string;
}

/** An expected failure. It becomes words in one place, in the command line's output. */
export class PosternError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly mailbox: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'PosternError';
    this.code = code;
    this.hint = details.hint;
    this.mailbox = details.mailbox;
  }
}

const ONE_MAILBOX: ReadonlySet<ErrorCode> = new Set([
  'mailbox-unreadable',
  'snapshot-incomplete',
  'server-refused',
]);

/** Whether a failure concerns one mailbox, so that a run goes on with the others. */
export function isOneMailboxOnly(error: unknown): error is PosternError {
  return error instanceof PosternError && (error.mailbox !== undefined || ONE_MAILBOX.has(error.code));
}

/** Whether one mailbox could not be read; the others may be. */
export function isMailboxUnread(error: unknown): error is PosternError {
  return (
    error instanceof PosternError &&
    (error.code === 'mailbox-unreadable' || error.code === 'snapshot-incomplete')
  );
}

/** One of our own promises is broken. Never caught to go on. */
export class Bug extends Error {
  override readonly name = 'Bug';
}

export function bug(what: string): never {
  throw new Bug(`postern broke a promise of its own: ${what}`);
}

/** Closes an exhaustive switch: a case that was forgotten does not compile. */
export function unreachable(value: never): never {
  return bug(`unexpected ${JSON.stringify(value)}`);
}

/** The code of a Node system error (`ENOENT`, …), or undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : undefined;
}
