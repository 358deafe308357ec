import { PosternError } from '../../model/error.js';
import { BulkLane } from './bulk/bulk-lane.js';
import { type BulkCommand, type Done, Failed, nameOf, Pipeline } from './bulk/pipeline.js';
import type { RawClient, UntaggedHandler } from './client.js';
import { AGAIN, CommandRefused, commandFailure, SaidBye } from './error-words.js';
import type { ImapOptions } from './imap-options.js';
import { duration, SILENCE } from './loss.js';
import type { NameStyle } from './mailbox-names.js';
import type { Selection } from './selection.js';
import { StallGuard } from './stall-guard.js';
import { type Answer, type Attribute, responseCode, statusText } from './tokens.js';

export interface Command {
  /** The verb the seam sees: `FETCH`, `APPEND`, `UID EXPUNGE`. */
  readonly effect: string;
  /** The mailbox it is about, for people. */
  readonly target: string;
  readonly command: string;
  readonly attributes?: readonly Attribute[];
  /** What is done with untagged answers, by keyword; an error thrown in one becomes the command's. */
  readonly untagged?: Readonly<Record<string, UntaggedHandler>>;
  /** False for commands a server may work on for long without a word that counts as progress (APPEND, COPY). */
  readonly progress?: boolean;
}

/** What was found out on the connections of one side. */
export interface Pace {
  /**
   * Whether several commands in one write are answered. False once the connection was lost over some, be it over what they asked for or because a
   * server or what stands before it cannot take them: step by step it shows.
   */
  takesSeveral: boolean | undefined;
}

const STALL = 600_000;
/** How much longer than others a command may take that a server works on without a word. */
const PATIENCE = 6;

/** One authenticated connection: sends commands one at a time and knows what is selected. */
export class Session {
  /** Opened by EXAMINE or SELECT; its message count follows EXISTS and EXPUNGE. */
  selection: Selection | undefined;
  readonly #client: RawClient;
  readonly #options: ImapOptions;
  readonly #pace: Pace;
  #faults = 0;
  #lastFault = '';
  /** Set once we gave the connection up, with the reason where that was not the end of a command. */
  #lost: string | undefined;
  /** What the wire said when it ended. */
  #loss: string | undefined;

  constructor(client: RawClient, options: ImapOptions, pace: Pace) {
    this.#client = client;
    this.#options = options;
    this.#pace = pace;
    client.untaggedHandlers['EXISTS'] = answer => this.#changed('EXISTS', Number(answer.command));
    client.untaggedHandlers['EXPUNGE'] = answer => this.#changed('EXPUNGE', Number(answer.command));
    client.untaggedHandlers['FETCH'] = () => {};
    client.untaggedHandlers['VANISHED'] = () => {};
  }

  #changed(keyword: 'EXISTS' | 'EXPUNGE' | 'VANISHED', number: number): void {
    const { selection } = this;
    if (selection === undefined || !Number.isSafeInteger(number)) return;
    if (keyword === 'EXISTS') selection.exists = number;
    if (keyword === 'EXPUNGE') selection.exists = Math.max(0, selection.exists - 1);
    if (keyword !== 'EXISTS') delete selection.foreseen;
    selection.changes++;
  }

  get usable(): boolean {
    return this.#lost === undefined && this.#client.usable;
  }

  /** Lines the server sent that imapflow could not make sense of, so far: an answer with any is not the whole truth. */
  get faults(): number {
    return this.#faults;
  }

  /** The newest of them, for an error message. */
  get lastFault(): string {
    return this.#lastFault;
  }

  noteFault(what: string): void {
    this.#faults++;
    this.#lastFault = what;
  }

  noteLoss(why: string): void {
    this.#loss ??= why;
  }

  has(capability: string): boolean {
    return this.#client.capabilities.has(capability);
  }

  /** Listings say which mailboxes are subscribed. */
  get wantsSubscriptions(): boolean {
    return this.#options.subscriptions === true;
  }

  /** Several commands in one write have been answered. */
  get takesSeveral(): boolean {
    return this.#pace.takesSeveral === true;
  }

  /** CONDSTORE (RFC 7162) is there; QRESYNC includes it. */
  get condstore(): boolean {
    return this.has('CONDSTORE') || this.has('QRESYNC');
  }

  /** APPENDLIMIT (RFC 7889): octets, `true` where each mailbox has its own, undefined without one. */
  get appendLimit(): number | true | undefined {
    const limit = this.#client.capabilities.get('APPENDLIMIT');
    return limit === false ? undefined : limit;
  }

  get nameStyle(): NameStyle {
    const { personal, other, shared } = this.#client.namespaces ?? {};
    const first = personal ? personal[0] : undefined;
    const rest = [...((personal || undefined)?.slice(1) ?? []), ...(other || []), ...(shared || [])];
    return {
      separator: first?.delimiter ?? undefined,
      prefix: first?.prefix ?? '',
      otherPrefixes: rest.map(space => space.prefix),
    };
  }

  /** Sends a command and waits for its OK. NO and BAD throw `CommandRefused`, a lost connection `unreachable`. */
  async command(command: Command): Promise<Done> {
    const { effect, target } = command;
    const what = nameOf(command);
    try {
      return await this.#options.seam.run({ surface: 'wire', name: effect, target }, () =>
        this.#exchange(command, what),
      );
    } catch (error) {
      const failure = commandFailure(error, { what, options: this.#options, loss: this.#loss });
      if (isLoss(failure)) this.destroy();
      throw failure;
    }
  }

  async #exchange(command: Command, what: string): Promise<Done> {
    if (!this.usable) throw this.#gone(what);
    const guard = this.#guard(what, command.progress === false ? PATIENCE : 1);
    const failures: unknown[] = [];
    const untagged: Record<string, UntaggedHandler> = {};
    for (const [keyword, handle] of Object.entries(command.untagged ?? {})) {
      untagged[keyword] = answer => {
        if (failures.length > 0) return;
        const note = (error: unknown): void => void failures.push(error);
        try {
          const pending = guard.during(() => handle(answer));
          return pending?.catch(note);
        } catch (error) {
          note(error);
        }
      };
    }
    try {
      const { response, next } = await this.#client.exec(command.command, command.attributes ?? false, {
        untagged,
      });
      next();
      if (failures.length > 0) throw failures[0];
      if (response.command.toUpperCase() !== 'OK') throw refusalOf(response, what);
      return { code: responseCode(response) };
    } catch (error) {
      if (this.#lost === undefined) throw failures.length > 0 ? failures[0] : error;
      throw failures.length > 0 && !(failures[0] instanceof PosternError) ? failures[0] : this.#gone(what);
    } finally {
      guard.stop();
    }
  }

  /** Like `command`, past imapflow. Undefined where that is not possible; nothing was sent then. */
  async bulk(command: BulkCommand): Promise<Done | undefined> {
    const results = await this.pipeline([command]);
    if (results === undefined) return undefined;
    const [result] = results;
    if (result instanceof Failed) throw result.error;
    return result;
  }

  /**
   * Sends commands in one go. Each has a result of its own; only a lost connection throws. Undefined where that is not possible;
   * nothing was sent then.
   */
  async pipeline(commands: readonly BulkCommand[]): Promise<readonly (Done | Failed)[] | undefined> {
    if (this.#options.reader === 'imapflow' || !this.usable) return undefined;
    const areSeveral = commands.length > 1;
    if (areSeveral && this.#pace.takesSeveral === false) return undefined;
    const lane = await BulkLane.enter(this.#client);
    if (lane === undefined) return undefined;
    const run = (from: number): Promise<readonly (Done | Failed)[]> => {
      const command = commands[from];
      if (command === undefined) return this.#onLane(lane, commands);
      const { effect, target } = command;
      return this.#options.seam.run({ surface: 'wire', name: effect, target }, () => run(from + 1));
    };
    try {
      const results = await run(0);
      if (areSeveral) this.#pace.takesSeveral = true;
      return results;
    } catch (error) {
      if (areSeveral && isLoss(error)) this.#pace.takesSeveral = false;
      throw error;
    } finally {
      lane.leave();
    }
  }

  async #onLane(lane: BulkLane, commands: readonly BulkCommand[]): Promise<readonly (Done | Failed)[]> {
    const { stall = STALL, silence = SILENCE } = this.#options.timeouts ?? {};
    const pipeline = new Pipeline(commands);
    const what = () => nameOf(pipeline.current);
    const limit = commands.some(({ progress }) => progress === false)
      ? stall * PATIENCE
      : Math.min(stall, silence);
    const guard = this.#watch(what, { limit, silence, received: () => lane.received });
    const handlers = pipeline.handlers({
      count: (keyword, number) => this.#changed(keyword, number),
      fault: line => this.noteFault(line),
      during: handle => guard.during(handle),
    });
    try {
      await lane.run(
        commands.map(({ text }) => text),
        handlers,
      );
      return pipeline.results();
    } catch (error) {
      if (!isLoss(error)) throw error;
      this.noteLoss(error.message);
      this.destroy();
      const gone = this.#gone(what());
      throw lane.bye === undefined ? gone : new SaidBye(gone.message, lane.bye);
    } finally {
      guard.stop();
    }
  }

  #guard(what: string, times: number): StallGuard {
    const limit = (this.#options.timeouts?.stall ?? STALL) * times;
    return this.#watch(() => what, { limit, received: () => this.#client.stats().received });
  }

  #watch(
    what: () => string,
    times: { readonly limit: number; readonly silence?: number; readonly received: () => number },
  ): StallGuard {
    const give = (time: number) => this.giveUp(`no progress during ${what()} for ${duration(time)}`);
    return new StallGuard({ ...times, give });
  }

  /** Ends the connection, because nothing good can come of it; `why` becomes the reason of the command under way. */
  giveUp(why: string): void {
    this.#lost ??= why;
    this.#client.close();
  }

  #gone(what: string): PosternError {
    const why = this.#lost || this.#loss;
    return new PosternError(
      'unreachable',
      `the connection to ${this.#options.host} was lost during ${what}${why ? ` (${why})` : ''}`,
      { hint: AGAIN },
    );
  }

  /** Gives the connection up without a word to the server. */
  destroy(): void {
    this.#lost ??= '';
    this.selection = undefined;
    this.#client.close();
  }

  /** Says LOGOUT where that is quick, and closes in any case. */
  async logout(): Promise<void> {
    const limit = this.#options.timeouts?.logout ?? 2_000;
    const timer = setTimeout(() => this.#client.close(), limit);
    try {
      if (this.usable) await this.#client.logout();
    } catch {
      // The connection is going away either way.
    } finally {
      clearTimeout(timer);
      this.destroy();
    }
  }
}

export function isLoss(error: unknown): error is PosternError {
  return error instanceof PosternError && error.code === 'unreachable';
}

/** imapflow takes one NO ("Some of the requested messages no longer exist") for success; we do not. */
function refusalOf(answer: Answer, what: string): CommandRefused {
  return new CommandRefused({
    status: answer.command.toUpperCase() === 'BAD' ? 'BAD' : 'NO',
    responseCode: responseCode(answer)?.name,
    words: statusText(answer),
    what,
  });
}
