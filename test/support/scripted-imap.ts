import { createServer, type Server, type Socket } from 'node:net';

/** One command of the client: its text without the tag, literals in place as `{n}`, and their octets. */
export interface ScriptedCommand {
  readonly tag: string;
  readonly text: string;
  readonly literals: readonly Buffer[];
  /** Already answered, at the announcement of a literal. */
  readonly refused: boolean;
  /** Which of the server's connections it came over, from 1. */
  readonly connection: number;
}

/** What the server does when a command matches. The first that matches and is not used up counts. */
export interface ScriptedAnswer {
  readonly when: RegExp;
  /** Lines; `TAG` at the start of a line is the command's tag. An octet a character (Latin-1). */
  readonly say: string | ((command: ScriptedCommand) => string);
  /** How often it is given. Default: always. */
  readonly times?: number;
  /** Ends the connection after it. */
  readonly close?: true | ((command: ScriptedCommand) => boolean);
}

export interface Script {
  readonly greeting?: string;
  /** Announced in the greeting and after LOGIN. Default `IMAP4rev1 NAMESPACE`. */
  readonly capabilities?: string;
  readonly answers?: readonly ScriptedAnswer[];
  /** Answers a literal's announcement; default `+ go on`. One that is no `+` is the answer to the command. */
  readonly continuation?: string;
}

/** A mailbox of no message, for scripts that are about something else. */
export const EMPTY_INBOX = opened({ exists: 0 });

export interface OpenedParts {
  readonly exists: number;
  readonly uidValidity?: string;
  readonly uidNext?: number;
  readonly more?: readonly string[];
}

/** The answer to SELECT or EXAMINE. */
export function opened({ exists, uidValidity = '7', uidNext = exists + 1, more = [] }: OpenedParts): string {
  return lines(
    '* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)',
    '* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] yes',
    `* ${exists} EXISTS`,
    `* OK [UIDVALIDITY ${uidValidity}] yes`,
    `* OK [UIDNEXT ${uidNext}] yes`,
    ...more,
    'TAG OK [READ-WRITE] open',
  );
}

export function lines(...all: readonly string[]): string {
  return all.map(line => `${line}\r\n`).join('');
}

const DEFAULTS: readonly ScriptedAnswer[] = [
  { when: /^NAMESPACE/, say: lines('* NAMESPACE (("" "/")) NIL NIL', 'TAG OK done') },
  { when: /^LIST /, say: lines('* LIST () "/" INBOX', 'TAG OK done') },
  { when: /^(SELECT|EXAMINE) /, say: EMPTY_INBOX },
  { when: /^LOGOUT/, say: lines('* BYE bye', 'TAG OK done'), close: true },
  { when: /./, say: lines('TAG OK done') },
];

/** A server that says what a test tells it to, for what no real server would do on request. Plain text on loopback. */
export class ScriptedImap {
  /** Every command so far, as it came, without tags; LOGIN without its arguments. */
  readonly commands: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #script: Script;
  readonly #used = new Map<ScriptedAnswer, number>();
  #connections = 0;
  #capabilities: string;
  #refusal: { readonly words: string; after: number } | undefined;

  private constructor(script: Script) {
    this.#script = script;
    this.#capabilities = script.capabilities ?? 'IMAP4rev1 NAMESPACE';
    this.#server = createServer({ noDelay: true }, socket => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
      void this.#serve(socket).catch(() => socket.destroy());
    });
  }

  static async start(script: Script): Promise<ScriptedImap> {
    const scripted = new ScriptedImap(script);
    await new Promise<void>(resolve => scripted.#server.listen(0, '127.0.0.1', resolve));
    return scripted;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** How many commands matched. */
  count(pattern: RegExp): number {
    return this.commands.filter(command => pattern.test(command)).length;
  }

  /** Other capabilities for connections from now on. */
  announce(capabilities: string): void {
    this.#capabilities = capabilities;
  }

  /** Answers logins with this, once `after` more were let in. */
  refuseLogin(words: string, { after }: { readonly after: number }): void {
    this.#refusal = { words, after };
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise(resolve => this.#server.close(resolve));
  }

  async #serve(socket: Socket): Promise<void> {
    const connection = ++this.#connections;
    socket.write(this.#script.greeting ?? `* OK [CAPABILITY ${this.#capabilities}] ready\r\n`);
    for await (const read of commandsOf(socket, this.#script.continuation ?? '+ go on\r\n')) {
      const command = { ...read, connection };
      this.commands.push(/^LOGIN/.test(command.text) ? 'LOGIN' : command.text);
      if (command.refused) continue;
      const answer = this.#answerTo(command);
      const said = typeof answer.say === 'string' ? answer.say : answer.say(command);
      socket.write(Buffer.from(said.replace(/^TAG /gm, `${command.tag} `), 'latin1'));
      if (answer.close === true || answer.close?.(command)) socket.end();
    }
  }

  #answerTo(command: ScriptedCommand): ScriptedAnswer {
    const isLogin = /^LOGIN/.test(command.text);
    const refused = isLogin && this.#refusal !== undefined && --this.#refusal.after < 0;
    const login: ScriptedAnswer = {
      when: /^LOGIN/,
      say: lines(
        refused ? `TAG ${this.#refusal?.words}` : `TAG OK [CAPABILITY ${this.#capabilities}] welcome`,
      ),
    };
    const all = [...(this.#script.answers ?? []), login, ...DEFAULTS];
    const found = all.find(
      ({ when, times }, at) =>
        when.test(command.text) && (this.#used.get(all[at]!) ?? 0) < (times ?? Number.POSITIVE_INFINITY),
    )!;
    this.#used.set(found, (this.#used.get(found) ?? 0) + 1);
    return found;
  }
}

async function* commandsOf(
  socket: Socket,
  continuation: string,
): AsyncGenerator<Omit<ScriptedCommand, 'connection'>> {
  let buffer = Buffer.alloc(0);
  const chunks = socket[Symbol.asyncIterator]();
  const more = async (): Promise<boolean> => {
    const { done, value } = await chunks.next();
    if (done) return false;
    buffer = Buffer.concat([buffer, value as Buffer]);
    return true;
  };
  for (;;) {
    let text = '';
    const literals: Buffer[] = [];
    let refused = false;
    for (;;) {
      while (!buffer.includes('\r\n')) if (!(await more())) return;
      const end = buffer.indexOf('\r\n');
      const line = buffer.toString('latin1', 0, end);
      buffer = buffer.subarray(end + 2);
      text += line;
      const announced = /\{(\d+)(\+?)\}$/.exec(line);
      if (announced === null) break;
      if (announced[2] === '') socket.write(continuation.replace(/^TAG/, text.split(' ')[0]!));
      refused = !continuation.startsWith('+');
      if (refused) break;
      const size = Number(announced[1]);
      while (buffer.length < size) if (!(await more())) return;
      literals.push(buffer.subarray(0, size));
      buffer = buffer.subarray(size);
    }
    const space = text.indexOf(' ');
    const tag = text.slice(0, space);
    yield { tag, text: text.slice(space + 1), literals, refused };
  }
}
