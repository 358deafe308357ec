import { connect, createServer, type Socket } from 'node:net';
import { CommandLines, type SentCommand } from './command-lines.js';

export interface WireProxy {
  /** On 127.0.0.1, in front of the target. */
  readonly port: number;
  /** Octets that went from the server to clients, over all connections. */
  received(): number;
  /** Octets that clients sent. */
  sent(): number;
  /** The commands clients sent (plain connections only), in order; those whose text matches where a pattern is given. */
  commands(matching?: RegExp): readonly SentCommand[];
  /** Messages whose bytes went either way (plain connections only): what was appended, and bodies that were fetched. */
  bodies(): number;
  /** How many connections clients made. */
  connections(): number;
  /** Starts the counts, the commands and the connections at zero. */
  reset(): void;
  /** Ends the connection once so many more octets went that way; the last of them still arrives. Happens once. */
  cutAfter(octets: number, direction?: 'received' | 'sent'): void;
  /** After so many more octets that way nothing passes any more, in either direction; the connection stays. Happens once. */
  stallAfter(octets: number, direction?: 'received' | 'sent'): void;
  /** After so many more octets from the server everything waits, in either direction, until `resume`. Happens once. */
  pauseAfter(octets: number): void;
  resume(): void;
  /** From now on what passes arrives in pieces of so many octets, each written on its own; 0 ends that. */
  chop(octets: number): void;
  /** The next command that matches reaches the server, but its answer is lost and the connection ends. Happens once. */
  loseAnswerTo(command: RegExp): void;
  /** Ends all connections that are open. */
  cutAll(): void;
  stop(): Promise<void>;
}

type Direction = 'received' | 'sent';

interface Fault {
  left: number;
  readonly direction: Direction;
  readonly kind: 'cut' | 'stall' | 'pause';
}

/** A TCP relay that counts and, when told, cuts, stalls or chops. */
export async function startProxy(targetPort: number): Promise<WireProxy> {
  const open = new Set<Socket>();
  const counts = { received: 0, sent: 0, connections: 0 };
  let commands: SentCommand[] = [];
  let fetched = 0;
  let cut: Fault | undefined;
  let pieces = 0;
  /** What waits while everything waits. */
  let held: (() => void)[] | undefined;
  let losing: RegExp | undefined;

  const server = createServer(client => {
    const upstream = connect(targetPort, '127.0.0.1');
    counts.connections++;
    let lostTag: string | undefined;
    let stalled = false;
    const end = () => {
      for (const socket of [client, upstream]) {
        open.delete(socket);
        socket.destroy();
      }
    };
    /** How much of a chunk may pass; ends the connection after it where the limit is reached. */
    const pass = (to: Socket, chunk: Buffer, direction: Direction) => {
      if (stalled) return;
      if (held !== undefined) {
        held.push(() => pass(to, chunk, direction));
        return;
      }
      const last = cut?.direction === direction && chunk.length >= cut.left;
      const part = last ? chunk.subarray(0, cut!.left) : chunk;
      counts[direction] += part.length;
      if (cut?.direction === direction) cut.left -= part.length;
      if (pieces > 0)
        for (let at = 0; at < part.length; at += pieces) to.write(part.subarray(at, at + pieces));
      else to.write(part);
      if (!last) return;
      const kind = cut?.kind;
      cut = undefined;
      stalled = kind === 'stall';
      if (kind === 'pause') held = [() => pass(to, chunk.subarray(part.length), direction)];
      else if (!stalled) to.write(Buffer.alloc(0), end);
    };
    const lines = new CommandLines(command => {
      commands.push(command);
      if (losing?.test(command.text) === true) {
        losing = undefined;
        lostTag = command.tag;
      }
    });
    let tail = '';
    /** `BODY[]` whole, or the first of several pieces; the header has another name. */
    const countBodies = (chunk: Buffer) => {
      const text = tail + chunk.toString('latin1');
      const found = [...text.matchAll(/BODY\[\](?:<0>)? ["{]/g)];
      fetched += found.length;
      const last = found.at(-1);
      tail = text.slice(Math.max(text.length - 10, last === undefined ? 0 : last.index + last[0].length));
    };
    let unanswered = '';
    const swallow = (chunk: Buffer) => {
      unanswered += chunk.toString('latin1');
      if (new RegExp(`(^|\\n)${lostTag} [^\\n]*\\n`).test(unanswered)) end();
    };
    client.on('data', chunk => {
      lines.push(chunk);
      pass(upstream, chunk, 'sent');
    });
    upstream.on('data', chunk => {
      countBodies(chunk);
      if (lostTag === undefined) pass(client, chunk, 'received');
      else swallow(chunk);
    });
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.setNoDelay(true);
      socket.on('error', end);
    }
    client.on('end', () => upstream.end());
    upstream.on('end', () => client.end());
    client.on('close', end);
    upstream.on('close', end);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });

  const cutAll = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    port: (server.address() as { port: number }).port,
    received: () => counts.received,
    sent: () => counts.sent,
    commands: matching => commands.filter(({ text }) => matching?.test(text) ?? true),
    bodies: () => fetched + appended(commands),
    connections: () => counts.connections,
    reset: () => {
      Object.assign(counts, { received: 0, sent: 0, connections: 0 });
      commands = [];
      fetched = 0;
    },
    cutAfter: (octets, direction = 'received') => {
      cut = { left: octets, direction, kind: 'cut' };
    },
    stallAfter: (octets, direction = 'received') => {
      cut = { left: octets, direction, kind: 'stall' };
    },
    pauseAfter: octets => {
      cut = { left: octets, direction: 'received', kind: 'pause' };
    },
    resume: () => {
      const waiting = held ?? [];
      held = undefined;
      for (const pass of waiting) pass();
    },
    chop: octets => {
      pieces = octets;
    },
    loseAnswerTo: command => {
      losing = command;
    },
    cutAll,
    stop: async () => {
      cutAll();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

/** How many messages APPEND commands brought: one literal each (RFC 3502). */
function appended(commands: readonly SentCommand[]): number {
  const appends = commands.filter(({ text }) => /^APPEND /i.test(text));
  return appends.reduce((sum, { text }) => sum + [...text.matchAll(/\{\d+\+?\}/g)].length, 0);
}
