import { connect, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ImapRig, imapRig, subjects } from '../support/imap-rig.js';
import { message } from '../support/messages.js';

/** A rig whose server is behind something that hangs up over two commands in one write. */
async function oneAtATime(capabilities: string): Promise<ImapRig & { readonly hungUp: () => number }> {
  let hungUp = 0;
  const options: { port?: number } = {};
  const one = await imapRig({ capabilities }, options);
  const proxy = createServer(client => {
    const server = connect(one.server.port, '127.0.0.1');
    client.on('data', chunk => {
      if ((chunk.toString('latin1').match(/^Z\d+ /gm) ?? []).length > 1) {
        hungUp++;
        client.destroy();
        server.destroy();
      } else server.write(chunk);
    });
    server.on('data', chunk => client.write(chunk));
    for (const [a, b] of [
      [client, server],
      [server, client],
    ] as const) {
      a.on('error', () => {});
      a.on('close', () => b.destroy());
    }
  });
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void proxy.close());
  options.port = (proxy.address() as { port: number }).port;
  return { ...one, hungUp: () => hungUp };
}

describe('a server that takes one command at a time', () => {
  it.each(['IMAP4rev1 NAMESPACE UIDPLUS MOVE CONDSTORE UNSELECT ESEARCH', 'IMAP4rev1 NAMESPACE UIDPLUS'])(
    'with %s costs a connection at most',
    async capabilities => {
      const { rig, tried, hungUp } = await oneAtATime(capabilities);
      for (const subject of ['a', 'b', 'c']) rig.remote.add('INBOX', message({ subject }));
      await tried();
      const [first] = rig.local.mailbox('INBOX').messages.values();
      rig.local.remove('INBOX', first!.key);
      const before = hungUp();
      expect((await tried()).report?.apply.counts).toMatchObject({ done: 1, failed: 0 });
      expect(hungUp() - before).toBeLessThanOrEqual(1);
      expect(subjects(rig.remote)).toEqual(['b', 'c']);
      rig.remote.add('INBOX', message({ subject: 'd' }));
      expect((await tried()).report?.apply.counts).toMatchObject({ done: 1, failed: 0 });
      expect(subjects(rig.local)).toEqual(['b', 'c', 'd']);
    },
  );
});

it('a plan with sizes that were made smaller has no large message read ahead', async () => {
  const { rig, server } = await imapRig();
  const text = 'x'.repeat(5 * 1024 * 1024);
  for (const id of ['a', 'b']) rig.remote.add('INBOX', message({ id, body: text }));
  const { actions } = await rig.plan();
  expect(actions.map(({ op }) => op)).toEqual(['download', 'download']);
  const edited = actions.map(action => ({ ...action, message: { ...action.message!, size: 1 } }));
  await rig.apply(edited);
  expect(server.count(/BODY\.PEEK\[\]/)).toBe(0);
});
