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
  /** How many connections clients made. */
  connections(): number;
  /** Starts the counts, the commands and the connections at zero. */
  reset(): void;
  /** Ends the connection once so many more octets went that way; the last of them still arrives. Happens once. */
  cutAfter(octets: number, direction?: 'received' | 'sent'): void;
  /** The next command that matches reaches the server, but its answer is lost and the connection ends. Happens once. */
  loseAnswerTo(command: RegExp): void;
  /** Ends all connections that are open. */
  cutAll(): void;
  stop(): Promise<void>;
}

/** A TCP relay that counts and, when told, cuts. */
export async function startProxy(targetPort: number): Promise<WireProxy> {
  const open = new Set<Socket>();
  const counts = { received: 0, sent: 0, connections: 0 };
  let commands: SentCommand[] = [];
  let cut: { left: number; readonly direction: 'received' | 'sent' } | undefined;
  let losing: RegExp | undefined;

  const server = createServer(client => {
    const upstream = connect(targetPort, '127.0.0.1');
    counts.connections++;
    let lostTag: string | undefined;
    const end = () => {
      for (const socket of [client, upstream]) {
        open.delete(socket);
        socket.destroy();
      }
    };
    /** How much of a chunk may pass; ends the connection after it where the limit is reached. */
    const pass = (to: Socket, chunk: Buffer, direction: 'received' | 'sent') => {
      const last = cut?.direction === direction && chunk.length >= cut.left;
      const part = last ? chunk.subarray(0, cut!.left) : chunk;
      counts[direction] += part.length;
      if (cut?.direction === direction) cut.left -= part.length;
      if (last) {
        cut = undefined;
        to.write(part, end);
      } else {
        to.write(part);
      }
    };
    const lines = new CommandLines(command => {
      commands.push(command);
      if (losing?.test(command.text) === true) {
        losing = undefined;
        lostTag = command.tag;
      }
    });
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
    connections: () => counts.connections,
    reset: () => {
      Object.assign(counts, { received: 0, sent: 0, connections: 0 });
      commands = [];
    },
    cutAfter: (octets, direction = 'received') => {
      cut = { left: octets, direction };
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
