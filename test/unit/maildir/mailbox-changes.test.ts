import { existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { INBOX, type MailboxName, mailboxName } from '@postern/core/model/mailbox.js';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../contract/side/opened-side.js';
import { CountingSeam, CrashSeam, HookSeam } from '../../support/seam.js';
import { asOrdinaryUser, fileBytes, TemporaryMaildir } from './temporary-maildir.js';

const [WORK, OTHER, BELOW] = ['Work', 'Other', 'Work/below'].map(mailboxName) as [
  MailboxName,
  MailboxName,
  MailboxName,
];

async function maildirWith(layout: 'maildir++' | 'fs', ...mailboxes: readonly MailboxName[]) {
  const maildir = await TemporaryMaildir.make(layout);
  for (const mailbox of mailboxes) await maildir.side().createMailbox(mailbox);
  return maildir;
}

async function idsIn(maildir: TemporaryMaildir, mailbox: MailboxName) {
  const { rows } = await maildir.side().snapshot(mailbox, undefined);
  return [...rows.values()].map(({ identity }) => identity.messageId).sort();
}

const witnessOf = (mailbox: MailboxName) => ({ repository: 'r', mailbox, generation: 3 });

describe('a renamed mailbox', () => {
  it.each([
    ['maildir++', '.Work', '.Other'],
    ['fs', 'Work', 'Other'],
  ] as const)('in %s takes along all that lies in its directory', async (layout, from, to) => {
    const maildir = await maildirWith(layout, WORK);
    maildir.put(`${from}/cur`, '1.a:2,a', fileBytes('one'));
    maildir.put(from, 'dovecot-keywords', '0 Kept\n');
    maildir.put(from, '.mbsyncstate', 'theirs');
    await maildir.side().writeWitness(WORK, witnessOf(WORK));
    const seam = new CountingSeam();
    const side = maildir.side({ seam });
    await side.renameMailbox(WORK, OTHER);
    expect(seam.countOf('rename')).toBe(1);
    const { rows } = await side.snapshot(OTHER, undefined);
    expect([...rows.values()].map(({ key, flags }) => [key, flags])).toEqual([['1.a', ['Kept']]]);
    expect(await side.readWitness(OTHER)).toEqual(witnessOf(WORK));
    expect(maildir.read(to, '.mbsyncstate')).toBe('theirs');
    expect(existsSync(maildir.path(from))).toBe(false);
  });

  it('in maildir++ leaves those below it, whose names say where they are', async () => {
    const maildir = await maildirWith('maildir++', WORK, BELOW);
    maildir.put('.Work.below/cur', '1.a:2,', fileBytes('below'));
    await maildir.side().renameMailbox(WORK, OTHER);
    expect(maildir.names('.').filter(name => /^\.[A-Z]/.test(name))).toEqual(['.Other', '.Work.below']);
    expect(await idsIn(maildir, BELOW)).toEqual(['<below@example.org>']);
  });

  it('in layout fs leaves the mailboxes inside it, and goes into a level that is there', async () => {
    const maildir = await maildirWith('fs', WORK, BELOW, mailboxName('Other/inside'));
    maildir.put('Work/cur', '1.a:2,b', fileBytes('one'));
    maildir.put('Work/new', '2.b', fileBytes('two'));
    maildir.put('Work/below/cur', '1.a:2,', fileBytes('below'));
    for (const name of ['dovecot-keywords', 'dovecot.index', '.mbsyncstate', 'notes'])
      maildir.put('Work', name, '1 Kept\n');
    maildir.put('Other', 'notes', 'those of another');
    await maildir.side().writeWitness(WORK, witnessOf(WORK));
    const side = maildir.side();
    await side.renameMailbox(WORK, OTHER);
    expect(maildir.names('Other').filter(name => !['cur', 'new', 'tmp'].includes(name))).toEqual([
      ...['.mbsyncstate', '.postern-witness', 'dovecot-keywords', 'dovecot.index', 'inside', 'notes'],
    ]);
    expect(maildir.read('Other/notes')).toBe('those of another');
    expect(maildir.names('Work')).toEqual(['below', 'notes']);
    expect(await idsIn(maildir, OTHER)).toEqual(['<one@example.org>', '<two@example.org>']);
    expect(await idsIn(maildir, BELOW)).toEqual(['<below@example.org>']);
    expect(await side.readWitness(OTHER)).toEqual(witnessOf(WORK));
    expect((await side.snapshot(OTHER, undefined)).permanentFlags).toContain('Kept');
    const { entries, problems } = await side.list();
    expect(problems).toEqual([]);
    expect(entries.find(({ mailbox }) => mailbox === WORK)?.selectable).toBe(false);
  });

  it('can go into itself, and out again', async () => {
    const inside = mailboxName('Work/inside');
    const maildir = await maildirWith('fs', WORK);
    maildir.put('Work/cur', '1.a:2,', fileBytes('one'));
    const side = maildir.side();
    await side.renameMailbox(WORK, inside);
    expect(await idsIn(maildir, inside)).toEqual(['<one@example.org>']);
    expect(maildir.names('Work')).toEqual(['inside']);
    await side.renameMailbox(inside, WORK);
    expect(await idsIn(maildir, WORK)).toEqual(['<one@example.org>']);
    expect(maildir.names('Work')).toEqual(['cur', 'new', 'tmp']);
  });

  it('half-way is listed, cannot be read, made, deleted or renamed elsewhere, until the rename is called again', async () => {
    const maildir = await maildirWith('fs', WORK, BELOW);
    maildir.put('Work/cur', '1.a:2,', fileBytes('one'));
    maildir.put('Work/new', '2.b', fileBytes('two'));
    const isPart = ({ name, target }: { name: string; target: string }) =>
      name === 'rename' && target.endsWith('Other/cur');
    const dying = maildir.side({ seam: new CrashSeam(1, 'before', isPart) });
    await dying.renameMailbox(WORK, OTHER).catch(() => undefined);
    // A server or a mail reader makes what it misses, and delivers.
    mkdirSync(maildir.path('Work/new'));
    maildir.put('Work/new', '3.c', fileBytes('late'));
    mkdirSync(maildir.path('Other/cur'));
    mkdirSync(maildir.path('Other/tmp'));
    const side = maildir.side();
    const { entries, problems } = await side.list();
    expect(
      entries
        .filter(({ selectable }) => selectable)
        .map(({ mailbox }) => mailbox)
        .sort(),
    ).toEqual([INBOX, WORK, BELOW, OTHER].sort());
    expect(problems.map(({ mailbox }) => mailbox).sort()).toEqual([OTHER, WORK]);
    for (const name of [WORK, OTHER]) {
      expect(await codeOf(side.snapshot(name, undefined))).toBe('mailbox-unreadable');
      expect(await codeOf(side.createMailbox(name))).toBe('failed');
      expect(await codeOf(side.deleteMailbox(name))).toBe('server-refused');
      expect(await codeOf(side.renameMailbox(name, mailboxName('Third')))).toBe('server-refused');
    }
    await side.renameMailbox(WORK, OTHER);
    expect(await idsIn(maildir, OTHER)).toEqual(
      ['one', 'two', 'late'].map(id => `<${id}@example.org>`).sort(),
    );
    expect(maildir.names('Work')).toEqual(['below']);
    expect((await side.list()).problems).toEqual([]);
  });

  it('half-way never replaces a message by another of the same name', async () => {
    const maildir = await maildirWith('fs', WORK, BELOW);
    maildir.put('Work/new', '2.b', fileBytes('two'));
    const seam = new CrashSeam(1, 'after', ({ target }) => target.endsWith('Other/new'));
    await maildir
      .side({ seam })
      .renameMailbox(WORK, OTHER)
      .catch(() => undefined);
    maildir.put('Work/new', '2.b', fileBytes('another'));
    expect(await codeOf(maildir.side().renameMailbox(WORK, OTHER))).toBe('server-refused');
    expect(maildir.read('Other/new/2.b')).toBe(fileBytes('two'));
    expect(maildir.read('Work/new/2.b')).toBe(fileBytes('another'));
    renameSync(maildir.path('Work/new/2.b'), maildir.path('Work/new/3.c'));
    await maildir.side().renameMailbox(WORK, OTHER);
    expect(await idsIn(maildir, OTHER)).toEqual(['<another@example.org>', '<two@example.org>']);
  });

  it('that was made anew after the old one had left keeps its mail to itself', async () => {
    const maildir = await maildirWith('fs', WORK, BELOW);
    maildir.put('Work/cur', '1.a:2,', fileBytes('one'));
    const seam = new CrashSeam(
      2,
      'before',
      ({ name, target }) => name === 'unlink' && /renaming$/.test(target),
    );
    await maildir
      .side({ seam })
      .renameMailbox(WORK, OTHER)
      .catch(() => undefined);
    const side = maildir.side();
    expect(await side.createMailbox(WORK)).toBe('done');
    maildir.put('Work/cur', '9.z:2,', fileBytes('fresh'));
    await side.renameMailbox(WORK, OTHER);
    expect(await idsIn(maildir, OTHER)).toEqual(['<one@example.org>']);
    expect(await idsIn(maildir, WORK)).toEqual(['<fresh@example.org>']);
    expect(await codeOf(side.renameMailbox(WORK, OTHER))).toBe('server-refused');
  });

  it.each(['maildir++', 'fs'] as const)(
    'in %s takes the place of one that was never finished',
    async layout => {
      const maildir = await maildirWith(layout, WORK);
      const directory = layout === 'fs' ? 'Other' : '.Other';
      mkdirSync(maildir.path(directory, 'tmp'), { recursive: true });
      maildir.put(directory, '.postern-unfinished', '');
      await maildir.side().renameMailbox(WORK, OTHER);
      expect(await idsIn(maildir, OTHER)).toEqual([]);
      expect(maildir.names(directory)).not.toContain('.postern-unfinished');
    },
  );

  it.each(['maildir++', 'fs'] as const)('in %s is refused where a directory is contested', async layout => {
    const maildir = await maildirWith(layout, WORK);
    symlinkSync(
      maildir.path(layout === 'fs' ? 'Work' : '.Work'),
      maildir.path(layout === 'fs' ? 'Link' : '.Link'),
    );
    const link = mailboxName('Link');
    const side = maildir.side();
    expect(await codeOf(side.renameMailbox(link, OTHER))).toBe('server-refused');
    expect(['server-refused', 'failed']).toContain(await codeOf(side.renameMailbox(WORK, link)));
    expect(await codeOf(side.deleteMailbox(link))).toBe('server-refused');
    expect(await idsIn(maildir, WORK)).toEqual([]);
  });
});

describe.each(['maildir++', 'fs'] as const)('a deleted mailbox (%s)', layout => {
  const work = layout === 'fs' ? 'Work' : '.Work';

  it('leaves nothing: neither our files, Dovecot’s, nor what our deliveries left in tmp', async () => {
    const maildir = await maildirWith(layout, WORK);
    await maildir.side().writeWitness(WORK, witnessOf(WORK));
    for (const name of [
      'dovecot-uidlist',
      'dovecot-keywords',
      'dovecot.index.log',
      '.postern-witness-a1',
      'maildirsize',
    ])
      maildir.put(work, name, 'x');
    maildir.put(`${work}/tmp`, '1700000000.M000001P12Q3Rab12.host', fileBytes('half'));
    expect(await maildir.side().deleteMailbox(WORK)).toBe('done');
    expect(maildir.names('.')).not.toContain(work);
  });

  it.each([
    ['a message', 'cur', '1.a:2,S', fileBytes('one')],
    ['a new message', 'new', '1.a', fileBytes('one')],
    ['an empty file', 'cur', '1.a:2,S', ''],
    ['a hidden file', 'new', '.nfs001', 'x'],
    ['what another program delivers', 'tmp', '1700000000.M1P2.host', 'x'],
    ['a file of a stranger', '.', 'notes.txt', 'x'],
    ['the state of mbsync', '.', '.mbsyncstate', 'x'],
    ['a lock of Dovecot', '.', 'dovecot-uidlist.lock', 'x'],
  ])('is refused while it holds %s, and nothing is touched', async (_what, part, name, bytes) => {
    const maildir = await maildirWith(layout, WORK);
    await maildir.side().writeWitness(WORK, witnessOf(WORK));
    maildir.put(`${work}/tmp`, '1700000000.M000001P12Q3Rab12.host', fileBytes('half'));
    maildir.put(part === '.' ? work : `${work}/${part}`, name, bytes);
    const before = [work, `${work}/cur`, `${work}/new`, `${work}/tmp`].map(path => maildir.names(path));
    const seam = new CountingSeam();
    const error = await maildir
      .side({ seam })
      .deleteMailbox(WORK)
      .catch((reason: Error) => reason);
    expect(error).toMatchObject({ code: 'server-refused', message: expect.stringContaining(name) });
    expect(seam.count).toBe(0);
    expect([work, `${work}/cur`, `${work}/new`, `${work}/tmp`].map(path => maildir.names(path))).toEqual(
      before,
    );
  });

  it('is refused while a directory lies in cur, or cur is none', async () => {
    const maildir = await maildirWith(layout, WORK, OTHER);
    mkdirSync(maildir.path(work, 'cur', 'sub'));
    expect(await codeOf(maildir.side().deleteMailbox(WORK))).toBe('server-refused');
    const other = layout === 'fs' ? 'Other' : '.Other';
    renameSync(maildir.path(other, 'cur'), maildir.path(other, 'kept'));
    writeFileSync(maildir.path(other, 'cur'), 'x');
    expect(await codeOf(maildir.side().deleteMailbox(OTHER))).toBe('server-refused');
  });

  it('is refused while it cannot be read', async () => {
    const maildir = await maildirWith(layout, WORK);
    await asOrdinaryUser(maildir, [`${work}/cur`], async () => {
      expect(await codeOf(maildir.side().deleteMailbox(WORK))).toBe('server-refused');
    });
    expect(maildir.names(work)).toContain('cur');
  });

  it.each(['tmp', 'new', 'cur'])('stays whole when mail arrives in %s at the last moment', async part => {
    const maildir = await maildirWith(layout, WORK);
    const seam = new HookSeam(({ name, target }) => {
      if (name === 'rmdir' && target.endsWith(`/${part}`))
        maildir.put(`${work}/${part}`, '1.a', fileBytes('late'));
    });
    expect(await codeOf(maildir.side({ seam }).deleteMailbox(WORK))).toBe('server-refused');
    expect(maildir.names(`${work}/${part}`)).toEqual(['1.a']);
    expect(await idsIn(maildir, WORK)).toEqual(part === 'tmp' ? [] : ['<late@example.org>']);
    expect(maildir.names(work)).toEqual(expect.arrayContaining(['cur', 'new', 'tmp']));
  });
});

describe('a deleted mailbox with others inside it', () => {
  it('leaves a level, which is a mailbox again when it is made', async () => {
    const maildir = await maildirWith('fs', WORK, BELOW);
    maildir.put('Work/below/cur', '1.a:2,', fileBytes('below'));
    const side = maildir.side();
    expect(await side.deleteMailbox(WORK)).toBe('done');
    expect(maildir.names('Work')).toEqual(['below']);
    expect(await side.deleteMailbox(WORK)).toBe('already');
    expect(await idsIn(maildir, BELOW)).toEqual(['<below@example.org>']);
    expect(await side.createMailbox(WORK)).toBe('done');
    expect(await idsIn(maildir, WORK)).toEqual([]);
  });
});
