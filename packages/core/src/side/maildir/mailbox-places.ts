import { PosternError } from '../../model/error.js';
import type { MailboxName } from '../../model/mailbox.js';
import type { MaildirLayout } from './layout.js';
import { type MailboxPlace, type MailboxTree, readTree } from './mailbox-tree.js';
import type { Octets } from './octets.js';
import { pathForNew } from './path-for-new.js';

/** Where the mailboxes of a Maildir lie, as they were read last. To read them costs a listing of each. */
export class MailboxPlaces {
  readonly root: Octets;
  readonly layout: MaildirLayout;
  #tree: MailboxTree | undefined;

  /** With what somebody else read last, where there is such. */
  constructor(root: Octets, layout: MaildirLayout, tree?: MailboxTree) {
    this.root = root;
    this.layout = layout;
    this.#tree = tree;
  }

  /** The tree as it is now. */
  read(): MailboxTree {
    this.#tree = readTree(this.root, this.layout);
    return this.#tree;
  }

  /** The tree as it was read last, or now where it was not. */
  lately(): MailboxTree {
    return this.#tree ?? this.read();
  }

  /** What was read last, where anything was. */
  get last(): MailboxTree | undefined {
    return this.#tree;
  }

  /** What was read counts no more. */
  forget(): void {
    this.#tree = undefined;
  }

  /** A mailbox was made where a tree that was read for it says. */
  noteMade(tree: MailboxTree, mailbox: MailboxName, path: Octets): void {
    const places = new Map(tree.places).set(mailbox, { path, selectable: true });
    this.#tree = { ...tree, places };
  }

  pathForNew(tree: MailboxTree, mailbox: MailboxName): Octets {
    return pathForNew({ tree, root: this.root, layout: this.layout }, mailbox);
  }

  /** A mailbox that an earlier listing did not show is looked for once more: another program may have made it. */
  find(mailbox: MailboxName): MailboxPlace {
    const selectable = (tree: MailboxTree | undefined) => {
      const place = tree?.places.get(mailbox);
      return place?.selectable ? place : undefined;
    };
    const place = selectable(this.#tree) ?? selectable(this.read());
    if (place !== undefined && !place.isHalf) return place;
    const why = place?.isHalf
      ? 'its rename was not finished'
      : this.#tree?.contested.has(mailbox)
        ? 'its directory is a symbolic link, not the only one of this name, or the one of another mailbox too'
        : 'there is no such mailbox';
    throw new PosternError('mailbox-unreadable', `the mailbox ${mailbox} cannot be read: ${why}`);
  }
}
