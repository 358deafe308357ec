import {
  escapeLevel,
  INBOX,
  type MailboxName,
  mailboxNameFault,
  toMailboxName,
} from '../../model/mailbox.js';
import { decodeModifiedUtf7, encodeModifiedUtf7 } from '../../model/modified-utf7.js';

/** How a server spells names: what every name of this account has in common. */
export interface NameStyle {
  /** Between levels; undefined where the server has no hierarchy (NIL). */
  readonly separator: string | undefined;
  /** Of the personal namespace, with its separator: `INBOX.`, or empty. */
  readonly prefix: string;
  /** Prefixes of other users' and shared namespaces (RFC 2342), raw. */
  readonly otherPrefixes: readonly string[];
}

export type ReadName =
  | { readonly kind: 'name'; readonly mailbox: MailboxName }
  | { readonly kind: 'fault'; readonly reason: string };

/** What we call a mailbox that the server lists as `raw` with this separator (null: NIL). */
export function readRawName(raw: string, separator: string | null, style: NameStyle): ReadName {
  if (raw.includes('\ufffd')) return { kind: 'fault', reason: 'its name is not valid UTF-8' };
  if (raw.toUpperCase() === 'INBOX') return { kind: 'name', mailbox: INBOX };
  const own = style.prefix !== '' && raw.startsWith(style.prefix) && raw.length > style.prefix.length;
  const stripped = own ? raw.slice(style.prefix.length) : raw;
  const levels = separator === null || separator === '' ? [stripped] : stripped.split(separator);
  const text = levels.map(readLevel).join('/');
  const fault = mailboxNameFault(text);
  if (fault !== undefined) return { kind: 'fault', reason: fault };
  return { kind: 'name', mailbox: toMailboxName(text)! };
}

/** A level that is no valid modified UTF-7 is kept as it is, its ampersands escaped. */
function readLevel(raw: string): string {
  const text = decodeModifiedUtf7(raw);
  return text === undefined ? escapeLevel(raw).replaceAll('&', '\\26') : escapeLevel(text);
}

export type RawName =
  | { readonly kind: 'raw'; readonly raw: string }
  | { readonly kind: 'fault'; readonly reason: string };

/** How a mailbox is spelled on the wire that was not in the last listing. */
export function rawNameOf(mailbox: MailboxName, style: NameStyle): RawName {
  if (mailbox === INBOX) return { kind: 'raw', raw: 'INBOX' };
  const levels = mailbox.split('/').map(writeLevel);
  const { separator } = style;
  if (separator === undefined && levels.length > 1) {
    return { kind: 'fault', reason: 'the server has no mailboxes inside mailboxes' };
  }
  if (separator !== undefined && levels.some(level => level.includes(separator))) {
    return {
      kind: 'fault',
      reason: `its name holds "${separator}", which stands between levels on the server`,
    };
  }
  const raw = levels.join(separator ?? '');
  const foreign = style.otherPrefixes.some(prefix => prefix !== '' && raw.startsWith(prefix));
  return { kind: 'raw', raw: foreign ? raw : style.prefix + raw };
}

/** Escapes are undone in one pass; a level with `\26` was no modified UTF-7 and goes out as it came. */
function writeLevel(level: string): string {
  const text = level.replace(/\\(2f|5c|26)/g, (_escape, code: keyof typeof ESCAPED) => ESCAPED[code]);
  return /\\26/.test(level) ? text : encodeModifiedUtf7(text);
}

const ESCAPED = { '2f': '/', '5c': '\\', '26': '&' } as const;
