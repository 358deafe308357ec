import { printable } from '@postern/core/model/escape-text.js';
import type { DuplicateGroup } from '@postern/fsck/find-duplicates.js';
import { messageWords } from './message-words.js';

/** A message that is there more than once: lines for a person. */
export function* duplicateLines({ mailbox, by, copies }: DuplicateGroup): Generator<string> {
  const [first] = copies;
  if (first === undefined) return;
  const what = by === 'content' ? 'the same message' : 'one Message-ID, other contents';
  yield `${printable(mailbox)}: ${copies.length} × ${what}: ${messageWords(first.row.envelope)}`;
  for (const [index, { row, stays }] of copies.entries()) {
    const fate = stays ?? (index === 0 ? 'stays' : 'goes, with --plan');
    yield `  ${printable(row.key)}${by === 'content' ? `: ${printable(fate)}` : ''}`;
  }
}

/** The same for programs, one object a group. */
export function duplicateJson({ mailbox, by, messageId, copies }: DuplicateGroup): Record<string, unknown> {
  return {
    mailbox,
    by,
    ...(messageId === undefined ? {} : { messageId }),
    copies: copies.map(({ row, pair, stays }, index) => ({
      local: row.key,
      ...(pair === undefined ? {} : { remote: pair.remote.key }),
      flags: row.flags,
      date: new Date(row.date).toISOString(),
      size: row.identity.size,
      ...row.envelope,
      ...(row.identity.content === undefined ? {} : { content: row.identity.content }),
      keep: by === 'message-id' || stays !== undefined || index === 0,
      ...(stays === undefined ? {} : { stays }),
    })),
  };
}
