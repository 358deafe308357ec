import { bug, type ErrorCode, errnoOf, PosternError } from '../../model/error.js';
import { type Octets, printable } from './octets.js';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it is not there',
  ENOTDIR: 'it is not a directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EIO: 'input/output error',
  ESTALE: 'the file system is gone',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'a symbolic link',
  ENOSPC: 'no space left',
  EDQUOT: 'over quota',
  EFBIG: 'the file would be too large',
  EROFS: 'the file system is read-only',
  EXDEV: 'it is on another file system',
  EEXIST: 'the name is taken',
  EINVAL: 'the file system takes no such name; a Maildir needs one that takes ":"',
};

/** Whether the system said no; anything else is a crash, a bug, or what was said of one before. */
export function isSystemError(error: unknown): error is Error & { readonly code: string } {
  return errnoOf(error) !== undefined && !(error instanceof PosternError);
}

/** A system error as a reason for people. Anything else (a crash, a bug) is thrown on as it is. */
export function reasonOf(error: unknown): string {
  if (!isSystemError(error)) throw error;
  return REASONS[error.code] ?? error.code;
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'disk-full',
  EDQUOT: 'disk-full',
  EROFS: 'read-only',
  EACCES: 'read-only',
  EPERM: 'read-only',
};

/** A failed write in the words of the port; what is no system error is returned as it is. */
export function writeError(
  error: unknown,
  what: string,
  details: { readonly mailbox?: string } = {},
): unknown {
  if (!isSystemError(error)) return error;
  return new PosternError(CODES[error.code] ?? 'failed', `${what}: ${reasonOf(error)}`, {
    cause: error,
    ...details,
  });
}

/** A failed write in a mailbox: the others may be well. `path` is its directory. */
export function mailboxUnwritable(error: unknown, mailbox: string, path?: Octets): unknown {
  const where = path === undefined ? '' : ` (${printable(path)})`;
  return writeError(error, `the mailbox ${mailbox}${where} cannot be written`, { mailbox });
}

/** A failed look at a mailbox: never an empty mailbox. */
export function mailboxUnreadable(mailbox: string, error: unknown): PosternError {
  return new PosternError('mailbox-unreadable', `the mailbox ${mailbox} cannot be read: ${reasonOf(error)}`, {
    cause: error,
  });
}

/** Whether the file system has no hard links, by what `link` answered. */
export function meansNoLinks(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errnoOf(error) ?? '');
}

/** Names an operation for a path: no separators, no dots in front. */
export function safeSegment(segment: string): string {
  return /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/.test(segment)
    ? segment
    : bug(`unsafe path segment ${segment}`);
}
