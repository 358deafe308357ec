import { type ChildProcess, spawn } from 'node:child_process';
import { INBOX } from '@postern/core/model/mailbox.js';
import { NO_EPOCH } from '@postern/core/model/row.js';
import { afterEach, describe, expect, it } from 'vitest';
import { fileBytes, TemporaryMaildir } from './temporary-maildir.js';

/** Renames every file to and fro until it is told to stop, then says how often it did. */
const RENAMER = `
const { renameSync, readdirSync } = require('node:fs');
const directory = process.argv[1];
const names = readdirSync(directory).map(name => name.split(':')[0]);
let count = 0;
let stopped = false;
process.on('message', () => { stopped = true; });
process.send('started');
(function round() {
  for (const name of names) {
    const [from, to] = count < names.length || Math.floor(count / names.length) % 2 === 0 ? ['', 'S'] : ['S', ''];
    renameSync(directory + '/' + name + ':2,' + from, directory + '/' + name + ':2,' + to);
    count++;
  }
  if (stopped) process.send(count, () => process.disconnect());
  else setImmediate(round);
})();
`;

const FILES = 2500;
let child: ChildProcess | undefined;
afterEach(() => child?.kill('SIGKILL'));

async function startRenaming(directory: string): Promise<() => Promise<number>> {
  child = spawn(process.execPath, ['-e', RENAMER, directory], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const said = () => new Promise<unknown>(resolve => child?.once('message', resolve));
  await said();
  return async () => {
    const count = said();
    child?.send('stop');
    return Number(await count);
  };
}

describe('while another program renames files all the time', () => {
  it('no message is ever taken for removed', async () => {
    const maildir = await TemporaryMaildir.make();
    const names = Array.from({ length: FILES }, (_, index) => `${index}.M1.host`);
    for (const name of names) maildir.put('cur', `${name}:2,`, fileBytes(name));
    const side = maildir.side();
    let known = await side.snapshot(INBOX, undefined);
    const stop = await startRenaming(maildir.path('cur'));
    for (let round = 0; round < 8; round++) {
      const now = await side.snapshot(INBOX, known);
      const missing = names.filter(name => !now.rows.has(name as never));
      expect(missing, `round ${round}`).toEqual([]);
      expect(now.unreadable.size).toBe(0);
      known = now;
      const sight = await side.look(
        INBOX,
        NO_EPOCH,
        [...known.rows.keys()].slice(round * 20, round * 20 + 20),
      );
      expect([...sight.gone]).toEqual([]);
    }
    expect(await stop()).toBeGreaterThan(FILES);
    const { rows } = await side.snapshot(INBOX, known);
    expect(rows.size).toBe(FILES);
    expect(new Set([...rows.values()].map(({ identity }) => identity.messageId)).size).toBe(FILES);
  });
});
