import { isAbsolute, resolve } from 'node:path';
import { PosternError } from '@postern/core/model/error.js';
import type { TlsMode } from '@postern/core/side/imap/imap-options.js';

/** What a URL names. */
export type EndAddress =
  | {
      readonly kind: 'imap';
      readonly host: string;
      readonly port: number;
      /** Absent where the URL names none. */
      readonly user?: string;
      readonly tls: TlsMode;
    }
  | { readonly kind: 'maildir'; readonly path: string };

export const URL_FORMS = 'imaps://user@host[:port], imap://user@host[:port] or maildir:/path';

/**
 * Parses `imaps://user@host[:port]`, `imap://user@host[:port]` or `maildir:/path`. `tls` is what was asked for beside the
 * URL. Throws `usage`; the message never shows the URL, for it may hold a password.
 */
export function parseEndUrl(url: string, tls?: TlsMode, directory = '/'): EndAddress {
  if (/[\u0000-\u0020\u007f-\u009f]/.test(url)) wrong('the URL holds blanks or control characters');
  const maildir = /^maildir:(?:\/\/(?=\/))?(.+)$/.exec(url);
  if (maildir !== null) {
    if (tls !== undefined) wrong('a maildir: URL has no TLS');
    const path = maildir[1]!;
    return { kind: 'maildir', path: isAbsolute(path) ? path : resolve(directory, path) };
  }
  const scheme = /^(imaps?):\/\//.exec(url)?.[1];
  if (scheme === undefined || !URL.canParse(url)) wrong('the URL is none that postern knows');
  const parsed = new URL(url);
  if (parsed.password !== '') {
    throw new PosternError('usage', 'the URL holds a password', {
      hint: 'leave it out; use --password-command, POSTERN_PASSWORD or the prompt',
    });
  }
  if (!['', '/'].includes(parsed.pathname) || parsed.search !== '' || parsed.hash !== '') {
    wrong('the URL has something after the host');
  }
  if (parsed.hostname === '') wrong('the URL names no host');
  const implicit = scheme === 'imaps';
  if (implicit && tls !== undefined && tls !== 'implicit')
    wrong(`imaps:// is TLS from the first octet, "${tls}" is not`);
  if (!implicit && tls === 'implicit') wrong('TLS from the first octet is written imaps://');
  const port = parsed.port === '' ? (implicit ? 993 : 143) : Number(parsed.port);
  if (port === 0) wrong('the URL has port 0');
  return {
    kind: 'imap',
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port,
    ...(parsed.username === '' ? {} : { user: userOf(parsed.username) }),
    tls: tls ?? (implicit ? 'implicit' : 'starttls'),
  };
}

function userOf(encoded: string): string {
  let user: string;
  try {
    user = decodeURIComponent(encoded);
  } catch {
    return wrong('the user in the URL is not valid percent-encoding');
  }
  if (/[\u0000-\u001f\u007f]/.test(user)) wrong('the user in the URL holds control characters');
  return user;
}

function wrong(reason: string): never {
  throw new PosternError('usage', reason, { hint: `a side is ${URL_FORMS}` });
}
