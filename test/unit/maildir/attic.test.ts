import { existsSync, linkSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { openSeam, type Seam } from '@postern/core/model/effect.js';
import { INBOX, type MailboxName, mailboxName } from '@postern/core/model/mailbox.js';
import { NO_EPOCH } from '@postern/core/model/row.js';
import type { Attic, AtticEntry } from '@postern/core/side/attic.js';
import { atticDirectoryName, readAtticDirectoryName } from '@postern/core/side/maildir/attic-directory.js';
import { MaildirAttic } from '@postern/core/side/maildir/maildir-attic.js';
import { findRawMessages } from '@postern/core/side/maildir/raw-message.js';
import { describe, expect, it } from 'vitest';
import { Crash, CrashSeam } from '../../support/seam.js';
import { fileBytes, TemporaryMaildir, temporaryDirectory } from './temporary-maildir.js';

const OPERATION = '20260102T030405Z-0a1b2c3d';
const WORK = mailboxName('Work/Ünïque & more');

function atticOf(maildir: TemporaryMaildir, seam: Seam = openSeam): MaildirAttic {
  return new MaildirAttic({ root: maildir.root, layout: maildir.layout, seam });
}

async function entriesOf(attic: Attic): Promise<AtticEntry[]> {
  const entries: AtticEntry[] = [];
  for await (const entry of attic.list()) entries.push(entry);
  return entries;
}

/** A Maildir from whose mailbox one message was removed. */
async function removedFrom(mailbox: MailboxName, name = '1.a:2,ST'): Promise<TemporaryMaildir> {
  const maildir = await TemporaryMaildir.make('fs');
  const side = maildir.side({ random: () => 'r4nd0m' });
  if (mailbox !== INBOX) await side.createMailbox(mailbox);
  const raw = await side.deliver(mailbox);
  const [slot] = await raw.prepare(1);
  const flags = name.includes('T') ? ['\\Deleted', '\\Seen'] : [];
  const chunks = [Buffer.from(fileBytes('one').replaceAll('\n', '\r\n'))];
  await raw.stage(slot!, { key: slot!.key!, flags, date: 1_790_000_000_000, chunks });
  await raw.publish();
  const { rows } = await side.snapshot(mailbox, undefined);
  const [expected] = rows.values();
  const removals = [{ expect: expected!, operation: OPERATION }];
  expect(await side.remove(mailbox, NO_EPOCH, removals)).toMatchObject([{ kind: 'done' }]);
  return maildir;
}

async function flagsIn(maildir: TemporaryMaildir, mailbox: MailboxName): Promise<(readonly string[])[]> {
  const { rows } = await maildir.side().snapshot(mailbox, undefined);
  return [...rows.values()].map(row => row.flags);
}

describe('the name of a directory in the attic', () => {
  it.each(['INBOX', 'Work', WORK, 'a=b@c', '日本語/-.'])('tells the mailbox %s again', name => {
    const mailbox = mailboxName(name);
    const directory = atticDirectoryName(OPERATION, mailbox);
    expect(directory).toMatch(/^[A-Za-z0-9@=._-]+$/);
    expect(readAtticDirectoryName(directory)).toEqual({
      operation: OPERATION,
      mailbox,
      began: Date.UTC(2026, 0, 2, 3, 4, 5),
    });
  });

  it('of INBOX is the operation alone, and a name too long to keep is not kept', () => {
    expect(atticDirectoryName(OPERATION, INBOX)).toBe(OPERATION);
    const long = atticDirectoryName(OPERATION, mailboxName('ü'.repeat(100)));
    expect(readAtticDirectoryName(long)).toEqual({ operation: OPERATION, began: expect.any(Number) });
  });

  it.each(['photos', '.hidden', `${OPERATION}@a/b`, `${OPERATION}@=2E=2e`, '20269902T030405Z-0a1b2c3d'])(
    'is not %s',
    name => {
      expect(readAtticDirectoryName(name as ReturnType<typeof atticDirectoryName>)).toBeUndefined();
    },
  );
});

describe('the attic lists', () => {
  it('what was removed, with mailbox, time and size', async () => {
    const maildir = await removedFrom(WORK);
    const [entry, ...others] = await entriesOf(atticOf(maildir));
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ operation: OPERATION, mailbox: WORK, size: fileBytes('one').length });
    expect(entry!.name).toBe(
      `${entry!.directory}/${readdirSync(maildir.path('.postern', 'attic', entry!.directory))[0]}`,
    );
    expect(entry!.removed).toBeGreaterThan(Date.UTC(2026, 0, 2, 3, 4, 4));
  });

  it('what a message is and its bytes as they are', async () => {
    const maildir = await removedFrom(INBOX);
    const attic = atticOf(maildir);
    const [entry] = await entriesOf(attic);
    expect(await attic.describe(entry!)).toMatchObject({
      identity: { messageId: '<one@example.org>' },
      envelope: { subject: 'one' },
    });
    expect(Buffer.concat([...attic.read(entry!)]).toString()).toBe(fileBytes('one'));
  });

  it('nothing where nothing was removed, and nothing that is not its own', async () => {
    const maildir = await TemporaryMaildir.make();
    expect(await entriesOf(atticOf(maildir))).toEqual([]);
    const elsewhere = temporaryDirectory();
    writeFileSync(`${elsewhere}/abc-mail`, 'mail');
    const path = (...names: string[]) => maildir.path('.postern', 'attic', ...names);
    mkdirSync(path('photos'), { recursive: true });
    mkdirSync(path(OPERATION, 'abc-directory'), { recursive: true });
    writeFileSync(path('photos', 'abc-1'), 'mail');
    writeFileSync(path('abc-1'), 'mail');
    writeFileSync(path(OPERATION, 'noprefix'), 'mail');
    symlinkSync(`${elsewhere}/abc-mail`, path(OPERATION, 'abc-link'));
    symlinkSync(elsewhere, path('20260102T030405Z-ffffffff'));
    expect(await entriesOf(atticOf(maildir))).toEqual([]);
    expect(await atticOf(maildir).dropEmpty()).toBe(0);
    expect(readdirSync(path()).length).toBe(4);
  });
});

describe('a restored message', () => {
  it('is back in its mailbox under a new name, without \\Deleted, and out of the attic', async () => {
    const maildir = await removedFrom(WORK);
    const attic = atticOf(maildir);
    const [entry] = await entriesOf(attic);
    expect(await attic.restore(entry!, WORK)).toEqual({ kind: 'done' });
    expect(await flagsIn(maildir, WORK)).toEqual([['\\Seen']]);
    expect(await entriesOf(attic)).toEqual([]);
    const { rows } = await maildir.side().snapshot(WORK, undefined);
    expect([...rows.values()][0]!.date).toBe(1_790_000_000_000);
  });

  it('without flags is new, and its old name is not used again', async () => {
    const maildir = await removedFrom(INBOX, '1.a');
    const attic = atticOf(maildir);
    const [entry] = await entriesOf(attic);
    await attic.restore(entry!, INBOX);
    const [name] = maildir.names('INBOX/new');
    expect(name).toMatch(/^1790000000\.M000000P\d+Q0Rr4nd0m\./);
    expect(entry!.name).not.toContain(name);
  });

  it('is refused where the mailbox is not there, and stays in the attic', async () => {
    const maildir = await removedFrom(INBOX);
    const attic = atticOf(maildir);
    const [entry] = await entriesOf(attic);
    expect(await attic.restore(entry!, mailboxName('Nowhere'))).toMatchObject({ kind: 'refused' });
    expect(await entriesOf(attic)).toHaveLength(1);
  });

  it('that a removal never took out of its mailbox gets no second copy', async () => {
    const maildir = await removedFrom(INBOX);
    const attic = atticOf(maildir);
    const [entry] = await entriesOf(attic);
    linkSync(maildir.path('.postern', 'attic', entry!.name), maildir.path('INBOX', 'cur', 'old:2,S'));
    const [now] = await entriesOf(attic);
    expect(await attic.restore(now!, INBOX)).toEqual({ kind: 'already' });
    expect([...maildir.names('INBOX/cur'), ...maildir.names('INBOX/new')]).toEqual(['old:2,S']);
  });

  it.each(['before', 'after'] as const)(
    'P2: is there once when a restore dies %s any effect and is done again',
    async when => {
      for (let at = 1; ; at++) {
        const maildir = await removedFrom(INBOX);
        const seam = new CrashSeam(at, when);
        const dying = atticOf(maildir, seam);
        const [entry] = await entriesOf(dying);
        const died = await dying.restore(entry!, INBOX).then(
          () => false,
          (error: unknown) => error instanceof Crash,
        );
        const attic = atticOf(maildir);
        for (const left of await entriesOf(attic)) await attic.restore(left, INBOX);
        expect(await flagsIn(maildir, INBOX), seam.where).toHaveLength(1);
        expect(await entriesOf(attic), seam.where).toEqual([]);
        if (!died) {
          expect(at).toBeGreaterThan(3);
          return;
        }
      }
    },
  );
});

describe('a dropped entry', () => {
  it('is gone for good, and only while it is the file that was listed', async () => {
    const maildir = await removedFrom(INBOX);
    const attic = atticOf(maildir);
    const [entry] = await entriesOf(attic);
    const path = maildir.path('.postern', 'attic', entry!.name);
    writeFileSync(path, 'something else');
    expect(await attic.drop([entry!])).toEqual([]);
    expect(existsSync(path)).toBe(true);
    const [now] = await entriesOf(attic);
    expect(await attic.drop([now!])).toEqual([now]);
    expect(existsSync(path)).toBe(false);
    expect(await attic.dropEmpty()).toBe(1);
    expect(statSync(maildir.path('.postern', 'attic')).isDirectory()).toBe(true);
  });
});

describe('a message of the Maildir', () => {
  it('is found by key, by name and by path, with its bytes as they are', async () => {
    const maildir = await TemporaryMaildir.make();
    maildir.put('cur', Buffer.from('1.\xff:2,S', 'latin1'), 'A: b\r\n\r\nc\n');
    for (const name of ['1.%FF', '1.%FF:2,S', `${maildir.root}/cur/1.%FF:2,`]) {
      const [found] = findRawMessages({ root: maildir.root, layout: 'maildir++' }, name);
      expect(Buffer.concat([...found!.chunks]).toString(), name).toBe('A: b\r\n\r\nc\n');
    }
    expect(findRawMessages({ root: maildir.root, layout: 'maildir++' }, '../../etc/passwd')).toEqual([]);
  });
});
