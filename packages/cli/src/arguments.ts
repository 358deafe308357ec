import { PosternError } from '@postern/core/model/error.js';
import { printable } from '@postern/core/model/escape-text.js';
import { type MailboxName, mailboxName, mailboxNameFault } from '@postern/core/model/mailbox.js';

/** Mailbox names from the command line; undefined when none was given, which means all. Throws `usage`. */
export function mailboxArguments(names: readonly string[]): MailboxName[] | undefined {
  if (names.length === 0) return undefined;
  return [...new Set(names.map(mailboxArgument))];
}

function mailboxArgument(text: string): MailboxName {
  const fault = mailboxNameFault(text);
  if (fault === undefined) return mailboxName(text);
  throw new PosternError('usage', `"${printable(text)}" is no mailbox name: ${fault}`, {
    hint: 'names are written as postern status shows them, with / between levels',
  });
}

/** A whole number from the command line; undefined when the option was not given. Throws `usage`. */
export function numberOption(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new PosternError('usage', `${option} wants a whole number, not "${printable(text)}"`);
}

/** One of some words from the command line; undefined when the option was not given. Throws `usage`. */
export function choiceOption<T extends string>(
  option: string,
  text: string | undefined,
  choices: readonly T[],
): T | undefined {
  if (text === undefined) return undefined;
  const choice = choices.find(candidate => candidate === text);
  if (choice !== undefined) return choice;
  throw new PosternError('usage', `${option} is one of ${choices.join(', ')}, not "${printable(text)}"`);
}
