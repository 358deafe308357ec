import { Worker } from 'node:worker_threads';
import type { Seam } from '../../model/effect.js';
import { bug, PosternError } from '../../model/error.js';
import type { MailboxName } from '../../model/mailbox.js';
import type { Written } from './letter-file.js';
import type { Parcel, ParcelAnswer, ParcelLetter } from './parcel.js';

/** Octets of a parcel; larger letters are not written here. */
export const LARGEST_IN_PARCEL = 256 * 1024;
/** Parcels of one scribe that are not written yet. */
const MOST_UNDER_WAY = 4;

interface Waiting {
  readonly resolve: (written: Written) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Has letters written into files by another thread, many at a time: to make a file and to write it are calls into the system that
 * cost more than all the rest of a message. Nothing is synced.
 */
export class Scribe {
  readonly #thread: Thread;
  readonly #seam: Seam;
  readonly #mailbox: MailboxName;
  readonly #underWay: Promise<void>[] = [];
  #octets = new Uint8Array(0);
  #letters: ParcelLetter[] = [];
  #waiting: Waiting[] = [];

  private constructor(thread: Thread, seam: Seam, mailbox: MailboxName) {
    this.#thread = thread;
    this.#seam = seam;
    this.#mailbox = mailbox;
  }

  /** Undefined where no thread can be had. */
  static async begin(seam: Seam, mailbox: MailboxName): Promise<Scribe | undefined> {
    const thread = await Thread.running();
    return thread === undefined ? undefined : new Scribe(thread, seam, mailbox);
  }

  /** Before a letter of so many octets is handed over: makes room for it, and waits while too much is under way. */
  async makeRoom(size: number): Promise<void> {
    if (this.#used + size > this.#octets.length) this.flush();
    while (this.#underWay.length >= MOST_UNDER_WAY) await this.#underWay.shift();
  }

  /** Takes the letter's octets; they may be used again afterwards. Settles when the file is written, or with the system's error. */
  write({ path, time }: Omit<ParcelLetter, 'end'>, bytes: Uint8Array): Promise<Written> {
    if (this.#octets.length === 0) this.#octets = this.#thread.memory();
    const end = this.#used + bytes.length;
    if (end > this.#octets.length) bug('a letter that is larger than its parcel');
    this.#octets.set(bytes, this.#used);
    this.#letters.push({ path, time, end });
    const written = new Promise<Written>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    // Whoever handed it over asks later.
    written.catch(() => undefined);
    return written;
  }

  /** Sends off what is not under way yet. */
  flush(): void {
    if (this.#letters.length === 0) return;
    const parcel = { mailbox: this.#mailbox, octets: this.#octets.buffer, letters: this.#letters };
    const waiting = this.#waiting;
    this.#octets = new Uint8Array(0);
    this.#letters = [];
    this.#waiting = [];
    this.#underWay.push(this.#send(parcel, waiting));
  }

  get #used(): number {
    return this.#letters.at(-1)?.end ?? 0;
  }

  async #send(parcel: Parcel, waiting: readonly Waiting[]): Promise<void> {
    const effect = { surface: 'fs', name: 'write-files', target: String(waiting.length) } as const;
    try {
      const { results } = await this.#seam.run(effect, () => this.#thread.send(parcel));
      for (const [at, { resolve, reject }] of waiting.entries()) {
        const result = results[at] ?? bug('a letter without a result');
        if ('error' in result) reject(Object.assign(result.error, { code: result.code }));
        else resolve(result);
      }
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }
}

interface Reply {
  readonly mailbox: MailboxName;
  readonly resolve: (answer: ParcelAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/** The one thread of this process. It keeps the process running only while it has something to do. */
class Thread {
  static #only: Promise<Thread | undefined> | undefined;
  readonly #worker: Worker;
  readonly #replies: Reply[] = [];
  readonly #memory: ArrayBuffer[] = [];
  /** Why it is no more. */
  #end: string | undefined;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (answer: ParcelAnswer) => this.#answered(answer));
    worker.on('error', error => this.#ended(error.message));
    worker.on('exit', () => this.#ended('it ended'));
    worker.unref();
  }

  static running(): Promise<Thread | undefined> {
    // Where the system grants no thread the constructor says so.
    Thread.#only ??= Thread.#start().catch(() => undefined);
    return Thread.#only;
  }

  static #start(): Promise<Thread | undefined> {
    return new Promise(resolve => {
      const worker = new Worker(new URL('./scribe-thread.js', import.meta.url), {
        resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 },
      });
      // It says that it is ready: `online` comes before its file is read.
      worker.once('message', () => resolve(new Thread(worker)));
      for (const event of ['error', 'exit']) worker.once(event, () => resolve(undefined));
    });
  }

  memory(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#memory.pop() ?? new ArrayBuffer(LARGEST_IN_PARCEL));
  }

  send(parcel: Parcel): Promise<ParcelAnswer> {
    const { mailbox } = parcel;
    // To one that is no more nothing can be sent, and nobody would say so.
    if (this.#end !== undefined) return Promise.reject(ended(this.#end, mailbox));
    this.#worker.postMessage(parcel, [parcel.octets]);
    this.#worker.ref();
    return new Promise((resolve, reject) => this.#replies.push({ mailbox, resolve, reject }));
  }

  #answered(answer: ParcelAnswer): void {
    this.#memory.push(answer.octets);
    this.#replies.shift()?.resolve(answer);
    if (this.#replies.length === 0) this.#worker.unref();
  }

  /** Whatever was under way is in doubt; the next batch is written without a thread. */
  #ended(why: string): void {
    this.#end ??= why;
    Thread.#only = Promise.resolve(undefined);
    for (const { mailbox, reject } of this.#replies.splice(0)) reject(ended(this.#end, mailbox));
  }
}

function ended(why: string, mailbox: MailboxName): PosternError {
  return new PosternError('failed', `the thread that writes files cannot go on: ${why}`, { mailbox });
}
