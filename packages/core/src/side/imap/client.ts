import type { Socket } from 'node:net';
import type { Transform } from 'node:stream';
import { disableExtensions } from './extensions.js';
import type { ImapOptions } from './imap-options.js';
import { appendWithoutAsking, type Compile, type SentCommand } from './literal-plus.js';
import { CONNECT, GREETING, SILENCE } from './loss.js';
import type { Answer, Attribute } from './tokens.js';

/**
 * The parts of imapflow we use. `exec`, `send`, `write`, `commands` and `untaggedHandlers` are present at run time and left out
 * of its types; the exact version is pinned, and the tests of this folder run on it.
 */
export interface RawClient {
  readonly usable: boolean;
  readonly secureConnection: boolean;
  readonly greeting?: string;
  capabilities: Map<string, boolean | number>;
  readonly namespaces?: Namespaces;
  commands: Map<string, ClientCommand>;
  rawSensitiveCommand: boolean;
  commandParts: readonly Buffer[];
  readonly currentRequest: { readonly tag: string; sent?: boolean } | false;
  readonly requestQueue: readonly unknown[];
  readonly socket: Socket;
  /** Milliseconds without traffic. */
  readonly socketTimeout: number;
  readonly streamer: ResponseStream;
  send(command: SentCommand): Promise<void>;
  write(octets: Buffer): void;
  readonly untaggedHandlers: Record<string, UntaggedHandler | undefined>;
  connect(): Promise<void>;
  logout(): Promise<unknown>;
  close(): void;
  stats(): { readonly sent: number; readonly received: number };
  exec(
    command: string,
    attributes: readonly Attribute[] | false,
    options: { untagged: Record<string, UntaggedHandler> },
  ): Promise<{ readonly response: Answer; next(): void }>;
  on(event: 'error' | 'close', listener: (error: unknown) => void): void;
  on(event: 'alert', listener: (alert: { readonly message: string }) => void): void;
}

/** What cuts octets of the socket into responses; empty of everything when no response is half read. */
export interface ResponseStream extends Transform {
  readonly compress: boolean;
  readonly processingInput: boolean;
  readonly inputQueue: readonly unknown[];
  readonly inputBuffer: readonly unknown[];
  readonly lineBytes: number;
}

interface Namespaces {
  readonly personal?: readonly Namespace[] | false;
  readonly other?: readonly Namespace[] | false;
  readonly shared?: readonly Namespace[] | false;
}

interface Namespace {
  readonly prefix: string;
  readonly delimiter: string | null;
}

export type UntaggedHandler = (answer: Answer) => void | Promise<void>;
type ClientCommand = (client: RawClient, ...args: readonly unknown[]) => Promise<unknown>;

/** Octets a single literal may have: bodies above 4 MB travel in pieces of 1 MB. */
const LARGEST_LITERAL = 64 * 1024 * 1024;

/** A client that is not connected yet. `fault` hears of every line that imapflow could not make sense of. */
export async function makeClient(
  options: ImapOptions,
  password: string,
  fault: (what: string) => void,
): Promise<RawClient> {
  const [{ ImapFlow }, { default: compile }] = await Promise.all([
    import('imapflow'),
    import('imapflow/lib/handler/imap-compiler.js'),
  ]);
  const timeouts = options.timeouts ?? {};
  const client = new ImapFlow({
    host: options.host,
    port: options.port,
    secure: options.tls === 'implicit',
    doSTARTTLS: options.tls === 'implicit' ? undefined : options.tls === 'starttls',
    auth: { user: options.user, pass: password },
    tls: { noDelay: true, ...(options.ca === undefined ? {} : { ca: options.ca }) },
    disableAutoIdle: true,
    disableCompression: true,
    disableIMAP4rev2: true,
    disableAutoEnable: true,
    connectionTimeout: timeouts.connect ?? CONNECT,
    greetingTimeout: timeouts.greeting ?? GREETING,
    socketTimeout: timeouts.silence ?? SILENCE,
    maxLiteralSize: LARGEST_LITERAL,
    maxLineLength: LARGEST_LITERAL / 4,
    maxResponseSize: LARGEST_LITERAL + LARGEST_LITERAL / 4,
    maxResponseTokens: 200_000,
    clientInfo: { name: 'postern' },
    logger: faultLogger(fault),
  } as unknown as ConstructorParameters<typeof ImapFlow>[0]) as unknown as RawClient;
  disableExtensions(client, options.disabled ?? []);
  client.commands = fewerRoundTrips(client.commands, password);
  appendWithoutAsking(client, compile as unknown as Compile);
  return client;
}

/** imapflow skips what it cannot parse and only logs it: the log is the one place where a lost row shows. */
function faultLogger(fault: (what: string) => void): object {
  const noteOf = (entry: unknown): string => {
    const { msg, err } = (entry ?? {}) as { msg?: unknown; err?: { message?: unknown } };
    return [err?.message, msg].find(text => typeof text === 'string' && text !== '') as string;
  };
  return {
    error: (entry: unknown) => fault(noteOf(entry) ?? 'an error without words'),
    warn: (entry: unknown) => {
      const note = noteOf(entry) ?? '';
      if (/nesting limit|untagged response/.test(note)) fault(note);
    },
  };
}

/**
 * Saves round trips of the login: ID is only sent to the one server that insists on it, and LOGIN (one turn) is taken
 * before AUTHENTICATE PLAIN (two) where the credentials can be quoted.
 */
function fewerRoundTrips(commands: Map<string, ClientCommand>, password: string): Map<string, ClientCommand> {
  const own = new Map(commands);
  const id = commands.get('ID')!;
  const login = commands.get('LOGIN')!;
  const authenticate = commands.get('AUTHENTICATE')!;
  own.set('ID', (client, ...args) =>
    /coremail/i.test(client.greeting ?? '')
      ? id(client, ...args)
      : Promise.resolve({ skipped: 1, really: 1 }),
  );
  own.set('AUTHENTICATE', (client, user, ...rest) => {
    const quotable = /^[ -~]*$/.test(`${String(user)}${password}`);
    return quotable && !client.capabilities.has('LOGINDISABLED')
      ? login(client, user, password)
      : authenticate(client, user, ...rest);
  });
  return own;
}
