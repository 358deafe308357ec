import { PosternError } from '../../model/error.js';
import type { MailboxName } from '../../model/mailbox.js';
import type { MaildirLayout } from './layout.js';
import { directoryNames } from './mailbox-path.js';
import type { MailboxTree } from './mailbox-tree.js';
import { isTwinName } from './name-on-disk.js';
import { join, type Octets } from './octets.js';

/** A Maildir as it was read just now. */
export interface Ground {
  readonly tree: MailboxTree;
  readonly root: Octets;
  readonly layout: MaildirLayout;
}

/** Where a mailbox is, or is to be made: below the level that is there, under the names postern writes. */
export function pathForNew({ tree, root, layout }: Ground, mailbox: MailboxName): Octets {
  const names = directoryNames(mailbox, { layout, encoding: tree.encoding });
  if (names === undefined) {
    throw new PosternError(
      'failed',
      `the mailbox ${mailbox} cannot be made: its name is too long for a directory`,
      { mailbox },
    );
  }
  const levels = layout === 'fs' ? mailbox.split('/') : [mailbox];
  let path = root;
  for (const [index, name] of names.entries()) {
    const level = levels.slice(0, index + 1).join('/') as MailboxName;
    if (tree.contested.has(level)) {
      throw new PosternError('failed', `the mailbox ${mailbox} cannot be made: its directory is contested`, {
        hint: 'remove the symbolic link, or rename one of the directories of this name',
        mailbox,
      });
    }
    const place = tree.places.get(level)?.path;
    path = place ?? join(path, name);
    if (place === undefined && isTwinName(path)) throw twinName(mailbox);
  }
  return path;
}

function twinName(mailbox: MailboxName): PosternError {
  return new PosternError(
    'failed',
    `the mailbox ${mailbox} cannot be made: this file system takes its name for that of another directory`,
    {
      hint: 'give one of the two mailboxes another name on the server, or leave one out of the scope',
      mailbox,
    },
  );
}
