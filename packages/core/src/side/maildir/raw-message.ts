import type { MailboxName } from '../../model/mailbox.js';
import type { MessageKey } from '../../model/row.js';
import { fileChunks } from './file-chunks.js';
import { baseOf, parseFileName } from './file-name.js';
import type { MaildirLayout } from './layout.js';
import { findFile } from './mail-file.js';
import { MailboxKeywords } from './mailbox-keywords.js';
import { holdsMail, readTree } from './mailbox-tree.js';
import { type Octets, octetsOfText } from './octets.js';
import { MailDirectories, takePass } from './scan-pass.js';

export interface RawMessage {
  readonly mailbox: MailboxName;
  /** The file's bytes as they are. */
  readonly chunks: Iterable<Uint8Array>;
}

/**
 * The messages of a Maildir with this key, or file name (flags and directories in front do not count): one, or several
 * where mailboxes have files of the same name.
 */
export function findRawMessages(
  { root, layout }: { readonly root: string; readonly layout: MaildirLayout },
  name: string,
): RawMessage[] {
  const last = name.slice(name.lastIndexOf('/') + 1);
  const plain = parseFileName(octetsOfText(last)).base;
  const base: Octets = baseOf(plain as string as MessageKey) ?? plain;
  const found: RawMessage[] = [];
  const tree = readTree(octetsOfText(root), layout);
  for (const [mailbox, place] of tree.places) {
    if (!holdsMail(place)) continue;
    const directories = new MailDirectories(mailbox, place.path, new MailboxKeywords());
    const file = findFile(directories, takePass(directories).spots.get(base) ?? []);
    if (file.kind === 'file') found.push({ mailbox, chunks: fileChunks(file.path) });
  }
  return found;
}
