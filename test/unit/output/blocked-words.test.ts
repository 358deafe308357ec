import { expect, it } from 'vitest';
import { blockedWords } from '../../../packages/cli/src/output/blocked-words.js';

const message = { local: {} as never };
const mailbox = {};

it.each([
  [[message], '1 message blocked'],
  [[message, { remote: {} as never }], '2 messages blocked'],
  [[mailbox], '1 mailbox blocked'],
  [[mailbox, mailbox], '2 mailboxes blocked'],
  [[message, mailbox, message], '2 messages and 1 mailbox blocked'],
])('blocked mailboxes are not called messages: %#', (blocked, words) => {
  expect(blockedWords(blocked)).toBe(words);
});
