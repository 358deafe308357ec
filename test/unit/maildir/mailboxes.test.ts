import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { INBOX, mailboxName } from '@postern/core/model/mailbox.js';
import { detectLayout } from '@postern/core/side/maildir/layout.js';
import { createMaildir } from '@postern/core/side/maildir/make-mailbox.js';
import { describe, expect, it } from 'vitest';
import { codeOf, rowsOf, selectable } from '../../contract/side/opened-side.js';
import { message } from '../../support/messages.js';
import { CountingSeam, Crash, CrashSeam, FaultSeam } from '../../support/seam.js';
import { asOrdinaryUser, sideOn, TemporaryMaildir, temporaryDirectory } from './temporary-maildir.js';

const WORK = mailboxName('Work');

function mailboxAt(...path: string[]): void {
  for (const name of ['cur', 'new', 'tmp']) mkdirSync(join(...path, name), { recursive: true });
}

async function listed(maildir: TemporaryMaildir): Promise<Record<string, boolean>> {
  const { entries } = await maildir.side().list();
  return Object.fromEntries(entries.map(({ mailbox, selectable }) => [mailbox, selectable]));
}

describe('the mailboxes of a maildir++', () => {
  it('are the root and its dot directories, with the levels above them', async () => {
    const maildir = await TemporaryMaildir.make();
    mailboxAt(maildir.root, '.Work.2026.Nov');
    expect(await listed(maildir)).toEqual({
      INBOX: true,
      Work: false,
      'Work/2026': false,
      'Work/2026/Nov': true,
    });
  });

  it('MD-02: are not our own directory, dot files, or what else lies around', async () => {
    const maildir = await TemporaryMaildir.make();
    mailboxAt(maildir.root, '.postern');
    mkdirSync(maildir.path('.notmuch', 'xapian'), { recursive: true });
    mkdirSync(maildir.path('.mbsync'));
    for (const name of [
      '.mbsyncstate',
      'dovecot-uidlist',
      'dovecot.index.log',
      'subscriptions',
      'maildirsize',
      '.lock',
    ]) {
      writeFileSync(maildir.path(name), '');
    }
    expect(await listed(maildir)).toEqual({ INBOX: true });
    expect((await maildir.side().list()).problems).toEqual([]);
  });

  it('in a directory without a dot are reported', async () => {
    const maildir = await TemporaryMaildir.make();
    mailboxAt(maildir.root, 'Archive');
    const { entries, problems } = await maildir.side().list();
    expect(entries).toHaveLength(1);
    expect(problems).toEqual([{ reason: expect.stringContaining('"Archive"') }]);
  });
});

describe('the mailboxes of layout fs', () => {
  it('are directories that hold cur and new; others are levels when a mailbox lies below', async () => {
    const maildir = await TemporaryMaildir.make('fs');
    mailboxAt(maildir.root, 'Work', '2026');
    mailboxAt(maildir.root, 'Plain');
    mailboxAt(maildir.root, 'Plain', 'Below');
    mkdirSync(maildir.path('attachments', 'deep'), { recursive: true });
    mailboxAt(maildir.root, '.hidden');
    expect(await listed(maildir)).toEqual({
      INBOX: true,
      Work: false,
      'Work/2026': true,
      Plain: true,
      'Plain/Below': true,
    });
  });

  it('keep the names that others gave them, and new ones go below', async () => {
    const maildir = await TemporaryMaildir.make('fs');
    mailboxAt(maildir.root, 'lists', 'v1.2');
    const side = maildir.side();
    expect(await side.createMailbox(mailboxName('lists/v1.2'))).toBe('already');
    expect(await side.createMailbox(mailboxName('lists/v1.2/new'))).toBe('done');
    expect(maildir.names('lists')).toEqual(['v1.2']);
    expect(maildir.names('lists/v1.2')).toEqual(['\\6eew', 'cur', 'new', 'tmp']);
  });
});

describe.each(['maildir++', 'fs'] as const)('mailbox names on disk (%s)', layout => {
  const onDisk = (name: string) => (layout === 'fs' ? name : `.${name}`);

  it('are modified UTF-7 in a new Maildir', async () => {
    const maildir = await TemporaryMaildir.make(layout);
    await maildir.side().createMailbox(mailboxName('Entwürfe'));
    expect(maildir.names('.')).toContain(onDisk('Entw&APw-rfe'));
  });

  it('are UTF-8 where an existing name is', async () => {
    const maildir = await TemporaryMaildir.make(layout);
    mailboxAt(maildir.root, onDisk('Größe'));
    await maildir.side().createMailbox(mailboxName('Entwürfe'));
    expect(maildir.names('.')).toContain(onDisk('Entwürfe'));
    expect(Object.keys(await listed(maildir)).sort()).toEqual(['Entwürfe', 'Größe', 'INBOX']);
  });

  it('that two directories share are listed and cannot be read or made', async () => {
    const maildir = await TemporaryMaildir.make(layout);
    mailboxAt(maildir.root, onDisk('Größe'));
    mailboxAt(maildir.root, onDisk('Gr&APYA3w-e'));
    const side = maildir.side();
    const name = mailboxName('Größe');
    expect((await side.list()).problems).toEqual([
      { mailbox: name, reason: expect.stringContaining('not the only one') },
    ]);
    expect(await listed(maildir)).toEqual({ INBOX: true, Größe: true });
    expect(await codeOf(side.snapshot(name, undefined))).toBe('mailbox-unreadable');
    expect(await codeOf(side.createMailbox(name))).toBe('failed');
  });

  it('that cannot be mapped are reported without their escape codes', async () => {
    const maildir = await TemporaryMaildir.make(layout);
    mailboxAt(maildir.root, onDisk('\x1b[2J'));
    const { entries, problems } = await maildir.side().list();
    expect(entries.map(({ mailbox }) => mailbox)).toEqual([INBOX]);
    expect(problems).toEqual([{ reason: expect.stringContaining(`"${onDisk('%1B[2J')}"`) }]);
  });

  it('too long for a directory cannot be made, and nothing else is harmed', async () => {
    const maildir = await TemporaryMaildir.make(layout);
    const side = maildir.side();
    expect(await codeOf(side.createMailbox(mailboxName('é-'.repeat(85))))).toBe('failed');
    expect(await side.createMailbox(WORK)).toBe('done');
  });

  it('that are symbolic links are reported and left alone', async () => {
    const maildir = await TemporaryMaildir.make(layout);
    const elsewhere = temporaryDirectory();
    mailboxAt(elsewhere);
    symlinkSync(elsewhere, maildir.path(onDisk('Linked')));
    const side = maildir.side();
    const linked = mailboxName('Linked');
    expect((await side.list()).problems).toEqual([
      { mailbox: linked, reason: expect.stringContaining('symbolic link') },
    ]);
    expect(await codeOf(side.snapshot(linked, undefined))).toBe('mailbox-unreadable');
    expect(await codeOf(side.deliver(linked))).toBe('mailbox-unreadable');
    expect(await codeOf(side.createMailbox(linked))).toBe('failed');
    expect(readdirSync(elsewhere).sort()).toEqual(['cur', 'new', 'tmp']);
  });

  it.each([
    ['nothing', (target: string) => rmSync(target, { recursive: true })],
    ['an empty directory', () => undefined],
  ])('that are symbolic links to %s are not taken for removed', async (_target, prepare) => {
    const maildir = await TemporaryMaildir.make(layout);
    const elsewhere = temporaryDirectory();
    prepare(elsewhere);
    symlinkSync(elsewhere, maildir.path(onDisk('Linked')));
    const side = maildir.side();
    const linked = mailboxName('Linked');
    const { entries, problems } = await side.list();
    expect(entries).toContainEqual({ mailbox: linked, selectable: true });
    expect(problems).toEqual([
      {
        mailbox: linked,
        reason: `the directory "${onDisk('Linked')}" is a symbolic link, and nothing is there`,
      },
    ]);
    expect(await codeOf(side.snapshot(linked, undefined))).toBe('mailbox-unreadable');
  });

  it('that are symbolic links to files are no mailboxes', async () => {
    const maildir = await TemporaryMaildir.make(layout);
    writeFileSync(maildir.path('notes'), '');
    symlinkSync(maildir.path('notes'), maildir.path(onDisk('Linked')));
    const { entries, problems } = await maildir.side().list();
    expect(entries).toEqual([{ mailbox: INBOX, selectable: true }]);
    expect(problems).toEqual([]);
  });
});

describe('a Maildir that is not there', () => {
  it('is a missing side, never an empty one', async () => {
    const root = temporaryDirectory();
    for (const layout of ['maildir++', 'fs'] as const) {
      expect(await codeOf(sideOn(join(root, 'none'), { layout }).list())).toBe('side-missing');
    }
    writeFileSync(join(root, 'file'), '');
    expect(await codeOf(sideOn(join(root, 'file')).list())).toBe('side-missing');
  });

  it('is missing when the root lost cur, new and tmp', async () => {
    const maildir = await TemporaryMaildir.make();
    mailboxAt(maildir.root, '.Work');
    for (const name of ['cur', 'new', 'tmp']) rmSync(maildir.path(name), { recursive: true });
    expect(await codeOf(maildir.side().list())).toBe('side-missing');
    rmSync(maildir.path('.Work'), { recursive: true });
    writeFileSync(maildir.path('README'), 'nothing is mounted here');
    expect(await codeOf(maildir.side().list())).toBe('side-missing');
  });

  it('is merely empty when the root is there and holds nothing but our own directory', async () => {
    const root = temporaryDirectory();
    mkdirSync(join(root, '.postern'));
    for (const layout of ['maildir++', 'fs'] as const) {
      expect((await sideOn(root, { layout }).list()).entries).toEqual([]);
    }
  });

  it('may be reached by a symbolic link', async () => {
    const maildir = await TemporaryMaildir.make();
    const link = join(temporaryDirectory(), 'Mail');
    symlinkSync(maildir.root, link);
    const side = sideOn(link);
    expect(await side.createMailbox(WORK)).toBe('done');
    expect((await side.snapshot(WORK, undefined)).rows.size).toBe(0);
  });
});

describe('a broken mailbox', () => {
  it.each(['cur', 'new'])(
    'FO-07, MD-13: without %s is listed and cannot be read, and is never empty',
    async part => {
      const maildir = await TemporaryMaildir.make();
      mailboxAt(maildir.root, '.Work');
      rmSync(maildir.path('.Work', part), { recursive: true });
      const side = maildir.side();
      expect(await listed(maildir)).toEqual({ INBOX: true, Work: true });
      expect(await codeOf(side.snapshot(WORK, undefined))).toBe('mailbox-unreadable');
      expect(await codeOf(side.look(WORK, '' as never, []))).toBe('mailbox-unreadable');
      expect(await codeOf(side.deliver(WORK))).toBe('mailbox-unreadable');
      writeFileSync(maildir.path('.Work', part), 'a file');
      expect(await codeOf(side.snapshot(WORK, undefined))).toBe('mailbox-unreadable');
    },
  );

  it('whose cur is a symbolic link cannot be read', async () => {
    const maildir = await TemporaryMaildir.make();
    rmSync(maildir.path('cur'), { recursive: true });
    symlinkSync('/etc', maildir.path('cur'));
    expect(await codeOf(maildir.side().snapshot(INBOX, undefined))).toBe('mailbox-unreadable');
  });

  it.each(['maildir++', 'fs'] as const)(
    'that may not be read is listed, and harms no other one (%s)',
    async layout => {
      const maildir = await TemporaryMaildir.make(layout);
      const path = layout === 'fs' ? 'Work' : '.Work';
      mailboxAt(maildir.root, path);
      const side = maildir.side();
      await asOrdinaryUser(maildir, [path], async () => {
        const { entries } = await side.list();
        expect(entries.map(({ mailbox }) => mailbox).sort()).toEqual([INBOX, WORK]);
        expect(await codeOf(side.snapshot(WORK, undefined))).toBe('mailbox-unreadable');
        expect((await side.snapshot(INBOX, undefined)).rows.size).toBe(0);
      });
    },
  );

  it('is completed when it is created again', async () => {
    const maildir = await TemporaryMaildir.make();
    mailboxAt(maildir.root, '.Work');
    rmSync(maildir.path('.Work', 'cur'), { recursive: true });
    const side = maildir.side();
    expect(await side.createMailbox(WORK)).toBe('done');
    expect((await side.snapshot(WORK, undefined)).rows.size).toBe(0);
  });

  it('without tmp takes deliveries nevertheless', async () => {
    const maildir = await TemporaryMaildir.make();
    rmSync(maildir.path('tmp'), { recursive: true });
    const batch = await maildir.side().deliver(INBOX);
    expect(await batch.prepare(1)).toHaveLength(1);
    expect(maildir.names('.')).toContain('tmp');
  });
});

describe('creating a mailbox', () => {
  it.each(['maildir++', 'fs'] as const)(
    'that crashes at any effect leaves no broken mailbox, and can be done again (%s)',
    async layout => {
      const name = mailboxName('lists/postern');
      let crashes = 0;
      for (let at = 1, more = true; more; at++) {
        for (const when of ['before', 'after'] as const) {
          const maildir = await TemporaryMaildir.make(layout);
          const seam = new CrashSeam(at, when);
          await maildir
            .side({ seam })
            .createMailbox(name)
            .catch(error => expect(error).toBeInstanceOf(Crash));
          more = seam.crashed;
          if (!more) break;
          crashes++;
          const side = maildir.side();
          const { entries } = await side.list();
          if (entries.some(({ mailbox, selectable }) => mailbox === name && selectable)) {
            expect((await side.snapshot(name, undefined)).rows.size, seam.where).toBe(0);
          }
          await side.createMailbox(name);
          expect((await side.snapshot(name, undefined)).rows.size, seam.where).toBe(0);
          expect(await side.createMailbox(name)).toBe('already');
        }
      }
      expect(crashes).toBeGreaterThanOrEqual(14);
    },
  );

  it('MD-12: makes it for this user alone', async () => {
    const maildir = await TemporaryMaildir.make();
    await maildir.side().createMailbox(WORK);
    for (const name of ['', 'cur', 'new', 'tmp']) {
      expect(statSync(maildir.path('.Work', name)).mode & 0o777).toBe(0o700);
    }
    expect(maildir.names('.Work')).toEqual(['cur', 'maildirfolder', 'new', 'tmp']);
  });

  it('tells a full disk and a read-only one apart', async () => {
    for (const [errno, code] of [
      ['ENOSPC', 'disk-full'],
      ['EDQUOT', 'disk-full'],
      ['EROFS', 'read-only'],
      ['EACCES', 'read-only'],
      ['EIO', 'failed'],
    ] as const) {
      const maildir = await TemporaryMaildir.make();
      const side = maildir.side({ seam: new FaultSeam(1, errno) });
      expect(await codeOf(side.createMailbox(WORK))).toBe(code);
    }
  });

  it('has no effect where the mailbox is there', async () => {
    const maildir = await TemporaryMaildir.make();
    const seam = new CountingSeam();
    expect(await maildir.side({ seam }).createMailbox(INBOX)).toBe('already');
    expect(seam.count).toBe(0);
  });
});

describe('the layout of a directory', () => {
  it('is found from the mailboxes in it', async () => {
    expect(detectLayout(join(temporaryDirectory(), 'none'))).toBeUndefined();
    expect(detectLayout(temporaryDirectory())).toBeUndefined();
    expect(detectLayout((await TemporaryMaildir.make('maildir++')).root)).toBe('maildir++');
    expect(detectLayout((await TemporaryMaildir.make('fs')).root)).toBe('fs');
    const dots = temporaryDirectory();
    mailboxAt(dots, '.Work');
    expect(detectLayout(dots)).toBe('maildir++');
    const deep = temporaryDirectory();
    mailboxAt(deep, 'a', 'b', 'c');
    expect(detectLayout(deep)).toBe('fs');
    const files = temporaryDirectory();
    writeFileSync(join(files, 'notes'), '');
    mkdirSync(join(files, 'photos'));
    expect(detectLayout(files)).toBeUndefined();
  });

  it('of a new Maildir is made once and completed twice', async () => {
    const root = join(mkdtempSync(join(temporaryDirectory(), 'x-')), 'Mail');
    await createMaildir(root, 'fs');
    await createMaildir(root, 'fs');
    expect(readdirSync(root)).toEqual(['INBOX']);
    expect(readdirSync(join(root, 'INBOX')).sort()).toEqual(['cur', 'new', 'tmp']);
  });
});

describe('mailboxes made in a row', () => {
  it.each(['maildir++', 'fs'] as const)(
    'know what other programs made in between, and levels of their own (%s)',
    async layout => {
      const maildir = await TemporaryMaildir.make(layout);
      const side = maildir.side();
      const place = (name: string) => maildir.path(layout === 'fs' ? name : `.${name.replaceAll('/', '.')}`);
      expect(await side.createMailbox(WORK)).toBe('done');
      mailboxAt(place('Lists'));
      writeFileSync(join(place('Lists'), 'new', '1.a.host'), message());
      mkdirSync(join(place('Half'), 'cur'), { recursive: true });
      expect(await side.createMailbox(mailboxName('Lists'))).toBe('already');
      expect(await rowsOf(side, mailboxName('Lists'))).toHaveLength(1);
      expect(await side.createMailbox(mailboxName('Half'))).toBe('done');
      expect(await side.createMailbox(mailboxName('Lists/dev'))).toBe('done');
      expect(await side.createMailbox(mailboxName('Deep/down/here'))).toBe('done');
      expect(await side.createMailbox(mailboxName('Deep/down'))).toBe('done');
      const lane = await side.another();
      for (const name of ['Half', 'Lists/dev', 'Deep/down/here', 'Deep/down'])
        expect(await rowsOf(lane, mailboxName(name)), name).toEqual([]);
      expect(await selectable(side)).toEqual(await selectable(maildir.side()));
    },
  );

  it('are not made where a symbolic link to another mailbox came to lie in between', async () => {
    const maildir = await TemporaryMaildir.make();
    const side = maildir.side();
    await side.createMailbox(WORK);
    symlinkSync(maildir.path('.Work'), maildir.path('.Link'));
    expect(await codeOf(side.createMailbox(mailboxName('Link')))).toBe('failed');
  });

  it.each(['maildir++', 'fs'] as const)(
    'are not made beside one of the same name in the other encoding, which came in between (%s)',
    async layout => {
      const maildir = await TemporaryMaildir.make(layout);
      const side = maildir.side();
      await side.list();
      mailboxAt(maildir.path(layout === 'fs' ? 'Entwürfe' : '.Entwürfe'));
      expect(await side.createMailbox(mailboxName('Entwürfe'))).toBe('already');
      expect((await side.list()).problems).toEqual([]);
    },
  );
});
