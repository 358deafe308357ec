import { connect, createServer, type Socket } from 'node:net';

export interface DelayProxy {
  readonly port: number;
  /** Milliseconds of a round trip from now on. */
  setRoundTrip(milliseconds: number): void;
  stop(): Promise<void>;
}

/** A TCP relay on loopback that lets every octet wait half a round trip, each way. */
export async function startDelayProxy(targetPort: number): Promise<DelayProxy> {
  const open = new Set<Socket>();
  let half = 0;
  const relay = (from: Socket, to: Socket) => {
    from.on('data', chunk => {
      if (half === 0) to.write(chunk);
      else setTimeout(() => to.writable && to.write(chunk), half);
    });
    from.on('error', () => {});
    from.on('close', () => {
      open.delete(from);
      setTimeout(() => to.destroy(), half);
    });
    open.add(from);
  };
  const server = createServer({ noDelay: true }, client => {
    const upstream = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    relay(client, upstream);
    relay(upstream, client);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    setRoundTrip: milliseconds => {
      half = milliseconds / 2;
    },
    stop: async () => {
      for (const socket of open) socket.destroy();
      await new Promise(resolve => server.close(resolve));
    },
  };
}
