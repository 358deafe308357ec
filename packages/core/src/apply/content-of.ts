import type { SideName } from '../model/by-side.js';
import { contentOfChunks } from '../model/identity.js';
import type { Row } from '../model/row.js';
import type { Desk } from './desk.js';

/** The content hash of a message, read from the side where nobody has yet; undefined where it cannot be read. */
export async function contentOf(desk: Desk, side: SideName, row: Row): Promise<string | undefined> {
  if (row.identity.content !== undefined) return row.identity.content;
  let content: string | undefined;
  const { sides } = desk.repository;
  await sides[side].read(desk.mailbox, desk.epoch(side), [row], async letter => {
    content = await contentOfChunks(letter.chunks);
  });
  return content;
}
