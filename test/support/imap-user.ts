import { connect, type Socket } from 'node:net';

/** The answer to one command. Octets are shown as Latin-1 characters. */
export interface ImapAnswer {
  /** Untagged lines without their `* `, literals in place. */
  readonly untagged: readonly string[];
  /** The tagged line, e.g. `OK [APPENDUID 1 2] Append completed.` */
  readonly tagged: string;
}

/** Another mail client on the same account: the smallest IMAP client that can do what a person does. Plain text only. */
export class ImapUser {
  readonly #socket: Socket;
  #buffer = Buffer.alloc(0) as Buffer;
  #wake: () => void = () => {};
  #closed = false;
  #serial = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', chunk => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  static async login(port: number, user: string, password: string): Promise<ImapUser> {
    const client = new ImapUser(connect(port, '127.0.0.1'));
    await client.#response();
    await client.command(`LOGIN ${quoted(user)} ${quoted(password)}`);
    return client;
  }

  /** Sends one command and waits for its end; throws when the answer is not OK. */
  async command(text: string, literal?: Uint8Array): Promise<ImapAnswer> {
    const tag = `u${++this.#serial}`;
    const size = literal === undefined ? '' : ` {${literal.length}+}`;
    this.#socket.write(`${tag} ${text}${size}\r\n`);
    if (literal !== undefined) {
      this.#socket.write(literal);
      this.#socket.write('\r\n');
    }
    const untagged: string[] = [];
    for (;;) {
      const response = await this.#response();
      if (response.startsWith('* ')) untagged.push(response.slice(2));
      if (!response.startsWith(`${tag} `)) continue;
      const tagged = response.slice(tag.length + 1);
      if (!tagged.startsWith('OK')) throw new Error(`${text.slice(0, 80)} was answered ${tagged}`);
      return { untagged, tagged };
    }
  }

  /** Appends a message; returns its UID. The mailbox name is in wire form. */
  async append(
    mailbox: string,
    bytes: Uint8Array,
    flags: readonly string[] = [],
    date?: Date,
  ): Promise<number> {
    const when = date === undefined ? '' : ` "${internalDate(date)}"`;
    const answer = await this.command(`APPEND ${quoted(mailbox)} (${flags.join(' ')})${when}`, bytes);
    return Number(/\[APPENDUID \d+ (\d+)\]/.exec(answer.tagged)?.[1]);
  }

  async store(mailbox: string, uid: number | string, change: string): Promise<void> {
    await this.command(`SELECT ${quoted(mailbox)}`);
    await this.command(`UID STORE ${uid} ${change}`);
    await this.command('UNSELECT');
  }

  /** Removes one message as a person does who deletes it for good. */
  async expunge(mailbox: string, uid: number | string): Promise<void> {
    await this.command(`SELECT ${quoted(mailbox)}`);
    await this.command(`UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`);
    await this.command(`UID EXPUNGE ${uid}`);
    await this.command('UNSELECT');
  }

  async move(mailbox: string, uid: number | string, to: string): Promise<void> {
    await this.command(`SELECT ${quoted(mailbox)}`);
    await this.command(`UID MOVE ${uid} ${quoted(to)}`);
    await this.command('UNSELECT');
  }

  /** Every message of a mailbox: its UID, flags without \Recent (sorted) and bytes. */
  async contents(mailbox: string): Promise<{ uid: number; flags: string[]; bytes: Buffer }[]> {
    await this.command(`EXAMINE ${quoted(mailbox)}`);
    const { untagged } = await this.command('UID FETCH 1:* (UID FLAGS BODY.PEEK[])');
    await this.command('UNSELECT');
    return untagged.flatMap(line => {
      const found = /^\d+ FETCH \((.*?)BODY\[\] (?:\{\d+\}\r\n([\s\S]*)|"([^"]*)")\)$/.exec(line);
      const uid = /UID (\d+)/.exec(found?.[1] ?? '')?.[1];
      const told = /FLAGS \(([^)]*)\)/.exec(found?.[1] ?? '')?.[1];
      if (found === null || uid === undefined || told === undefined) return [];
      const flags = told.split(' ').filter(flag => flag !== '' && flag !== '\\Recent');
      const bytes = Buffer.from(found[2] ?? found[3] ?? '', 'latin1');
      return [{ uid: Number(uid), flags: flags.sort(), bytes }];
    });
  }

  async logout(): Promise<void> {
    this.#socket.end('bye LOGOUT\r\n');
    while (!this.#closed) await this.#more();
  }

  /** One whole response: a line, and what its literals bring with them. */
  async #response(): Promise<string> {
    for (let from = 0; ; ) {
      const end = this.#buffer.indexOf('\r\n', from);
      if (end === -1) {
        if (this.#closed) throw new Error('the server closed the connection');
        await this.#more();
        continue;
      }
      const literal = /\{(\d+)\}$/.exec(this.#buffer.toString('latin1', Math.max(from, end - 16), end));
      if (literal !== null) {
        from = end + 2 + Number(literal[1]);
        while (this.#buffer.length < from && !this.#closed) await this.#more();
        continue;
      }
      const response = this.#buffer.toString('latin1', 0, end);
      this.#buffer = this.#buffer.subarray(end + 2);
      return response;
    }
  }

  #more(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve;
    });
  }
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

function internalDate(date: Date): string {
  const [, day, month, year, time] = /^\w+, (\d+) (\w+) (\d+) ([\d:]+)/.exec(date.toUTCString())!;
  return `${day}-${month}-${year} ${time} +0000`;
}
