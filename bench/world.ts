import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Dovecot } from '../test/support/dovecot.js';
import { type Holdings, leftovers, maildirHoldings } from '../test/support/mail-holdings.js';
import { type Invocation, measure } from './measured-process.js';
import type { Program, SyncOptions } from './programs.js';
import type { Measured } from './table.js';
import { TrafficMeter } from './traffic.js';

/** Milliseconds after which a change of a directory is no longer too new to be told from the next. */
const SETTLED = 2_100;

export interface WorldOptions {
  readonly program: Program;
  readonly server: Dovecot;
  readonly user: string;
  /** An empty directory. */
  readonly place: string;
  /** Where the program finds the server. */
  readonly port: number;
}

/** An account of its own for one program, and its local side; both can be put back to how they were once. */
export class World {
  readonly program: Program;
  readonly server: Dovecot;
  readonly user: string;
  readonly mail: string;
  readonly #place: string;
  readonly #sync: (options: SyncOptions) => Invocation;
  #thrown = 0;

  constructor({ program, server, user, place, port }: WorldOptions) {
    this.program = program;
    this.server = server;
    this.user = user;
    this.#place = place;
    mkdirSync(join(place, 'local'), { recursive: true });
    const prepared = program.prepare(join(place, 'local'), { server, user, port });
    this.mail = prepared.mail;
    this.#sync = prepared.sync;
  }

  /** The account's mail on the server's disk. */
  get remote(): string {
    return this.server.mailDir(this.user);
  }

  /** Throws when the program's exit status is not 0. */
  async sync(): Promise<Measured> {
    const { cost, failure } = await this.trySync();
    if (failure !== undefined) throw new Error(failure);
    return cost;
  }

  async trySync(options: SyncOptions = {}): Promise<{ readonly cost: Measured; readonly failure?: string }> {
    const meter = new TrafficMeter(this.server, this.user);
    const { exit, said, wall, cpu, peak } = await measure(this.#sync(options));
    const cost = { wall, cpu, peak, ...(await meter.read()) };
    if (exit === 0) return { cost };
    const last = said.trim().split('\n').slice(-3).join(' / ').slice(-200);
    return { cost, failure: `${this.program.name} ended with ${exit}: ${last}` };
  }

  /** Keeps a copy of everything, for `restore`. */
  keep(): void {
    copyTree(this.remote, join(this.#place, 'kept-remote'));
    copyTree(join(this.#place, 'local'), join(this.#place, 'kept-local'));
  }

  /**
   * Everything as it was when it was kept, and synced once: copied files are new to whoever looks at inodes and times. Old
   * trees are moved away: deleting one slows the disk for whoever comes next.
   */
  async restore(): Promise<void> {
    for (const [kept, used] of [
      ['kept-remote', this.remote],
      ['kept-local', join(this.#place, 'local')],
    ] as const) {
      renameSync(used, `${join(this.#place, `old-${kept}`)}-${++this.#thrown}`);
      copyTree(join(this.#place, kept), used);
    }
    await new Promise(resolve => setTimeout(resolve, SETTLED));
    await this.sync();
  }

  holdings(): { readonly remote: Holdings; readonly local: Holdings } {
    return {
      remote: maildirHoldings(this.remote, this.program.cleaned),
      local: maildirHoldings(this.mail, this.program.cleaned),
    };
  }

  /** What is wrong after a sync that should leave so many messages on both sides, or undefined. */
  fault(messages: number): string | undefined {
    const { remote, local } = this.holdings();
    const [there, here] = [countOf(remote), countOf(local)];
    if (there !== messages || here !== messages)
      return `${there} and ${here} messages instead of ${messages}`;
    if (!isDeepStrictEqual(withMail(remote), withMail(local))) return 'the sides differ';
    return leftovers(this.mail).length > 0 ? 'files are left in tmp' : undefined;
  }
}

/** With owners and times, which Dovecot's indexes hold on to. */
function copyTree(from: string, to: string): void {
  execFileSync('cp', ['-a', from, to]);
}

export function countOf(holdings: Holdings): number {
  return Object.values(holdings).reduce((sum, messages) => sum + messages.length, 0);
}

function withMail(holdings: Holdings): Holdings {
  return Object.fromEntries(Object.entries(holdings).filter(([, messages]) => messages.length > 0));
}
