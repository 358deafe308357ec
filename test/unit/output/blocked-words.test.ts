import { INBOX } from '@postern/core/model/mailbox.js';
import type { MessageKey, Row } from '@postern/core/model/row.js';
import { expect, it } from 'vitest';
import { blockedWords } from '../../../packages/cli/src/output/blocked-words.js';

const mailbox = { mailbox: INBOX, reason: 'not listed' };
const key = '1.host' as MessageKey;
const row: Row = { key, flags: [], date: 0, envelope: {}, identity: { digest: '', size: 1 } };
const here = { ...mailbox, local: row };
const there = { ...mailbox, remote: row };
const unreadable = { ...mailbox, key };

it.each([
  [[here], '1 message blocked'],
  [[here, there], '2 messages blocked'],
  [[unreadable], '1 message blocked'],
  [[mailbox], '1 mailbox blocked'],
  [[mailbox, mailbox], '2 mailboxes blocked'],
  [[here, mailbox, unreadable], '2 messages and 1 mailbox blocked'],
])('of what is blocked, mailboxes are told from messages: %#', (blocked, words) => {
  expect(blockedWords(blocked)).toBe(words);
});
