import type { Flags } from '@postern/core/model/flags.js';

const LETTERS: Readonly<Record<string, string>> = {
  '\\Answered': 'R',
  '\\Deleted': 'T',
  '\\Draft': 'D',
  '\\Flagged': 'F',
  '\\Seen': 'S',
  $Forwarded: 'P',
};

/** The letters of a Maildir file's info, in ASCII order; flags without a letter are left out. */
export function flagLetters(flags: Flags): string {
  return flags
    .map(flag => LETTERS[flag] ?? '')
    .sort()
    .join('');
}
