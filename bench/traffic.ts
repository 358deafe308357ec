import type { Dovecot } from '../test/support/dovecot.js';

/** Octets of IMAP after the login, as the server counted them. */
export interface Traffic {
  /** From the client to the server. */
  readonly out: number;
  /** From the server to the client. */
  readonly in: number;
}

/** Waits until the sessions that began after this point are over, and adds them up. */
export class TrafficMeter {
  readonly #server: Dovecot;
  readonly #user: string;
  readonly #from: number;

  constructor(server: Dovecot, user: string) {
    this.#server = server;
    this.#user = user;
    this.#from = server.log().length;
  }

  async read(): Promise<Traffic> {
    for (let tries = 0; ; tries++) {
      const news = this.#server.log().slice(this.#from);
      const begun = [...news.matchAll(/imap-login: Info: Login: user=<([^>]*)>/g)].filter(
        ([, user]) => user === this.#user,
      );
      const ended = [...news.matchAll(/imap\(([^)]*)\)\S* Info: [^\n]*?\bin=(\d+) out=(\d+)/g)].filter(
        ([, user]) => user === this.#user,
      );
      if (begun.length > 0 && ended.length >= begun.length) {
        const sum = (group: number) => ended.reduce((all, found) => all + Number(found[group]), 0);
        return { out: sum(2), in: sum(3) };
      }
      if (tries === 200) throw new Error('the server does not say how many octets went');
      await new Promise(resolve => setTimeout(resolve, 25));
    }
  }
}
