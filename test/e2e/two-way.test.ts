import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../support/dovecot.js';
import { contentOf } from '../support/letters.js';
import type { Holdings } from '../support/mail-holdings.js';
import { MaildirUser } from '../support/maildir-user.js';
import { message } from '../support/messages.js';
import { AccountWorld } from './account-world.js';

const DATE = 1_700_000_000_000;
const numbered = (number: number, mailbox = 'INBOX') => ({
  mailbox,
  bytes: message({ subject: `${mailbox} ${number}`, body: `This is ${number} of ${mailbox}.\r\n` }),
  flags: ['\\Seen'],
  date: DATE + number * 1000,
});
const bytesOf = (number: number) => numbered(number).bytes;
const contentOfNumber = (number: number) => contentOf(bytesOf(number));

/** The entry of message `number` with these flags, as holdings have it. */
const held = (number: number, ...flags: string[]) =>
  [contentOfNumber(number), [...flags].sort().join(' ')].join(' ').trimEnd();

describe.skipIf(dovecotMissing())(withDovecot('changes on both sides since the last sync'), () => {
  let server: Dovecot;
  let world: AccountWorld;
  let reader: MaildirUser;
  let after: Holdings;
  const edited = message({ subject: 'INBOX 21', body: 'Edited in place.\r\n' });
  const fresh = (name: string) => message({ subject: name, body: `${name}\r\n` });

  /** The local file of a message. */
  function fileOf(number: number): string {
    const wanted = createHash('sha256').update(bytesOf(number)).digest('hex');
    for (const key of reader.files('INBOX')) {
      const path = reader.path('INBOX', key.split(':2,')[0]!);
      if (contentOf(readFileSync(path)) === wanted) return path;
    }
    throw new Error(`no file has message ${number}`);
  }
  const keyOf = (number: number) => basename(fileOf(number)).split(':2,')[0]!;

  beforeAll(async () => {
    server = await startDovecot();
    world = new AccountWorld(server);
    await world.fillAccount(Array.from({ length: 40 }, (_, index) => numbered(index + 1)));
    await world.fillAccount([1, 2, 3].map(number => numbered(number, 'Gone here')));
    await world.init();
    await world.good(['sync']);
    reader = new MaildirUser(world.local);
    await world.asClient(async client => {
      // In an account that was filled in order, message n of INBOX has UID n.
      for (const name of ['remote 1', 'remote 2']) await client.append('INBOX', fresh(name));
      await client.command('CREATE "Neu/auf dem Server"');
      await client.append('Neu/auf dem Server', fresh('remote in new mailbox'), ['\\Flagged']);
      await client.store('INBOX', 1, '+FLAGS (\\Flagged)');
      await client.store('INBOX', 2, '-FLAGS (\\Seen)');
      await client.store('INBOX', 3, '+FLAGS (\\Answered)');
      await client.store('INBOX', 4, '+FLAGS (\\Flagged)');
      await client.store('INBOX', 5, '+FLAGS (\\Flagged)');
      for (const uid of [11, 12, 13]) await client.expunge('INBOX', uid);
      await client.expunge('INBOX', 15);
      await client.store('INBOX', 16, '+FLAGS (\\Flagged)');
      await client.expunge('INBOX', 17);
      await client.move('INBOX', 31, 'Gone here');
    });
    for (const name of ['local 1', 'local 2']) reader.add('INBOX', fresh(name), ['\\Seen']);
    const made = world.makeLocalMailbox('.Neu.hier');
    writeFileSync(join(made, 'new', '1700000000.M1P1.user'), 'Subject: local in new mailbox\n\nHello.\n');
    for (const number of [3, 4, 6]) reader.addFlag('INBOX', keyOf(number), '\\Flagged');
    reader.addFlag('INBOX', keyOf(5), '\\Answered');
    for (const number of [14, 15, 16]) reader.remove('INBOX', keyOf(number));
    reader.addFlag('INBOX', keyOf(17), '\\Flagged');
    writeFileSync(fileOf(21), edited.toString('latin1').replaceAll('\r\n', '\n'));
    const named = fileOf(22);
    renameSync(named, join(dirname(named), '1700000022.renamed.by.hand:2,S'));
    reader.move('INBOX', keyOf(32), 'Gone here');
    expect(await world.run(['sync'])).toMatchObject({ exit: 0, stderr: '' });
    after = await world.expectSettled();
  }, 300_000);

  afterAll(async () => {
    world?.remove();
    await server?.stop();
  });

  it('travel in one sync, and then both sides are equal and nothing is left to do', async () => {
    expect(await world.good(['sync'])).toContain('Nothing to do');
  });

  it('new mail is on both sides, once', () => {
    for (const name of ['remote 1', 'remote 2']) expect(after['INBOX']).toContain(contentOf(fresh(name)));
    for (const name of ['local 1', 'local 2'])
      expect(after['INBOX']).toContain(`${contentOf(fresh(name))} \\Seen`);
    expect(after['Neu/auf dem Server']).toEqual([`${contentOf(fresh('remote in new mailbox'))} \\Flagged`]);
    expect(after['Neu/hier']).toHaveLength(1);
  });

  it('flags are merged, each on its own', () => {
    expect(after['INBOX']).toEqual(
      expect.arrayContaining([
        held(1, '\\Flagged', '\\Seen'),
        held(2),
        held(3, '\\Answered', '\\Flagged', '\\Seen'),
        held(4, '\\Flagged', '\\Seen'),
        held(5, '\\Answered', '\\Flagged', '\\Seen'),
        held(6, '\\Flagged', '\\Seen'),
      ]),
    );
  });

  it('deletions travel both ways', () => {
    const left = after['INBOX']!.map(entry => entry.split(' ')[0]);
    for (const number of [11, 12, 13, 14, 15]) expect(left).not.toContain(contentOfNumber(number));
  });

  it('a message deleted on one side and flagged on the other is kept', () => {
    expect(after['INBOX']).toContain(held(16, '\\Flagged', '\\Seen'));
    expect(after['INBOX']).toContain(held(17, '\\Flagged', '\\Seen'));
  });

  it('of a message edited in place both versions are kept', () => {
    expect(after['INBOX']).toContain(`${contentOf(edited)} \\Seen`);
    expect(after['INBOX']).toContain(held(21, '\\Seen'));
  });

  it('a file renamed by hand keeps its name and its message stays one', () => {
    expect(reader.files('INBOX')).toContain('1700000022.renamed.by.hand:2,S');
    expect(after['INBOX']!.filter(entry => entry === held(22, '\\Seen'))).toHaveLength(1);
  });

  it('MD-10: a message moved on one side is moved on the other', () => {
    for (const number of [31, 32]) {
      expect(after['Gone here']).toContain(held(number, '\\Seen'));
      expect(after['INBOX']).not.toContain(held(number, '\\Seen'));
    }
  });

  it('no message is there that nobody wanted: 40, less 5 deleted and 2 moved, 4 new and 1 second version', () => {
    expect(after['INBOX']).toHaveLength(40 - 5 - 2 + 4 + 1);
    expect(after['Gone here']).toHaveLength(3 + 2);
  });
});
