import { sameFlags } from '../../model/flags.js';
import { contentOfChunks } from '../../model/identity.js';
import type { Epoch, MessageKey, Row } from '../../model/row.js';
import { readBodies } from './bodies.js';
import { currentRows } from './current-rows.js';
import { goneOf } from './look.js';
import { takeGuardedRows } from './recent-look.js';
import type { Opened } from './selection.js';
import { uidOf } from './uid-set.js';

/** A message as the caller knows it, and what of that must still be so. */
export interface Expected {
  readonly row: Row;
  /** `any`: the flags may have changed meanwhile. */
  readonly flags: 'same' | 'any';
  /** The content is compared too. */
  readonly content?: string | undefined;
}

export type Unexpected =
  | { readonly kind: 'gone' }
  | { readonly kind: 'changed'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

export interface Verified {
  /** The messages that are what the caller expects, as they are now, by UID. */
  readonly live: ReadonlyMap<number, Row>;
  /** All others. */
  readonly others: ReadonlyMap<MessageKey, Unexpected>;
  /** The messages are what they were a moment ago. */
  readonly isRecent: boolean;
}

/**
 * Looks which messages of the open mailbox still are what the caller expects (SAFETY I6, I9). `guarded`: the server leaves alone
 * what changed since it was looked at, so that a look of a moment ago serves.
 */
export async function verify(
  opened: Opened,
  epoch: Epoch,
  expected: readonly Expected[],
  guarded = false,
): Promise<Verified> {
  const { session, selection } = opened;
  const keys = expected.map(({ row }) => row.key);
  const recent = guarded ? takeGuardedRows(selection, keys) : undefined;
  const rows = recent ?? (await currentRows(opened, keys));
  const gone = await goneOf(session, selection, keys, rows);
  const contents = await contentsOf(opened, epoch, contentQuestions(expected, rows));
  const live = new Map<number, Row>();
  const others = new Map<MessageKey, Unexpected>();
  for (const each of expected) {
    const { key } = each.row;
    const row = rows.get(key);
    if (gone.has(key)) others.set(key, { kind: 'gone' });
    else if (row === undefined) {
      others.set(key, { kind: 'refused', reason: 'the server does not describe it' });
    } else {
      const reason = difference(each, row, contents.get(key));
      if (reason === undefined) live.set(uidOf(key)!, row);
      else others.set(key, { kind: 'changed', reason });
    }
  }
  return { live, others, isRecent: recent !== undefined };
}

/** Contents are compared where the caller asks for it, and where sizes differ and the content is known. */
function contentQuestions(expected: readonly Expected[], rows: ReadonlyMap<MessageKey, Row>): Row[] {
  return expected.flatMap(({ row: { key, identity }, content }) => {
    const row = rows.get(key);
    if (row === undefined || row.identity.digest !== identity.digest) return [];
    const doubtful = row.identity.size !== identity.size && identity.content !== undefined;
    return content !== undefined || doubtful ? [row] : [];
  });
}

async function contentsOf(
  opened: Opened,
  epoch: Epoch,
  rows: readonly Row[],
): Promise<Map<MessageKey, string>> {
  const contents = new Map<MessageKey, string>();
  if (rows.length === 0) return contents;
  await readBodies(opened, epoch, rows, async letter => {
    contents.set(letter.key, await contentOfChunks(letter.chunks));
  });
  return contents;
}

/** In what a message is not the expected one, or undefined when it is. */
function difference(
  { row: expect, flags, content }: Expected,
  row: Row,
  seen: string | undefined,
): string | undefined {
  if (row.identity.digest !== expect.identity.digest && !isRewritten(expect, row)) {
    return 'it is another message now';
  }
  if (row.identity.messageId !== expect.identity.messageId) return 'its Message-ID is another one now';
  if (flags === 'same' && !sameFlags(row.flags, expect.flags)) {
    return `its flags are ${row.flags.join(' ') || 'none'} now, expected were ${expect.flags.join(' ') || 'none'}`;
  }
  if (content !== undefined && seen === undefined) return 'its content cannot be read to compare it';
  const known = content ?? (seen === undefined ? undefined : expect.identity.content);
  return seen !== undefined && known !== undefined && seen !== known
    ? 'its content is another one now'
    : undefined;
}

/**
 * Whether it is the expected message although its header reads otherwise: some servers rewrite the header of what is
 * appended, and we know the message by the header that was sent. Message-ID and arrival (in seconds) must be equal.
 */
function isRewritten(expect: Row, row: Row): boolean {
  const { messageId } = expect.identity;
  const sameArrival = Math.floor(expect.date / 1000) === Math.floor(row.date / 1000);
  return messageId !== undefined && messageId === row.identity.messageId && sameArrival;
}
