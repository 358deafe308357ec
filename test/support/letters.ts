import { type Flags, NO_FLAGS } from '@postern/core/model/flags.js';
import { ContentHasher } from '@postern/core/model/identity.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import type { Epoch, MessageKey, Row } from '@postern/core/model/row.js';
import type { DeliveryBatch, DeliveryOutcome, Letter, Side, Slot } from '@postern/core/side/side.js';

export interface LetterParts {
  readonly flags?: Flags;
  /** Milliseconds since the epoch. */
  readonly date?: number;
  readonly key?: string;
  /** Size of the chunks. Default 64 KiB. */
  readonly chunk?: number;
}

/** A message as it comes from the other side. */
export function letter(bytes: Buffer, parts: LetterParts = {}): Letter {
  const size = parts.chunk ?? 64 * 1024;
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  return {
    key: (parts.key ?? 'elsewhere') as MessageKey,
    flags: parts.flags ?? NO_FLAGS,
    date: parts.date ?? 1_600_000_000_000,
    chunks: chunks(),
  };
}

/** The content hash of bytes in wire form, as an identity has it. */
export function contentOf(bytes: Uint8Array): string {
  const hasher = new ContentHasher();
  hasher.update(bytes);
  return hasher.finish().content;
}

/** The same in one piece, as a server's letters are. */
export function wholeLetter(bytes: Buffer, parts: LetterParts = {}): Letter {
  return { ...letter(bytes, parts), chunks: [bytes] };
}

/** A batch in which these letters are staged, in the order of its slots. */
export async function stageAll(
  side: Side,
  mailbox: MailboxName,
  letters: readonly Letter[],
): Promise<{ readonly batch: DeliveryBatch; readonly slots: readonly Slot[] }> {
  const batch = await side.deliver(mailbox);
  const slots = await batch.prepare(letters.length);
  for (const [index, one] of letters.entries()) await batch.stage(slots[index]!, one);
  return { batch, slots };
}

/** Delivers messages in one batch, the way apply does. */
export async function deliverAll(
  side: Side,
  mailbox: MailboxName,
  letters: readonly Letter[],
): Promise<readonly DeliveryOutcome[]> {
  const { batch } = await stageAll(side, mailbox, letters);
  await batch.inspect();
  return batch.publish();
}

/** The bytes of messages by key; those that were passed over are missing. */
export async function readAll(
  side: Side,
  mailbox: MailboxName,
  epoch: Epoch,
  rows: Iterable<Row>,
): Promise<Map<MessageKey, Buffer>> {
  const found = new Map<MessageKey, Buffer>();
  await side.read(mailbox, epoch, [...rows], async ({ key, chunks }) => {
    const parts: Buffer[] = [];
    for await (const chunk of chunks) parts.push(Buffer.from(chunk));
    found.set(key, Buffer.concat(parts));
  });
  return found;
}
