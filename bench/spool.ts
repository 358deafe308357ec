import { chownSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { corpus, corpusMailboxes, maildirPath, writeMaildir } from '../test/support/corpus.js';
import type { BenchOptions } from './options.js';
import type { Account } from './programs.js';

/** Fills an account that nobody has used yet, and lets the server index it. Returns how many messages it has. */
export async function fillAccount(account: Account, options: BenchOptions): Promise<number> {
  const directory = account.server.mailDir(account.user);
  const owner = statSync(join(directory, '..'));
  mkdirSync(directory);
  const shape = {
    seed: options.seed,
    messages: options.messages,
    mailboxes: options.mailboxes,
    meanBytes: options.meanBytes,
  };
  // Maildir letters have no place for keywords on a server, and mbsync expunges what is marked.
  const plain = function* () {
    for (const one of corpus(shape))
      yield { ...one, flags: one.flags.filter(flag => flag.startsWith('\\') && flag !== '\\Deleted') };
  };
  const messages = writeMaildir(directory, plain());
  chownTree(directory, owner.uid, owner.gid);
  await readEverything(account, corpusMailboxes(shape));
  return messages;
}

function chownTree(path: string, uid: number, gid: number): void {
  chownSync(path, uid, gid);
  for (const one of readdirSync(path, { withFileTypes: true })) {
    if (one.isDirectory()) chownTree(join(path, one.name), uid, gid);
    else chownSync(join(path, one.name), uid, gid);
  }
}

/** Every message is read once, so that the server's indexes are complete before anybody's time is taken. */
async function readEverything({ server, user }: Account, mailboxes: readonly string[]): Promise<void> {
  const socket = connect(server.port, server.host);
  const commands = [
    `LOGIN ${user} ${server.password}`,
    ...mailboxes.flatMap(mailbox => [
      `SELECT "${mailbox}"`,
      'FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE FROM TO CC SUBJECT X-TUID)] BODY.PEEK[])',
    ]),
    'LOGOUT',
  ];
  socket.write(commands.map((command, index) => `a${index} ${command}\r\n`).join(''));
  await new Promise<void>((resolve, reject) => {
    socket.on('data', () => undefined);
    socket.once('error', reject);
    socket.once('close', () => resolve());
  });
}

/** The directory of the account's mail, for those who compare. */
export function accountRoot({ server, user }: Account): string {
  return join(server.mailDir(user), maildirPath('INBOX', 'maildir++'));
}
