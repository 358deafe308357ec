import { type ErrorCode, errnoOf, PosternError } from '../../model/error.js';
import { printable } from '../../model/escape-text.js';
import type { ImapOptions } from './imap-options.js';
import { lossOf } from './loss.js';
import { tlsWords } from './tls-words.js';
import { type Answer, responseCode, statusText } from './tokens.js';

const LONGEST_TEXT = 200;

/** Text of a server for one line of a report: no control characters, cut short. */
export function serverText(text: string): string {
  const safe = printable(text.trim());
  return safe.length > LONGEST_TEXT ? `${safe.slice(0, LONGEST_TEXT)}…` : safe;
}

/** A command the server answered with NO or BAD: it did not happen. */
export class CommandRefused extends PosternError {
  readonly status: 'NO' | 'BAD';
  /** The response code's name in upper case (RFC 5530), where there was one. */
  readonly responseCode: string | undefined;
  /** The server's words, printable. */
  readonly words: string;

  constructor(refusal: {
    status: 'NO' | 'BAD';
    responseCode: string | undefined;
    words: string;
    what: string;
  }) {
    const words = serverText(refusal.words) || `${refusal.status} without a reason`;
    const code = codeOfRefusal(refusal);
    const later = code === 'try-later' ? { hint: LATER } : {};
    super(code, `the server refused ${refusal.what}: ${words}`, later);
    this.status = refusal.status;
    this.responseCode = refusal.responseCode;
    this.words = words;
  }
}

/** The server said BYE with these words in the middle of a command: some do so for one message they cannot hand out. */
export class SaidBye extends PosternError {
  readonly words: string;

  constructor(message: string, words: string) {
    super('unreachable', message, { hint: AGAIN });
    this.words = words;
  }
}

/** Whether a refusal, or what it was the cause of, says that there is no such mailbox. Not every server has the code. */
export function saysNonexistent(error: unknown): boolean {
  const refusal = error instanceof PosternError && error.cause !== undefined ? error.cause : error;
  if (!(refusal instanceof CommandRefused)) return false;
  return (
    refusal.responseCode === 'NONEXISTENT' ||
    /\b(doesn't|does not|doesn’t) exist\b|\bnon-?existent\b/i.test(refusal.words)
  );
}

const LATER = 'the server asks to come back later: run the command again then; what was done stays done';

/** What servers say instead of a code: Microsoft throttles, Gmail counts connections, commands and octets. */
const NOT_NOW =
  /is throttled|rate.?limit|authenticated but not connected|too many (simultaneous |concurrent )?(connections|sessions|logins)|exceeded (command|bandwidth)/i;

/** Codes that say "not now" (RFC 5530 §3, RFC 9051), and words that do. */
function codeOfRefusal(refusal: { responseCode: string | undefined; words: string }): ErrorCode {
  if (['UNAVAILABLE', 'INUSE', 'THROTTLED'].includes(refusal.responseCode ?? '')) return 'try-later';
  return NOT_NOW.test(refusal.words) ? 'try-later' : 'server-refused';
}

/** What imapflow and Node put on the errors they raise; every field may be missing. */
interface RawFailure {
  readonly code?: unknown;
  readonly responseStatus?: unknown;
  readonly responseText?: unknown;
  readonly response?: Answer | string | boolean;
  readonly serverResponseCode?: unknown;
  readonly reason?: unknown;
  readonly authenticationFailed?: unknown;
  readonly tlsFailed?: unknown;
  readonly message?: unknown;
}

const GONE =
  /^(NoConnection|EConnectionClosed|StateLogout|Closed|ETIMEOUT|ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|EAI_|ENOTFOUND|CONNECT_TIMEOUT|GREETING_TIMEOUT|UPGRADE_TIMEOUT|LineTooLarge|LiteralTooLarge|ResponseTooLarge|TooManyTokens|UnexpectedTag|ParserError|InvalidResponse|ResponseProcessingFailed|MAX_IMAP_NESTING)/;

const TLS =
  /^(CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_|INVALID_CA|PATH_LENGTH|EPROTO|ERR_OSSL|STARTTLS_)/;

export interface CommandContext {
  /** The command, for people. */
  readonly what: string;
  readonly options: ImapOptions;
  /** What ended the connection, where that is known. */
  readonly loss: string | undefined;
}

/** What an error raised during a command means. Errors that are not the wire's are handed back as they are. */
export function commandFailure(error: unknown, { what, options, loss }: CommandContext): unknown {
  if (error instanceof PosternError || typeof error !== 'object' || error === null) return error;
  const failure = error as RawFailure;
  if (failure.responseStatus === 'NO' || failure.responseStatus === 'BAD') {
    const answer = typeof failure.response === 'object' ? failure.response : undefined;
    const text = typeof failure.responseText === 'string' ? failure.responseText : '';
    return new CommandRefused({
      status: failure.responseStatus,
      responseCode: answer === undefined ? undefined : responseCode(answer)?.name,
      words: (answer === undefined ? '' : statusText(answer)) || text,
      what,
    });
  }
  const code = errnoOf(error);
  if (code === undefined || !GONE.test(code)) return error;
  const lost = `the connection to ${options.host} was lost during ${what}`;
  const bye = said(failure);
  if (bye !== undefined) return new SaidBye(`${lost} (${bye})`, bye);
  return new PosternError('unreachable', `${lost} (${loss ?? lossOf(failure, options) ?? code})`, {
    hint: AGAIN,
  });
}

/** The hint of an error after which a command can simply be run again. */
export const AGAIN = 'run the command again; what was done stays done';

/** What the server gave as the reason when it said BYE. */
function said({ reason }: RawFailure): string | undefined {
  return typeof reason === 'string' && reason !== '' ? serverText(reason) : undefined;
}

/** What an error raised while connecting means. The password is never part of what comes out. */
export function connectFailure(
  error: unknown,
  { options, password, loss }: Omit<CommandContext, 'what'> & { readonly password: string },
): unknown {
  if (error instanceof PosternError || typeof error !== 'object' || error === null) return error;
  const failure = error as RawFailure;
  const code = typeof failure.code === 'string' ? failure.code : '';
  const where = `${options.host}:${options.port}`;
  const words = without(password, wordsOf(failure));
  if (failure.tlsFailed === true || TLS.test(code)) {
    const { why, hint } = tlsWords(code, without(password, messageOf(failure)), options.host);
    return new PosternError('tls-refused', `no trusted TLS connection to ${where}: ${why}`, { hint });
  }
  if (failure.authenticationFailed === true || NOT_NOW.test(words))
    return loginFailure(failure, where, words);
  if (GONE.test(code)) {
    const reason = words === '' ? (loss ?? lossOf(error, options) ?? code) : words;
    return new PosternError('unreachable', `${where} cannot be reached: ${reason}`, {
      hint: 'check the network and the address, or try again later',
    });
  }
  const reason = words === '' ? (loss ?? without(password, messageOf(failure))) : words;
  return new PosternError('unreachable', `no IMAP session with ${where}: ${reason}`);
}

function loginFailure(failure: RawFailure, where: string, said: string): PosternError {
  const code = typeof failure.serverResponseCode === 'string' ? failure.serverResponseCode.toUpperCase() : '';
  const words = said === '' ? messageOf(failure) : said;
  if (code === 'PRIVACYREQUIRED' || /login is disabled/i.test(words)) {
    return new PosternError('tls-refused', `${where} takes no password on this connection: ${words}`, {
      hint: 'use TLS: --tls implicit or --tls starttls',
    });
  }
  if (codeOfRefusal({ responseCode: code, words }) === 'try-later' || ['LIMIT', 'SERVERBUG'].includes(code)) {
    return new PosternError('try-later', `${where} does not let us in right now: ${words}`, { hint: LATER });
  }
  return new PosternError('login-refused', `${where} refused the login: ${words}`, {
    hint: 'check the user and the password',
  });
}

function wordsOf(failure: RawFailure): string {
  for (const text of [failure.reason, failure.responseText, failure.response]) {
    if (typeof text === 'string' && text !== '') return serverText(text);
  }
  return '';
}

function messageOf(failure: RawFailure): string {
  return typeof failure.message === 'string' ? serverText(failure.message) : 'no reason given';
}

function without(password: string, text: string): string {
  return password !== '' && text.includes(password) ? text.replaceAll(password, '…') : text;
}
