import { bug } from '../../model/error.js';
import { makeClient, type RawClient } from './client.js';
import { connectFailure, serverText } from './error-words.js';
import type { ImapOptions } from './imap-options.js';
import { duration, lossOf } from './loss.js';
import { isLoss, type Pace, Session } from './session.js';

const LONGEST_LOGIN = 600_000;
/** Alerts of one connection that are shown. */
const MOST_ALERTS = 20;

/** The one connection of a side: made at the first use, made again after it was lost. */
export class Connection {
  readonly #options: ImapOptions;
  readonly #pace: Pace = { takesSeveral: undefined };
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
      const stale = session === before && isLoss(error);
      if (!stale) throw error;
      return act(await this.session());
    }
  }

  async #connect(): Promise<Session> {
    const password = await this.#options.password();
    let session: Session | undefined;
    const client = await makeClient(this.#options, password, what => session?.noteFault(what));
    let loss: string | undefined;
    this.#listen(client, error => {
      loss ??= lossOf(error, this.#options);
      if (loss !== undefined) session?.noteLoss(loss);
    });
    // A server that keeps talking without letting us in would hold us for ever.
    const longest = this.#options.timeouts?.stall ?? LONGEST_LOGIN;
    const limit = setTimeout(() => {
      loss ??= `the login came to no end within ${duration(longest)}`;
      client.close();
    }, longest);
    try {
      await client.connect();
    } catch (error) {
      client.close();
      throw connectFailure(error, { options: this.#options, password, loss });
    } finally {
      clearTimeout(limit);
    }
    if (this.#options.tls === 'starttls' && !client.secureConnection)
      bug('a session without the TLS it requires');
    session = new Session(client, this.#options, this.#pace);
    return session;
  }

  /** An `error` event nobody listens to ends the process. A command that fails with the connection does not say why. */
  #listen(client: RawClient, lost: (error: unknown) => void): void {
    client.on('error', lost);
    let alerts = 0;
    client.on('alert', alert => {
      if (++alerts <= MOST_ALERTS) this.#options.onAlert?.(serverText(alert.message));
    });
  }

  /** Never throws. */
  async close(): Promise<void> {
    await this.#session?.logout();
    this.#session = undefined;
  }
}
