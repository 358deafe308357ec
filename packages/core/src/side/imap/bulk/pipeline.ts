import { CommandRefused } from '../error-words.js';
import type { ResponseCode } from '../tokens.js';
import type { LaneHandlers } from './bulk-lane.js';

/** A command whose answers our own reader takes. */
export interface BulkCommand {
  readonly effect: string;
  /** The mailbox it is about, for people. */
  readonly target: string;
  /** Without tag and CRLF; an octet a character (Latin-1). */
  readonly text: string;
  /** Sees FETCH rows until it is answered, where no command before it does; `from` is where the item list begins. */
  readonly row?: (response: Buffer, from: number) => void | Promise<void>;
  /** Sees what is said meanwhile that is not about messages. */
  readonly line?: (text: string) => void;
  /** Sees EXISTS of a mailbox that is about to be open. */
  readonly exists?: (messages: number) => void;
  /** Sees EXPUNGE: the place the message had in the mailbox. */
  readonly expunged?: (place: number) => void;
  /** False for commands a server may work on for long without a word that counts as progress (EXPUNGE, COPY): only silence ends them. */
  readonly progress?: boolean;
  /** When it is answered with OK. */
  readonly done?: (done: Done) => void;
}

export interface Done {
  /** The response code of the tagged OK. */
  readonly code: ResponseCode | undefined;
}

/** What became of a command that did not succeed. */
export class Failed {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** What a session does itself with what comes meanwhile. */
interface Surroundings extends Pick<LaneHandlers, 'count' | 'fault'> {
  /** Runs what handles a response. */
  readonly during: (handle: () => void | Promise<void>) => void | Promise<void>;
}

/** Commands that are sent in one go, and what became of each. */
export class Pipeline {
  readonly #commands: readonly BulkCommand[];
  readonly #waiting: Set<BulkCommand>;
  readonly #results = new Map<BulkCommand, Done | Failed>();

  constructor(commands: readonly BulkCommand[]) {
    this.#commands = commands;
    this.#waiting = new Set(commands);
  }

  /** The first that is not answered. */
  get current(): BulkCommand {
    const [first = this.#commands.at(-1)!] = this.#waiting;
    return first;
  }

  /** In the order of the commands, when all are answered. */
  results(): readonly (Done | Failed)[] {
    return this.#commands.map(command => this.#results.get(command)!);
  }

  handlers({ count, fault, during }: Surroundings): LaneHandlers {
    return {
      row: (response, from) => {
        for (const command of this.#waiting) {
          if (command.row !== undefined)
            return this.#try(command, () => during(() => command.row!(response, from)));
        }
      },
      line: text => {
        for (const command of this.#waiting) this.#try(command, () => command.line?.(text));
      },
      count: (keyword, number) => {
        if (keyword === 'EXISTS') this.current.exists?.(number);
        if (keyword === 'EXPUNGE')
          for (const command of this.#waiting) this.#try(command, () => command.expunged?.(number));
        count(keyword, number);
      },
      fault,
      answered: (index, { status, code, text: words }) => {
        const command = this.#commands[index]!;
        this.#waiting.delete(command);
        const done = { code };
        if (status === 'OK') this.#try(command, () => command.done?.(done));
        const refusal = () =>
          new CommandRefused({
            status: status as 'NO' | 'BAD',
            responseCode: code?.name,
            words,
            what: nameOf(command),
          });
        const result = status === 'OK' ? done : new Failed(refusal());
        if (!this.#results.has(command)) this.#results.set(command, result);
      },
    };
  }

  /** The first error in handling what a command brought is its result; the rest of it is passed over. */
  #try(command: BulkCommand, act: () => void | Promise<void>): void | Promise<void> {
    if (this.#results.has(command)) return;
    const note = (error: unknown): void => void this.#results.set(command, new Failed(error));
    try {
      return act()?.catch(note);
    } catch (error) {
      note(error);
    }
  }
}

/** A command as people are told of it. */
export function nameOf({ effect, target }: Pick<BulkCommand, 'effect' | 'target'>): string {
  return target === '' ? effect : `${effect} in ${target}`;
}
