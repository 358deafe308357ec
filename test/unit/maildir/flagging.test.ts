import { renameSync, unlinkSync, writeFileSync } from 'node:fs';
import type { FlagDelta } from '@postern/core/model/flags.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import { type MessageKey, NO_EPOCH } from '@postern/core/model/row.js';
import type { MaildirSide } from '@postern/core/side/maildir/maildir-side.js';
import type { FlagOutcome } from '@postern/core/side/side.js';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../contract/side/opened-side.js';
import { CountingSeam, FaultSeam, HookSeam } from '../../support/seam.js';
import { fileBytes, TemporaryMaildir } from './temporary-maildir.js';

async function flag(side: MaildirSide, key: string, delta: Partial<FlagDelta>): Promise<FlagOutcome> {
  const change = { key: key as MessageKey, add: delta.add ?? [], remove: delta.remove ?? [] };
  return (await side.flag(INBOX, NO_EPOCH, [change]))[0]!;
}

async function maildirWith(directory: string, name: string): Promise<TemporaryMaildir> {
  const maildir = await TemporaryMaildir.make();
  maildir.put(directory, name, fileBytes('one'));
  return maildir;
}

describe('flags of a file', () => {
  it.each([
    ['new', '1.a', { add: ['\\Seen'] }, 'cur', '1.a:2,S'],
    ['cur', '1.a', { add: ['\\Seen', '\\Draft'] }, 'cur', '1.a:2,DS'],
    ['cur', '1.a:2,TSF', { add: ['\\Answered'] }, 'cur', '1.a:2,FRST'],
    ['cur', '1.a:2,SbaS,x=1', { add: ['\\Flagged'] }, 'cur', '1.a:2,FSab,x=1'],
    ['cur', '1.a:2,FS', { remove: ['\\Flagged', '\\Seen'] }, 'cur', '1.a:2,'],
    ['new', '1.a:2,S', { remove: ['\\Seen'] }, 'new', '1.a:2,'],
    ['new', '1.a', { add: ['Work'] }, 'cur', '1.a:2,a'],
    ['cur', '1.a:2,S', { add: ['Work', '\\Answered', 'Home'] }, 'cur', '1.a:2,RSab'],
    ['cur', '1.a:2,Sx', { add: ['Work', '\\Answered'] }, 'cur', '1.a:2,RSx'],
    ['cur', '1.a:2,TS', { add: ['\\Seen'] }, 'cur', '1.a:2,TS'],
    ['cur', '1.a,S=5:2,', { add: ['$forwarded'] }, 'cur', '1.a,S=5:2,P'],
  ])('in %s/%s change by %j to %s/%s', async (directory, name, delta, to, expected) => {
    const maildir = await maildirWith(directory, name);
    const key = name.split(':2,')[0]!;
    expect(await flag(maildir.side(), key, delta)).toMatchObject({ kind: 'done' });
    expect(maildir.names(to)).toEqual([expected]);
    expect(maildir.names(to === 'cur' ? 'new' : 'cur')).toEqual([]);
  });

  it('do not change when the new name is taken', async () => {
    const maildir = await maildirWith('cur', '1.a:2,');
    const side = maildir.side({
      seam: new HookSeam(() => {
        throw new RangeError('no effect was expected');
      }),
    });
    maildir.put('cur', '1.a:2,S', fileBytes('another'));
    expect(await flag(side, '1.a', { add: ['\\Seen'] })).toMatchObject({ kind: 'refused' });
    expect(maildir.read('cur', '1.a:2,S')).toContain('another');
  });

  it('never replace a file that takes the new name after the mailbox was read', async () => {
    const maildir = await maildirWith('cur', '1.a:2,');
    maildir.put('cur', '2.b:2,', fileBytes('two'));
    const seam = new HookSeam(({ name }) => {
      if (name === 'rename') maildir.put('cur', '2.b:2,S', fileBytes('late'));
    });
    const changes = ['1.a', '2.b'].map(key => ({ key: key as MessageKey, add: ['\\Seen'], remove: [] }));
    const outcomes = await maildir.side({ seam }).flag(INBOX, NO_EPOCH, changes);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['done', 'refused']);
    expect(maildir.read('cur', '2.b:2,S')).toContain('late');
  });

  it('MD-03: do not change when the name would be too long, or carries experimental info', async () => {
    const long = 'x'.repeat(251);
    const maildir = await maildirWith('cur', `${long}:2,`);
    maildir.put('cur', '1.a:1,R', fileBytes('two'));
    const side = maildir.side();
    expect(await flag(side, long, { add: ['\\Seen'] })).toEqual({ kind: 'done', flags: ['\\Seen'] });
    expect(await flag(side, long, { add: ['\\Flagged'] })).toMatchObject({ kind: 'refused' });
    expect(await flag(side, '1.a:1,R', { add: ['\\Flagged'] })).toMatchObject({ kind: 'refused' });
    expect(maildir.names('cur')).toEqual(['1.a:1,R', `${long}:2,S`]);
    expect((await side.snapshot(INBOX, undefined)).rows.size).toBe(2);
  });

  it('of a name of 255 octets can be read', async () => {
    const long = 'x'.repeat(255);
    const maildir = await maildirWith('new', long);
    expect(await flag(maildir.side(), long, { add: ['\\Seen'] })).toMatchObject({ kind: 'refused' });
    expect(maildir.names('new')).toEqual([long]);
  });

  it('merge with those that someone else sets right before the rename', async () => {
    const maildir = await maildirWith('cur', '1.a:2,');
    let once = true;
    const seam = new HookSeam(({ name }) => {
      if (name === 'rename' && once)
        renameSync(maildir.path('cur', '1.a:2,'), maildir.path('cur', '1.a:2,R'));
      once = false;
    });
    expect(await flag(maildir.side({ seam }), '1.a', { add: ['\\Seen'] })).toEqual({
      kind: 'done',
      flags: ['\\Answered', '\\Seen'],
    });
    expect(maildir.names('cur')).toEqual(['1.a:2,RS']);
  });

  it('MD-17: are given up when someone else renames the file each time', async () => {
    const maildir = await maildirWith('cur', '1.a:2,');
    let letters = '';
    const seam = new HookSeam(({ name }) => {
      if (name !== 'rename') return;
      const next = letters === 'R' ? '' : 'R';
      renameSync(maildir.path('cur', `1.a:2,${letters}`), maildir.path('cur', `1.a:2,${next}`));
      letters = next;
    });
    expect(await flag(maildir.side({ seam }), '1.a', { add: ['\\Seen'] })).toMatchObject({ kind: 'refused' });
    expect(maildir.names('cur')).toHaveLength(1);
  });

  it('of a file that is removed right before the rename are those of a gone message', async () => {
    const maildir = await maildirWith('cur', '1.a:2,');
    const seam = new HookSeam(({ name }) => {
      if (name === 'rename') unlinkSync(maildir.path('cur', '1.a:2,'));
    });
    expect(await flag(maildir.side({ seam }), '1.a', { add: ['\\Seen'] })).toEqual({ kind: 'gone' });
  });

  it('sync each directory once for all changes, and none when nothing changed', async () => {
    const maildir = await TemporaryMaildir.make();
    for (let index = 0; index < 20; index++) maildir.put('new', `${index}.a`, fileBytes(`${index}`));
    const seam = new CountingSeam();
    const side = maildir.side({ seam });
    const changes = Array.from({ length: 20 }, (_, index) => ({
      key: `${index}.a` as MessageKey,
      add: ['\\Seen'],
      remove: [],
    }));
    await side.flag(INBOX, NO_EPOCH, changes);
    expect([seam.countOf('rename'), seam.countOf('fsync-dir')]).toEqual([20, 2]);
    await side.flag(INBOX, NO_EPOCH, changes);
    expect(seam.count).toBe(22);
  });

  it('that cannot be written are refused one by one, and a failed sync is an error', async () => {
    const maildir = await maildirWith('cur', '1.a:2,');
    const rename = maildir.side({ seam: new FaultSeam(1, 'EROFS') });
    expect(await flag(rename, '1.a', { add: ['\\Seen'] })).toMatchObject({ kind: 'refused' });
    const sync = maildir.side({ seam: new FaultSeam(2, 'EIO') });
    expect(await codeOf(flag(sync, '1.a', { add: ['\\Seen'] }))).toBe('failed');
    expect(maildir.names('cur')).toEqual(['1.a:2,S']);
  });

  it('never change for what is no key', async () => {
    const maildir = await maildirWith('cur', '1.a:2,');
    writeFileSync(maildir.path('outside'), 'x');
    for (const key of ['../outside', '..%2Foutside', '.', '1.a:2,']) {
      expect(await flag(maildir.side(), key, { add: ['\\Seen'] })).toEqual({ kind: 'gone' });
    }
    expect(maildir.names('.')).toContain('outside');
  });
});
