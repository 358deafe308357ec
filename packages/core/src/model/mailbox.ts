import { PosternError } from './error.js';

/**
 * The name of a mailbox: decoded UTF-8, `/` between levels, the personal namespace's prefix stripped, INBOX in upper
 * case. Inside a level `\2f` stands for a slash, `\5c` for a backslash and `\26` for an ampersand that the server sent
 * raw because what follows is not valid modified UTF-7 (RFC 3501 §5.1.3): the mapping is reversible.
 */
export type MailboxName = string & { readonly __brand: 'MailboxName' };

export const INBOX = 'INBOX' as MailboxName;

/** Octets a level may have: one directory name of a common file system. */
const LONGEST_LEVEL = 255;
const LONGEST_NAME = 1000;

/** Why a text is no mailbox name we handle, or undefined when it is one. */
export function mailboxNameFault(text: string): string | undefined {
  if (text === '') return 'it is empty';
  if (/[\u0000-\u001f\u007f-\u009f]/.test(text)) return 'it holds control characters';
  if (/[\u202a-\u202e\u2066-\u2069]/.test(text)) return 'it holds bidirectional controls';
  if (!text.isWellFormed()) return 'it is not valid Unicode';
  if (Buffer.byteLength(text) > LONGEST_NAME) return `it is longer than ${LONGEST_NAME} octets`;
  for (const level of text.split('/')) {
    if (level === '') return 'it has an empty level';
    if (level === '.' || level === '..') return `it has the level "${level}"`;
    if (Buffer.byteLength(level) > LONGEST_LEVEL) return `it has a level longer than ${LONGEST_LEVEL} octets`;
    if (/\\(?!2f|5c|26)/.test(level)) return 'it has a backslash that is not \\2f, \\5c or \\26';
  }
  return undefined;
}

/** Parses a name from outside. INBOX is the same in any case (RFC 3501 §5.1), also as the first level. */
export function mailboxName(text: string): MailboxName {
  const fault = mailboxNameFault(text);
  if (fault !== undefined) {
    throw new PosternError('failed', `not a mailbox name that can be handled: ${fault}`, {
      hint: `the name was ${JSON.stringify(text)}`,
    });
  }
  return canonical(text);
}

/** Like `mailboxName`, but undefined where the text is no name. */
export function toMailboxName(text: string): MailboxName | undefined {
  return mailboxNameFault(text) === undefined ? canonical(text) : undefined;
}

function canonical(text: string): MailboxName {
  const [first, ...rest] = text.split('/');
  const level = first!.toUpperCase() === 'INBOX' ? 'INBOX' : first!;
  return [level, ...rest].join('/') as MailboxName;
}

/** The levels with their escapes undone (`\26` stays: only the IMAP side gives it a meaning). */
export function levelsOf(mailbox: MailboxName): string[] {
  return mailbox.split('/').map(level => level.replaceAll('\\2f', '/').replaceAll('\\5c', '\\'));
}

/** A level as it stands inside a mailbox name. */
export function escapeLevel(raw: string): string {
  return raw.replaceAll('\\', '\\5c').replaceAll('/', '\\2f');
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
