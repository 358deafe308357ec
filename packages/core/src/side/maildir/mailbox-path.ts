import { escapeLevel, type MailboxName, mailboxNameFault, toMailboxName } from '../../model/mailbox.js';
import { decodeModifiedUtf7, encodeModifiedUtf7 } from '../../model/modified-utf7.js';
import { LONGEST_NAME } from './file-name.js';
import type { MaildirLayout } from './layout.js';
import { type Octets, octetsOf, pathBytes } from './octets.js';

/** How names outside ASCII are written on disk; both are read. */
export type NameEncoding = 'modified-utf-7' | 'utf-8';

export interface PathStyle {
  readonly layout: MaildirLayout;
  readonly encoding: NameEncoding;
}

/** Names at the root that are ours: `.postern` itself and files beside the mail. */
const OURS = /^postern/i;
/** Directory and file names of the Maildir format and of the servers that share it (layout fs). */
const TAKEN = /^(?:cur|new|tmp|maildirfolder|maildirsize|subscriptions|dovecot[-.].*)$/i;

/**
 * The directory names from the Maildir's root down to a mailbox, as postern writes them; none for a maildir++ INBOX.
 * Undefined where a name is too long for a directory. `mailboxOf` is the inverse.
 */
export function directoryNames(mailbox: MailboxName, style: PathStyle): Octets[] | undefined {
  const levels = mailbox.split('/').map(level => levelOnDisk(level, style));
  const names =
    style.layout === 'fs'
      ? levels
      : mailbox === 'INBOX'
        ? []
        : [`.${escapeOurs(levels).join('.')}` as Octets];
  return names.every(name => name.length <= LONGEST_NAME) ? names : undefined;
}

/** The mailbox that directory names stand for, or why they stand for none. */
export function mailboxOf(names: readonly Octets[], layout: MaildirLayout): MailboxName | { fault: string } {
  if (layout === 'maildir++' && names.length === 0) return 'INBOX' as MailboxName;
  const onDisk = layout === 'fs' ? names : names[0]!.slice(1).split('.');
  const levels: string[] = [];
  for (const level of onDisk) {
    const text = levelFromDisk(level);
    if (text === undefined) return { fault: 'it is neither UTF-8 nor modified UTF-7' };
    levels.push(text);
  }
  const name = levels.join('/');
  return toMailboxName(name) ?? { fault: mailboxNameFault(name) ?? 'it is no mailbox name' };
}

/** Whether a directory name says that this Maildir's names are written in UTF-8. */
export function hasHighOctets(name: Octets): boolean {
  return /[\x80-\xff]/.test(name);
}

function levelOnDisk(level: string, { layout, encoding }: PathStyle): Octets {
  const escaped = level.replaceAll('.', '\\2e');
  const free = layout === 'fs' && TAKEN.test(level) ? escapeFirst(escaped) : escaped;
  const isAscii = /^[\0-\x7f]*$/.test(free);
  return encoding === 'utf-8' && !isAscii
    ? octetsOf(Buffer.from(free, 'utf8'))
    : (encodeModifiedUtf7(free) as Octets);
}

function escapeOurs(levels: readonly Octets[]): readonly string[] {
  const [first, ...rest] = levels;
  return OURS.test(first!) ? [escapeFirst(first!), ...rest] : levels;
}

function escapeFirst(level: string): string {
  return `\\${level.charCodeAt(0).toString(16)}${level.slice(1)}`;
}

/** Octets outside ASCII are UTF-8; ASCII is modified UTF-7 where it is valid as such, else itself. */
function levelFromDisk(level: string): string | undefined {
  const text = hasHighOctets(level as Octets)
    ? fromUtf8(level as Octets)
    : (decodeModifiedUtf7(level) ?? level);
  return text === undefined ? undefined : undoEscapes(text);
}

function fromUtf8(level: Octets): string | undefined {
  const bytes = pathBytes(level);
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : undefined;
}

/** Undoes the escapes that only the disk needs; a mailbox name keeps `\2f`, `\5c` and `\26`. */
function undoEscapes(text: string): string {
  return text.replace(/\\([0-9a-f]{2})?/g, (all, hex: string | undefined) => {
    if (hex === undefined) return escapeLevel('\\');
    if (hex === '2f' || hex === '5c' || hex === '26') return all;
    const octet = Number.parseInt(hex, 16);
    return octet > 0x20 && octet < 0x7f ? String.fromCharCode(octet) : escapeLevel('\\') + hex;
  });
}
