import { bug, PosternError } from '../../model/error.js';
import { makeClient, type RawClient } from './client.js';
import { connectFailure, serverText } from './error-words.js';
import type { ImapOptions } from './imap-options.js';
import { Session } from './session.js';

const LONGEST_LOGIN = 600_000;

/** The one connection of a side: made at the first use, made again after it was lost. */
export class Connection {
  readonly #options: ImapOptions;
  #session: Session | undefined;

  constructor(options: ImapOptions) {
    this.#options = options;
  }

  /** A session that can be used. Throws `unreachable`, `try-later`, `tls-refused` or `login-refused`. */
  async session(): Promise<Session> {
    if (this.#session?.usable) return this.#session;
    this.#session?.destroy();
    this.#session = undefined;
    const target = `${this.#options.host}:${this.#options.port}`;
    this.#session = await this.#options.seam.run({ surface: 'wire', name: 'CONNECT', target }, () =>
      this.#connect(),
    );
    return this.#session;
  }

  /**
   * Runs the first, harmless command of a call. Where the connection turns out to have died since the last call (a server's
   * time limit, a laptop that slept), it is run once more on a new one.
   */
  async begin<T>(act: (session: Session) => Promise<T>): Promise<T> {
    const before = this.#session;
    const session = await this.session();
    try {
      return await act(session);
    } catch (error) {
      const stale = session === before && error instanceof PosternError && error.code === 'unreachable';
      if (!stale) throw error;
      return act(await this.session());
    }
  }

  async #connect(): Promise<Session> {
    const password = await this.#options.password();
    let session: Session | undefined;
    const client = await makeClient(this.#options, password, what => session?.noteFault(what));
    this.#listen(client);
    // A server that keeps talking without letting us in would hold us for ever.
    const limit = setTimeout(() => client.close(), this.#options.timeouts?.stall ?? LONGEST_LOGIN);
    try {
      await client.connect();
    } catch (error) {
      client.close();
      throw connectFailure(error, this.#options, password);
    } finally {
      clearTimeout(limit);
    }
    if (this.#options.tls === 'starttls' && !client.secureConnection)
      bug('a session without the TLS it requires');
    session = new Session(client, this.#options);
    return session;
  }

  /** An `error` event nobody listens to ends the process; what went wrong reaches the caller through its command. */
  #listen(client: RawClient): void {
    client.on('error', () => {});
    client.on('alert', alert => this.#options.onAlert?.(serverText(alert.message)));
  }

  /** Never throws. */
  async close(): Promise<void> {
    await this.#session?.logout();
    this.#session = undefined;
  }
}
