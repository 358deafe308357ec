import {
  existsSync,
  linkSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { INBOX, mailboxName } from '@postern/core/model/mailbox.js';
import { type MessageKey, NO_EPOCH, type Row } from '@postern/core/model/row.js';
import type { CopyOutcome, MoveOutcome } from '@postern/core/side/side.js';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../contract/side/opened-side.js';
import { CountingSeam, Crash, CrashSeam, effectsNamed, FaultSeam, HookSeam } from '../../support/seam.js';
import { fileBytes, type SideParts, TemporaryMaildir } from './temporary-maildir.js';

const WORK = mailboxName('Work');

async function maildirWith(files: Readonly<Record<string, string>>): Promise<TemporaryMaildir> {
  const maildir = await TemporaryMaildir.make();
  await maildir.side().createMailbox(WORK);
  for (const [path, id] of Object.entries(files)) {
    const slash = path.lastIndexOf('/');
    maildir.put(path.slice(0, slash), path.slice(slash + 1), id === '' ? '' : fileBytes(id));
  }
  return maildir;
}

async function rowsOf(maildir: TemporaryMaildir): Promise<Row[]> {
  return [...(await maildir.side().snapshot(INBOX, undefined)).rows.values()];
}

async function move(maildir: TemporaryMaildir, rows: readonly Row[], parts: SideParts = {}) {
  const request = { mailbox: INBOX, epoch: NO_EPOCH, to: WORK, rows };
  return maildir.side(parts).move(request) as Promise<readonly MoveOutcome[]>;
}

/** Ends a move that died in between, as apply does. */
async function finish(maildir: TemporaryMaildir, from: string, to: string) {
  const rows = (await rowsOf(maildir)).filter(({ key }) => key === from);
  const arrived = new Map([[from as MessageKey, to as MessageKey]]);
  return maildir.side().move({ mailbox: INBOX, epoch: NO_EPOCH, to: WORK, rows, arrived });
}

async function copy(maildir: TemporaryMaildir, rows: readonly Row[], parts: SideParts = {}) {
  const request = { mailbox: INBOX, epoch: NO_EPOCH, to: WORK, rows };
  return maildir.side(parts).copy(request) as Promise<readonly CopyOutcome[]>;
}

const keyIn = (outcome: MoveOutcome | undefined) =>
  outcome && 'row' in outcome ? outcome.row?.key : undefined;

describe('a moved file', () => {
  it.each([
    ['new/1.a', '.Work/new', '1.a'],
    ['new/1.a:2,', '.Work/new', '1.a:2,'],
    ['new/1.a:2,S', '.Work/cur', '1.a:2,S'],
    ['cur/1.a', '.Work/cur', '1.a'],
    ['cur/1.a:2,TSF', '.Work/cur', '1.a:2,FST'],
    ['cur/1.a,S=5:2,RX,extra=1', '.Work/cur', '1.a,S=5:2,RX,extra=1'],
    ['cur/1.a:1,odd', '.Work/cur', '1.a:1,odd'],
  ])('%s goes to %s under the same base name: %s', async (from, directory, name) => {
    const maildir = await maildirWith({ [from]: 'one' });
    const [row] = await rowsOf(maildir);
    utimesSync(maildir.path(from), 1_500_000_000, 1_500_000_000);
    const inode = statSync(maildir.path(from)).ino;
    const [outcome] = await move(maildir, [row!]);
    expect(outcome).toMatchObject({ kind: 'done', row: { key: row!.key, date: 1_500_000_000_000 } });
    expect(maildir.names(directory)).toEqual([name]);
    expect(statSync(maildir.path(directory, name)).ino).toBe(inode);
    expect([...maildir.names('new'), ...maildir.names('cur')]).toEqual([]);
    const { rows } = await maildir.side().snapshot(WORK, undefined);
    expect(rows.get(row!.key)).toEqual((outcome as { row: Row }).row);
  });

  it('is durable over there before it leaves, and each directory is synced once for all', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 9 }, (_, index) => [`cur/${index}.a:2,S`, `m${index}`]),
    );
    const maildir = await maildirWith(files);
    const seam = new CountingSeam();
    await move(maildir, await rowsOf(maildir), { seam });
    expect(seam.effects.map(({ name }) => name)).toEqual([
      ...Array(9).fill('link'),
      'fsync-dir',
      ...Array(9).fill('unlink'),
      'fsync-dir',
    ]);
    expect(seam.effects[9]?.target).toBe(maildir.path('.Work', 'cur'));
    expect(seam.effects.at(-1)?.target).toBe(maildir.path('cur'));
  });

  it('gets a new name where another message has its own, and that one stays', async () => {
    const maildir = await maildirWith({ 'cur/1.a:2,S': 'one', '.Work/new/1.a': 'other' });
    const [row] = await rowsOf(maildir);
    const [outcome] = await move(maildir, [row!]);
    expect(keyIn(outcome)).not.toBe('1.a');
    expect(maildir.read('.Work/new/1.a')).toBe(fileBytes('other'));
    expect(maildir.names('.Work/cur')).toEqual([`${keyIn(outcome)}:2,S`]);
    expect(maildir.names('cur')).toEqual([]);
  });

  it('that an earlier move had linked already is not linked again', async () => {
    const maildir = await maildirWith({ 'cur/1.a:2,S': 'one' });
    const rows = await rowsOf(maildir);
    const dying = move(maildir, rows, {
      seam: new CrashSeam(1, 'after', ({ name }) => name === 'fsync-dir'),
    });
    await expect(dying).rejects.toThrow(Crash);
    // A mail reader marks the new place meanwhile.
    renameSync(maildir.path('.Work/cur/1.a:2,S'), maildir.path('.Work/cur/1.a:2,RS'));
    const [outcome] = await move(maildir, rows);
    expect(outcome).toMatchObject({ kind: 'done', row: { key: '1.a', flags: ['\\Answered', '\\Seen'] } });
    expect(maildir.names('.Work/cur')).toEqual(['1.a:2,RS']);
    expect(maildir.names('cur')).toEqual([]);
  });

  it('that an earlier move had linked only leaves its old place when the move is finished', async () => {
    const maildir = await maildirWith({ 'cur/1.a:2,S': 'one' });
    linkSync(maildir.path('cur/1.a:2,S'), maildir.path('.Work/new/9.z'));
    expect(await finish(maildir, '1.a', '9.z')).toMatchObject([{ kind: 'done', row: { key: '9.z' } }]);
    expect([maildir.names('cur'), maildir.names('.Work/new')]).toEqual([[], ['9.z']]);
    expect(await finish(maildir, '1.a', '9.z')).toEqual([]);
  });

  it.each(['1.a', '9.z'])(
    'stays when what came to the other mailbox as %s is another file of the same bytes',
    async name => {
      const maildir = await maildirWith({ 'cur/1.a:2,S': 'one', [`.Work/new/${name}`]: 'one' });
      expect(await finish(maildir, '1.a', name)).toMatchObject([{ kind: 'changed' }]);
      expect(await finish(maildir, '1.a', '7.nothing')).toMatchObject([{ kind: 'changed' }]);
      expect([maildir.names('cur'), maildir.names('.Work/new')]).toEqual([['1.a:2,S'], [name]]);
    },
  );

  it('loses both its names', async () => {
    const maildir = await maildirWith({ 'cur/1.a:2,S': 'one' });
    linkSync(maildir.path('cur/1.a:2,S'), maildir.path('new/1.a'));
    expect(await move(maildir, await rowsOf(maildir))).toMatchObject([{ kind: 'done' }]);
    expect([maildir.names('cur'), maildir.names('new')]).toEqual([[], []]);
    expect(maildir.names('.Work/cur')).toEqual(['1.a:2,S']);
  });

  it('that is renamed right before it would leave stays, and its new name is taken back', async () => {
    const maildir = await maildirWith({ 'cur/1.a:2,S': 'one' });
    const rows = await rowsOf(maildir);
    const seam = new HookSeam(({ name, target }) => {
      if (name === 'fsync-dir' && target.endsWith('.Work/cur'))
        renameSync(maildir.path('cur/1.a:2,S'), maildir.path('cur/1.a:2,FS'));
    });
    expect(await move(maildir, rows, { seam })).toMatchObject([{ kind: 'changed' }]);
    expect(maildir.names('cur')).toEqual(['1.a:2,FS']);
    expect(maildir.names('.Work/cur')).toEqual([]);
    expect(await move(maildir, rows)).toMatchObject([{ kind: 'done' }]);
    expect(maildir.names('.Work/cur')).toEqual(['1.a:2,FS']);
  });

  it('that someone removes or replaces in the middle is never lost', async () => {
    const maildir = await maildirWith({ 'cur/1.a:2,S': 'one', 'cur/2.b:2,S': 'two' });
    const rows = await rowsOf(maildir);
    const seam = new HookSeam(({ name, target }) => {
      if (name !== 'fsync-dir' || !target.endsWith('.Work/cur')) return;
      unlinkSync(maildir.path('cur/1.a:2,S'));
      unlinkSync(maildir.path('cur/2.b:2,S'));
      maildir.put('cur', '2.b:2,S', fileBytes('replaced'));
    });
    const outcomes = await move(maildir, rows, { seam });
    // Nothing else has the first message's bytes: it moved after all. The same goes for the second.
    expect(outcomes.map(({ kind }) => kind)).toEqual(['done', 'done']);
    expect(maildir.names('.Work/cur')).toEqual(['1.a:2,S', '2.b:2,S']);
    expect(maildir.read('.Work/cur/2.b:2,S')).toBe(fileBytes('two'));
    expect(maildir.read('cur/2.b:2,S')).toBe(fileBytes('replaced'));
  });

  it('is read where size or date changed, and stays when it is another message', async () => {
    const maildir = await maildirWith({ 'cur/1.a:2,S': 'one', 'cur/2.b:2,S': 'two' });
    const rows = await rowsOf(maildir);
    utimesSync(maildir.path('cur/1.a:2,S'), 5, 5);
    writeFileSync(maildir.path('cur/2.b:2,S'), fileBytes('edited'));
    expect((await move(maildir, rows)).map(({ kind }) => kind)).toEqual(['done', 'changed']);
    expect(maildir.names('cur')).toEqual(['2.b:2,S']);
  });

  it('on a file system without hard links is moved over a name of its own', async () => {
    const maildir = await maildirWith({ 'cur/1.a:2,S': 'one' });
    const seam = new FaultSeam(1, 'EPERM', { ...effectsNamed('link'), sticky: true });
    expect(await move(maildir, await rowsOf(maildir), { seam })).toMatchObject([{ kind: 'done' }]);
    expect(seam.failed).toBe(1);
    expect(maildir.names('cur')).toEqual([]);
    expect(maildir.read('.Work/cur/1.a:2,S')).toBe(fileBytes('one'));
  });

  it('whose name was held by a file that a crash left empty gets that name', async () => {
    const maildir = await maildirWith({ 'cur/1.a:2,S': 'one', '.Work/cur/1.a:2,S': '' });
    const seam = new FaultSeam(1, 'EPERM', { ...effectsNamed('link'), sticky: true });
    expect(await move(maildir, await rowsOf(maildir), { seam })).toMatchObject([{ row: { key: '1.a' } }]);
    expect(maildir.read('.Work/cur/1.a:2,S')).toBe(fileBytes('one'));
    expect(maildir.names('cur')).toEqual([]);
  });

  it('stays where it is when the target cannot be written or synced', async () => {
    for (const errno of ['ENOSPC', 'EROFS', 'EXDEV']) {
      const maildir = await maildirWith({ 'cur/1.a:2,S': 'one' });
      const seam = new FaultSeam(1, errno, effectsNamed('link'));
      expect(await move(maildir, await rowsOf(maildir), { seam })).toMatchObject([{ kind: 'refused' }]);
      expect([maildir.names('cur'), maildir.names('.Work/cur')]).toEqual([['1.a:2,S'], []]);
    }
    const maildir = await maildirWith({ 'cur/1.a:2,S': 'one' });
    const rows = await rowsOf(maildir);
    expect(
      await codeOf(move(maildir, rows, { seam: new FaultSeam(1, 'EIO', effectsNamed('fsync-dir')) })),
    ).toBe('failed');
    expect(maildir.names('cur')).toEqual(['1.a:2,S']);
    expect(await move(maildir, rows)).toMatchObject([{ kind: 'done' }]);
    expect(maildir.names('.Work/cur')).toEqual(['1.a:2,S']);
  });

  it('with a name too long for a new one is refused', async () => {
    const maildir = await maildirWith({
      [`cur/1.a:2,S,${'x'.repeat(240)}`]: 'one',
      '.Work/new/1.a': 'other',
    });
    expect(await move(maildir, await rowsOf(maildir))).toMatchObject([{ kind: 'refused' }]);
    expect(maildir.names('cur')).toHaveLength(1);
  });
});

describe('a copied file', () => {
  it('has a name and bytes of its own, for this user alone, and the date of the first', async () => {
    const maildir = await maildirWith({ 'cur/1.a:2,RS': 'one', 'new/2.b': 'two' });
    utimesSync(maildir.path('cur/1.a:2,RS'), 1_500_000_000.123, 1_500_000_000.123);
    const rows = await rowsOf(maildir);
    const outcomes = await copy(maildir, rows);
    const keys = rows.map((row, index) => {
      expect(outcomes[index]).toMatchObject({ kind: 'done', row: { flags: row.flags, date: row.date } });
      return keyIn(outcomes[index]);
    });
    expect(new Set([...keys, '1.a', '2.b']).size).toBe(4);
    const at = rows.findIndex(({ key }) => key === '1.a');
    const path = maildir.path('.Work/cur', `${keys[at]}:2,RS`);
    expect([statSync(path).nlink, statSync(path).mode & 0o777]).toEqual([1, 0o600]);
    writeFileSync(maildir.path('cur/1.a:2,RS'), fileBytes('edited in place'));
    expect(readFileSync(path, 'latin1')).toBe(fileBytes('one'));
    expect(maildir.names('.Work/new')).toEqual([keys[1 - at]]);
    expect(maildir.names('.Work/tmp')).toEqual([]);
    const { rows: there } = await maildir.side().snapshot(WORK, undefined);
    for (const outcome of outcomes) {
      expect(there.get(keyIn(outcome)!)).toEqual((outcome as { row: Row }).row);
    }
  });

  it('is written aside and durable before it shows', async () => {
    const maildir = await maildirWith({ 'cur/1.a:2,S': 'one', 'cur/2.b:2,S': 'two' });
    const seam = new CountingSeam();
    await copy(maildir, await rowsOf(maildir), { seam });
    expect(seam.effects.map(({ name }) => name)).toEqual([
      ...['copy', 'copy', 'fsync', 'fsync', 'link', 'link', 'fsync-dir', 'unlink', 'unlink'],
    ]);
  });

  it('can be a second name of the same file', async () => {
    const maildir = await maildirWith({ 'cur/1.a:2,S': 'one' });
    const [outcome] = await copy(maildir, await rowsOf(maildir), { copies: 'links' });
    const path = maildir.path('.Work/cur', `${keyIn(outcome)}:2,S`);
    expect(statSync(path).ino).toBe(statSync(maildir.path('cur/1.a:2,S')).ino);
    const seam = new FaultSeam(1, 'EPERM', { ...effectsNamed('link'), sticky: true });
    const [other] = await copy(maildir, await rowsOf(maildir), { copies: 'links', seam });
    expect(statSync(maildir.path('.Work/cur', `${keyIn(other)}:2,S`)).nlink).toBe(1);
  });

  it('that cannot be made leaves nothing, and the others are made', async () => {
    for (const name of ['copy', 'fsync', 'link']) {
      const maildir = await maildirWith({ 'cur/1.a:2,S': 'one', 'cur/2.b:2,S': 'two' });
      const outcomes = await copy(maildir, await rowsOf(maildir), {
        seam: new FaultSeam(1, 'ENOSPC', effectsNamed(name)),
      });
      expect(outcomes.map(({ kind }) => kind).sort(), name).toEqual(['done', 'refused']);
      expect(maildir.names('.Work/cur'), name).toHaveLength(1);
      expect(maildir.names('.Work/tmp'), name).toEqual([]);
      expect(maildir.names('cur'), name).toHaveLength(2);
    }
  });

  it('of a message that changes while it is copied is not made', async () => {
    const maildir = await maildirWith({ 'cur/1.a:2,S': 'one' });
    const rows = await rowsOf(maildir);
    let once = true;
    const seam = new HookSeam(({ name }) => {
      if (name === 'copy' && once) writeFileSync(maildir.path('cur/1.a:2,S'), fileBytes('edited'));
      once = false;
    });
    expect(await copy(maildir, rows, { seam })).toMatchObject([{ kind: 'changed' }]);
    expect([...maildir.names('.Work/cur'), ...maildir.names('.Work/tmp')]).toEqual([]);
  });

  it('goes where tmp is missing, as tools that copy a Maildir leave it', async () => {
    const maildir = await maildirWith({ 'cur/1.a:2,S': 'one' });
    const rows = await rowsOf(maildir);
    renameSync(maildir.path('.Work/tmp'), maildir.path('gone'));
    expect(await copy(maildir, rows)).toMatchObject([{ kind: 'done' }]);
    expect(existsSync(maildir.path('.Work/tmp'))).toBe(true);
  });
});
