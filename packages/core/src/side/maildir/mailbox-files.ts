import { LEVEL, RENAMING, UNFINISHED, WITNESS } from './mailbox-tree.js';
import type { Octets } from './octets.js';

/** Files beside cur, new and tmp that mean nothing without their mailbox: ours, the format's, Dovecot's and mbsync's. */
export function isOfMailbox(name: Octets): boolean {
  if (name === UNFINISHED || name === LEVEL || name.startsWith(WITNESS) || name.startsWith(RENAMING))
    return true;
  if (/^(?:maildirfolder|maildirsize|\.uidvalidity)$/.test(name)) return true;
  // A lock says that Dovecot is at work here.
  return /^dovecot[-.]/.test(name) && !name.endsWith('.lock');
}
