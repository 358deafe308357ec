/** One command as a client sent it, its literals left out. */
export interface SentCommand {
  readonly tag: string;
  /** All after the tag, e.g. `UID FETCH 1:5 (FLAGS)`; a literal shows as its `{n}` only. */
  readonly text: string;
}

/** Reads the client's half of an IMAP conversation (RFC 3501 §2.2.1), in any chunks, and tells each whole command. */
export class CommandLines {
  readonly #told: (command: SentCommand) => void;
  #line = '';
  #command = '';
  #literal = 0;

  constructor(told: (command: SentCommand) => void) {
    this.#told = told;
  }

  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#literal > 0) {
        const part = Math.min(this.#literal, chunk.length - at);
        this.#literal -= part;
        at += part;
        continue;
      }
      const feed = chunk.indexOf(0x0a, at);
      const end = feed === -1 ? chunk.length : feed + 1;
      this.#line += chunk.toString('latin1', at, end);
      at = end;
      if (feed !== -1) this.#endLine();
    }
  }

  #endLine(): void {
    const line = this.#line.trimEnd();
    this.#line = '';
    this.#command += line;
    const literal = /\{(\d+)\+?\}$/.exec(line);
    if (literal !== null) {
      this.#literal = Number(literal[1]);
      return;
    }
    const [tag = '', ...words] = this.#command.split(' ');
    this.#command = '';
    this.#told({ tag, text: words.join(' ') });
  }
}
