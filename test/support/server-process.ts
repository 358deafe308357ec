import { connect, createServer } from 'node:net';

const SBIN = '/usr/local/sbin:/usr/sbin:/sbin';

/** Where servers find their programs, and speak English. */
export const sbinEnvironment = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:${SBIN}`, LC_ALL: 'C' };

/** Two ports that were free a moment ago. */
export async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()] as const;
  const ports = await Promise.all(
    servers.map(
      server =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
        }),
    ),
  );
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))));
  return [ports[0]!, ports[1]!];
}

/** Waits until a server greets on the port; throws when it died or does not within some seconds. */
export async function greeting(port: number, died: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !died(); tries++) {
    const greeted = await new Promise<boolean>(resolve => {
      const socket = connect(port, '127.0.0.1');
      socket.once('data', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('close', () => resolve(false));
      setTimeout(() => resolve(false), 5000).unref();
    }).catch(() => false);
    if (greeted) return;
    await new Promise(resolve => setTimeout(resolve, 10));
  }
  throw new Error(`nobody listens on port ${port}`);
}
