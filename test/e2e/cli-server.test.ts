import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../support/dovecot.js';
import { addMail, postern, type RunOptions } from './cli-command.js';

const SECRET = 'correct horse battery staple';
const directory = mkdtempSync(join(tmpdir(), 'postern-cli-server-'));
let repositories = 0;

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A new repository for a URL; returns what runs commands in it. */
async function repository(...init: readonly string[]) {
  const root = join(directory, `Mail${++repositories}`);
  const made = await postern(['init', root, '--remote', ...init]);
  expect(made.exit).toBe(0);
  const run = (args: readonly string[], env: RunOptions['env'] = {}) => postern(args, { cwd: root, env });
  return { root, run, made };
}

/** A server that says fixed lines: the greeting, then an answer to each command. */
async function scripted(
  greeting: string,
  answer: (command: string) => string,
): Promise<Server & { port: number }> {
  const server = createServer(socket => {
    socket.on('error', () => undefined);
    socket.write(`${greeting}\r\n`);
    socket.on('data', chunk => {
      for (const line of chunk.toString('latin1').split('\r\n')) {
        const [tag, ...words] = line.split(' ');
        if (tag) socket.write(answer(words.join(' ')).replaceAll('TAG', tag));
      }
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(server, { port: (server.address() as AddressInfo).port });
}

describe('a server that cannot be used', () => {
  it('a port where nobody listens ends with 75', async () => {
    const server = await scripted('* OK', () => '');
    const { port } = server;
    await new Promise(resolve => server.close(resolve));
    const { run } = await repository(`imaps://me@127.0.0.1:${port}`);
    for (const args of [['fetch'], ['sync']]) {
      const { exit, stderr } = await run(args, { POSTERN_PASSWORD: SECRET });
      expect(exit).toBe(75);
      expect(stderr).toContain(`127.0.0.1:${port}`);
    }
  });

  it('a server without STARTTLS ends with 76 and never sees the password', async () => {
    const heard: string[] = [];
    const server = await scripted('* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready', command => {
      heard.push(command);
      const capability = /^CAPABILITY/i.test(command) ? '* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n' : '';
      return `${capability}TAG ${/^STARTTLS/i.test(command) ? 'BAD unknown' : 'OK'}\r\n`;
    });
    const { run } = await repository(`imap://me@127.0.0.1:${server.port}`);
    const { exit, stderr } = await run(['fetch'], { POSTERN_PASSWORD: SECRET });
    server.close();
    expect(exit).toBe(76);
    expect(stderr).not.toContain(SECRET);
    expect(heard.join('\n')).not.toMatch(/LOGIN|AUTHENTICATE/i);
  });

  it('a login without any password ends with 77', async () => {
    const server = await scripted('* OK [CAPABILITY IMAP4rev1] ready', () => 'TAG OK\r\n');
    const { run } = await repository(`imap://me@127.0.0.1:${server.port}`, '--tls', 'none');
    const { exit, stderr } = await run(['fetch']);
    server.close();
    expect(exit).toBe(77);
    expect(stderr).toContain('there is no password for me on 127.0.0.1');
  });

  it('a password command that fails ends with 77 and its status, without its output', async () => {
    const server = await scripted('* OK [CAPABILITY IMAP4rev1] ready', () => 'TAG OK\r\n');
    const command = `echo "${SECRET}"; echo "${SECRET}" >&2; exit 9`;
    const { run, made } = await repository(
      `imap://me@127.0.0.1:${server.port}`,
      ...['--tls', 'none', '--password-command', command],
    );
    expect(made.stderr).toContain('in the clear');
    const { exit, stdout, stderr } = await run(['fetch'], { POSTERN_DEBUG: '1' });
    server.close();
    expect(exit).toBe(77);
    expect(stderr).toContain('exit status 9');
    expect(stdout + stderr).not.toContain(SECRET);
  });
});

describe.skipIf(dovecotMissing())(withDovecot('a real server'), () => {
  let dovecot: Dovecot;

  beforeAll(async () => {
    dovecot = await startDovecot();
  });

  afterAll(() => dovecot.stop());

  it('a wrong password ends with 77 and is not shown', async () => {
    const { run } = await repository(`imaps://me@127.0.0.1:${dovecot.tlsPort}`, '--ca', dovecot.caFile);
    const { exit, stdout, stderr } = await run(['fetch'], { POSTERN_PASSWORD: SECRET, POSTERN_DEBUG: '1' });
    expect(exit).toBe(77);
    expect(stdout + stderr).not.toContain(SECRET);
  });

  it('a certificate that nothing vouches for ends with 76', async () => {
    for (const url of [`imaps://me@127.0.0.1:${dovecot.tlsPort}`, `imap://me@127.0.0.1:${dovecot.port}`]) {
      const { run } = await repository(url);
      expect((await run(['fetch'], { POSTERN_PASSWORD: dovecot.password })).exit).toBe(76);
    }
  });

  it.each(['imaps', 'imap'])(
    'sync over %s:// carries mail both ways, and then there is nothing to do',
    async scheme => {
      const port = scheme === 'imaps' ? dovecot.tlsPort : dovecot.port;
      const user = `both-${scheme}`;
      const { root, run } = await repository(
        `${scheme}://${user}@127.0.0.1:${port}`,
        ...['--ca', dovecot.caFile, '--password-command', `printf %s ${dovecot.password}`],
      );
      addMail(root, 1);
      addMail(root, 2, 'FS');
      expect(await run(['sync'])).toMatchObject({ exit: 0, stderr: '' });
      expect(readdirSync(join(dovecot.mailDir(user), 'cur'))).toHaveLength(2);

      const second = await repository(
        `${scheme}://${user}@127.0.0.1:${port}`,
        ...['--ca', dovecot.caFile, '--password-command', `printf %s ${dovecot.password}`],
      );
      expect(await second.run(['sync'])).toMatchObject({ exit: 0, stderr: '' });
      const flags = readdirSync(join(second.root, 'cur')).map(name => name.split(':2,')[1]);
      expect(flags.sort()).toEqual(['FS', 'S']);
      expect((await second.run(['sync'])).stdout).toContain('Nothing to do');
    },
  );
});
