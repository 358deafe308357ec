import { errnoOf } from '../../model/error.js';
import type { ImapOptions } from './imap-options.js';

/** Milliseconds without an octet from the server while an answer is due. */
export const SILENCE = 180_000;
export const CONNECT = 60_000;
export const GREETING = 30_000;

/** What ended a connection, in words, by what imapflow or Node raised; undefined where nothing is known. */
export function lossOf(error: unknown, { timeouts = {} }: Pick<ImapOptions, 'timeouts'>): string | undefined {
  const code = errnoOf(error);
  switch (code) {
    case undefined:
      return undefined;
    case 'ETIMEOUT':
      return `no answer for ${duration(timeouts.silence ?? SILENCE)}`;
    case 'CONNECT_TIMEOUT':
      return `no connection within ${duration(timeouts.connect ?? CONNECT)}`;
    case 'GREETING_TIMEOUT':
      return `no greeting within ${duration(timeouts.greeting ?? GREETING)}; is it an IMAP server, and the right --tls?`;
    case 'UPGRADE_TIMEOUT':
      return 'the TLS handshake came to no end';
    case 'LineTooLarge':
    case 'ResponseTooLarge':
    case 'TooManyTokens':
      return `it sent an answer that is larger than any can be (${code})`;
    case 'LiteralTooLarge':
      return 'it announced more octets than were asked for (LiteralTooLarge)';
    case 'ECONNREFUSED':
      return 'nothing listens on that port (ECONNREFUSED)';
    case 'ENOTFOUND':
      return 'there is no host of that name (ENOTFOUND)';
    case 'EAI_AGAIN':
      return 'its name cannot be looked up right now (EAI_AGAIN)';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `no way leads to it from here (${code})`;
    case 'ECONNRESET':
    case 'EPIPE':
      return `the other end broke it off (${code})`;
    case 'NoConnection':
    case 'EConnectionClosed':
      return 'the other end closed it';
    default:
      return code;
  }
}

export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${milliseconds} ms`;
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 120 ? `${seconds} seconds` : `${Math.round(seconds / 60)} minutes`;
}
