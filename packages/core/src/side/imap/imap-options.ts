import type { Clock } from '../../model/clock.js';
import type { Seam } from '../../model/effect.js';
import type { Extension } from './extensions.js';

/** `implicit` is TLS from the first octet, `starttls` is required to succeed, `none` is cleartext by explicit wish. */
export type TlsMode = 'implicit' | 'starttls' | 'none';

/**
 * What becomes of removed messages. `trash` (the default): they move to the server's \Trash mailbox, or, where it marks none, to the one
 * called Trash; they are expunged where there is neither, or where they are in it. `expunge`: they are expunged. `mark`: they get \Deleted and stay.
 */
export type Deletion = 'trash' | 'expunge' | 'mark';

export interface ImapOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Asked at each connect; never kept, logged or shown. */
  readonly password: () => Promise<string>;
  readonly tls: TlsMode;
  /** Certificates to trust instead of the system's, PEM. */
  readonly ca?: string;
  readonly seam: Seam;
  readonly clock: Clock;
  /** Text a server wants people to see (RFC 3501 §7.1 ALERT), without control characters. */
  readonly onAlert?: (text: string) => void;
  readonly deletion?: Deletion;
  /** Whether listings say which mailboxes are subscribed; it may cost a command. */
  readonly subscriptions?: boolean;
  readonly timeouts?: ImapTimeouts;
  /** Who reads what many messages are told in: our own strict reader (the default), or imapflow. */
  readonly reader?: 'bulk' | 'imapflow';
  /** What the server claims and is not to be used. */
  readonly disabled?: readonly Extension[];
}

/** All in milliseconds. */
export interface ImapTimeouts {
  readonly connect?: number;
  readonly greeting?: number;
  /** Without an octet from the server while an answer is due. */
  readonly silence?: number;
  /** Without progress of a command although octets arrive (a server that only keeps alive). */
  readonly stall?: number;
  readonly logout?: number;
}

/** For people and for the plan's header: `imaps://user@host[:port]`, without secrets. */
export function imapAddress(options: Pick<ImapOptions, 'host' | 'port' | 'user' | 'tls'>): string {
  const scheme = options.tls === 'implicit' ? 'imaps' : 'imap';
  const usual = options.tls === 'implicit' ? 993 : 143;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  const port = options.port === usual ? '' : `:${options.port}`;
  return `${scheme}://${encodeURIComponent(options.user)}@${host}${port}`;
}
