import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type SyncReport, sync } from '@postern/core/api/sync.js';
import { mailboxName } from '@postern/core/model/mailbox.js';
import { decodeModifiedUtf7 } from '@postern/core/model/modified-utf7.js';
import type { MaildirLayout } from '@postern/core/side/maildir/layout.js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { codeOf } from '../../contract/side/opened-side.js';
import { foldingDisk } from '../../support/folding-disk.js';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';
import { TemporaryMaildir } from './temporary-maildir.js';

vi.mock('node:fs', async original => {
  const { onFoldingDisk } = await import('../../support/folding-disk.js');
  return onFoldingDisk(await original());
});

afterEach(() => {
  foldingDisk.root = undefined;
  foldingDisk.names = 'fold';
  foldingDisk.mounts.clear();
});

/** A Maildir on a disk that does not tell all names apart. */
async function maildirOn(layout: MaildirLayout, names: 'fold' | 'lower' = 'fold'): Promise<TemporaryMaildir> {
  const maildir = await TemporaryMaildir.make(layout);
  foldingDisk.root = maildir.root;
  foldingDisk.names = names;
  return maildir;
}

async function account(...mailboxes: readonly string[]): Promise<Rig> {
  const rig = await Rig.create();
  for (const mailbox of mailboxes) {
    rig.remote.createMailbox(mailbox);
    rig.remote.add(mailbox, message({ id: `in-${Buffer.from(mailbox).toString('hex')}` }));
  }
  return rig;
}

function syncWith(rig: Rig, maildir: TemporaryMaildir): Promise<SyncReport> {
  return rig.run(repository =>
    sync({ ...repository, sides: { ...repository.sides, local: maildir.side() } }),
  );
}

/** How many messages each mailbox of the Maildir has. */
async function counts(maildir: TemporaryMaildir): Promise<Record<string, number>> {
  const side = maildir.side();
  const found: Record<string, number> = {};
  for (const { mailbox, selectable } of (await side.list()).entries)
    if (selectable) found[mailbox] = (await side.snapshot(mailbox, undefined)).rows.size;
  return found;
}

/** `日本語` in modified UTF-7 but for the case of one letter. */
const OTHER_CASE = decodeModifiedUtf7('&zeVnLIqe-')!;

const TWINS: readonly (readonly [string, string, string])[] = [
  ['upper and lower case', 'Work', 'work'],
  ['upper and lower case below a level', 'Lists/Dev', 'Lists/dev'],
  ['upper and lower case of the encoding', '日本語', OTHER_CASE],
];

describe.each(['maildir++', 'fs'] as const)('FO-18: on a disk that folds names (%s)', layout => {
  it.each(TWINS)('mailboxes that differ in %s are never merged', async (_what, one, other) => {
    const maildir = await maildirOn(layout);
    const rig = await account(one, other, 'Plain');
    for (let round = 0; round < 3; round++) {
      const { apply } = await syncWith(rig, maildir);
      if (round > 0) expect(apply.counts).toMatchObject({ done: 0, failed: 2, skipped: 0 });
      const local = await counts(maildir);
      const twins = [one, other].filter(name => name in local);
      expect(twins).toHaveLength(1);
      expect(local).toEqual({ INBOX: 0, Plain: 1, [twins[0]!]: 1 });
      for (const name of [one, other, 'Plain']) expect(rig.remote.contents(name)).toHaveLength(1);
      expect([...rig.remote.mailboxes.keys()].sort()).toEqual(['INBOX', 'Plain', one, other].sort());
    }
  });

  it('the other one is left alone, and the reason names the file system', async () => {
    const maildir = await maildirOn(layout);
    const side = maildir.side();
    expect(await side.createMailbox(mailboxName('Work'))).toBe('done');
    await expect(side.createMailbox(mailboxName('work'))).rejects.toThrow(/this file system takes its name/);
    expect(await side.createMailbox(mailboxName('Work'))).toBe('already');
  });

  it('a mailbox is not renamed over the twin of its new name', async () => {
    const maildir = await maildirOn(layout);
    const rig = await account('Home', 'Work');
    await syncWith(rig, maildir);
    rig.remote.renameMailbox('Home', 'work');
    for (let round = 0; round < 3; round++) await syncWith(rig, maildir);
    expect(await counts(maildir)).toMatchObject({ Work: 1 });
    for (const name of ['Work', 'work']) expect(rig.remote.contents(name)).toHaveLength(1);
    expect([...rig.remote.mailboxes.keys()].sort()).toEqual(['INBOX', 'Work', 'work']);
  });

  it('a mailbox keeps its old name here when only the case of it changed there', async () => {
    const maildir = await maildirOn(layout);
    const rig = await account('Work');
    await syncWith(rig, maildir);
    rig.remote.renameMailbox('Work', 'work');
    for (let round = 0; round < 3; round++) await syncWith(rig, maildir);
    expect(Object.values(await counts(maildir)).reduce((sum, count) => sum + count)).toBe(1);
    expect(rig.remote.contents('work')).toHaveLength(1);
    expect([...rig.remote.mailboxes.keys()].sort()).toEqual(['INBOX', 'work']);
  });
});

describe('FO-18: names in UTF-8 on a disk that folds names', () => {
  it('that write an accent in two ways are never merged', async () => {
    const maildir = await maildirOn('maildir++');
    for (const part of ['cur', 'new', 'tmp']) mkdirSync(maildir.path('.Größe', part), { recursive: true });
    const [composed, decomposed] = ['Caf\u00e9', 'Cafe\u0301'];
    const rig = await account(composed, decomposed);
    for (let round = 0; round < 3; round++) await syncWith(rig, maildir);
    const local = await counts(maildir);
    expect([local[composed], local[decomposed]].filter(count => count !== undefined)).toEqual([1]);
    for (const name of [composed, decomposed]) expect(rig.remote.contents(name)).toHaveLength(1);
  });
});

describe('in layout fs on a disk that folds names', () => {
  it('a mailbox is not put below the twin of its level', async () => {
    const maildir = await maildirOn('fs');
    const rig = await account('Work/one', 'work/two');
    for (let round = 0; round < 3; round++) await syncWith(rig, maildir);
    expect(await counts(maildir)).toEqual({ INBOX: 0, 'Work/one': 1 });
    expect([...rig.remote.mailboxes.keys()].sort()).toEqual(['INBOX', 'Work/one', 'work/two']);
  });
});

describe.each(['maildir++', 'fs'] as const)('on a disk that lists names in lower case (%s)', layout => {
  it('a mailbox that it would call otherwise is not made, and nothing of it stays', async () => {
    const maildir = await maildirOn(layout, 'lower');
    const before = maildir.names('.');
    expect(await codeOf(maildir.side().createMailbox(mailboxName('Work/Deep')))).toBe('failed');
    expect(maildir.names('.')).toEqual(before);
    expect(await maildir.side().createMailbox(mailboxName('plain'))).toBe('done');
  });
});

describe.each(['maildir++', 'fs'] as const)('a directory that is mounted twice (%s)', layout => {
  it('is reported under both names, and neither mailbox can be read or changed', async () => {
    const maildir = await maildirOn(layout);
    const dot = layout === 'fs' ? '' : '.';
    for (const part of ['cur', 'new', 'tmp'])
      mkdirSync(maildir.path(`${dot}Here`, part), { recursive: true });
    mkdirSync(maildir.path(`${dot}There`));
    foldingDisk.mounts.set(join(maildir.root, `${dot}There`), join(maildir.root, `${dot}Here`));
    const side = maildir.side();
    const { problems } = await side.list();
    expect(problems.map(({ mailbox }) => mailbox).sort()).toEqual(['Here', 'There']);
    for (const name of ['Here', 'There'].map(mailboxName)) {
      expect(await codeOf(side.snapshot(name, undefined))).toBe('mailbox-unreadable');
      expect(await codeOf(side.createMailbox(name))).toBe('failed');
    }
  });
});

describe.each(['maildir++', 'fs'] as const)(
  'FO-19: a mailbox whose name is too long for a directory (%s)',
  layout => {
    it('fails alone, says why, and the rest of the account goes on', async () => {
      const maildir = await TemporaryMaildir.make(layout);
      const long = 'ü'.repeat(120);
      const rig = await account(long, 'Plain');
      const { apply } = await syncWith(rig, maildir);
      expect(apply.counts).toMatchObject({ done: 2, failed: 2 });
      expect(apply.stopped).toBeUndefined();
      expect(apply.problems).toContainEqual({ mailbox: long, reason: expect.stringContaining('too long') });
      expect(await counts(maildir)).toEqual({ INBOX: 0, Plain: 1 });
      await syncWith(rig, maildir);
      expect(rig.remote.contents(long)).toHaveLength(1);
    });
  },
);
