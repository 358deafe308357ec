/** What the upper case letters of a file name say (maildir(5)); \Deleted is `T`, $Forwarded is `P` (passed). */
export const SYSTEM_LETTERS: readonly (readonly [letter: string, flag: string])[] = [
  ['D', '\\Draft'],
  ['F', '\\Flagged'],
  ['P', '$Forwarded'],
  ['R', '\\Answered'],
  ['S', '\\Seen'],
  ['T', '\\Deleted'],
];
