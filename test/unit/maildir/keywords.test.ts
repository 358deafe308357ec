import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Clock } from '@postern/core/model/clock.js';
import type { FlagDelta, Flags } from '@postern/core/model/flags.js';
import { INBOX, type MailboxName, mailboxName } from '@postern/core/model/mailbox.js';
import { type MessageKey, NO_EPOCH } from '@postern/core/model/row.js';
import type { MaildirSide } from '@postern/core/side/maildir/maildir-side.js';
import type { FlagOutcome, MoveOutcome } from '@postern/core/side/side.js';
import { describe, expect, it } from 'vitest';
import { codeOf, done } from '../../contract/side/opened-side.js';
import { deliverAll, letter } from '../../support/letters.js';
import { message } from '../../support/messages.js';
import { CountingSeam, CrashSeam } from '../../support/seam.js';
import { fileBytes, type SideParts, TemporaryMaildir } from './temporary-maildir.js';

const WORK = mailboxName('Work');

async function maildirWith(names: readonly string[], keywords?: string): Promise<TemporaryMaildir> {
  const maildir = await TemporaryMaildir.make();
  for (const name of names) maildir.put('cur', name, fileBytes(name));
  if (keywords !== undefined) maildir.put('.', 'dovecot-keywords', keywords);
  return maildir;
}

async function flag(side: MaildirSide, key: string, delta: Partial<FlagDelta>): Promise<FlagOutcome> {
  const change = { key: key as MessageKey, add: delta.add ?? [], remove: delta.remove ?? [] };
  return (await side.flag(INBOX, NO_EPOCH, [change]))[0]!;
}

async function flagsIn(side: MaildirSide, mailbox: MailboxName = INBOX): Promise<Flags[]> {
  const { rows } = await side.snapshot(mailbox, undefined);
  return [...rows.values()].map(({ flags }) => flags);
}

/** A clock that runs ahead of the file system's, and passes without waiting. */
function ahead(milliseconds: number): Clock {
  let passed = milliseconds;
  return {
    now: () => Date.now() + passed,
    sleep: async pause => {
      passed += pause;
    },
  };
}

const full = Array.from({ length: 26 }, (_, index) => `${index} K${index}\n`).join('');

describe('keywords in a Maildir', () => {
  it('are read as dovecot-keywords names them', async () => {
    const maildir = await maildirWith(['1.a:2,Sab', '2.b:2,b', '3.c:2,Fz'], '0 Work\n1 $Junk\n25 Last\n');
    const side = maildir.side();
    expect((await flagsIn(side)).sort()).toEqual([
      ['$Junk'],
      ['$Junk', 'Work', '\\Seen'],
      ['Last', '\\Flagged'],
    ]);
    const { permanentFlags } = await side.snapshot(INBOX, undefined);
    for (const flag of ['Work', '$Junk', 'Last', '\\Seen', '$Forwarded', '\\*']) {
      expect(permanentFlags).toContain(flag);
    }
    const sight = await side.look(INBOX, NO_EPOCH, ['2.b' as MessageKey]);
    expect([...sight.rows.values()].map(({ flags }) => flags)).toEqual([['$Junk']]);
    const flags: Flags[] = [];
    const { rows } = await side.snapshot(INBOX, undefined);
    await side.read(INBOX, NO_EPOCH, [...rows.values()], async letter => void flags.push(letter.flags));
    expect(flags).toHaveLength(3);
    expect(flags).toContainEqual(['Last', '\\Flagged']);
  });

  it('get a letter each, once, and the letters of a name stay in ASCII order', async () => {
    const maildir = await maildirWith(['1.a:2,S', '2.b:2,T']);
    const seam = new CountingSeam();
    const side = maildir.side({ seam });
    expect(await flag(side, '1.a', { add: ['Work', '\\Answered'] })).toEqual({
      kind: 'done',
      flags: ['Work', '\\Answered', '\\Seen'],
    });
    expect(maildir.read('dovecot-keywords')).toBe('0 Work\n');
    expect(seam.effects.map(({ name }) => name)).toEqual([
      ...['open', 'write', 'open', 'write', 'fsync', 'rename', 'fsync-dir', 'unlink'],
      ...['rename', 'fsync-dir'],
    ]);
    expect(await flag(side, '2.b', { add: ['Home', 'work'] })).toMatchObject({ kind: 'done' });
    expect(maildir.read('dovecot-keywords')).toBe('0 Work\n1 Home\n');
    expect(maildir.names('cur')).toEqual(['1.a:2,RSa', '2.b:2,Tab']);
    expect(await flag(side, '2.b', { add: ['Work'], remove: ['Home'] })).toMatchObject({ kind: 'done' });
    expect(maildir.names('cur')).toEqual(['1.a:2,RSa', '2.b:2,Ta']);
    expect(maildir.read('dovecot-keywords')).toBe('0 Work\n1 Home\n');
    expect(maildir.names('.').filter(name => name.startsWith('dovecot'))).toEqual(['dovecot-keywords']);
  });

  it('come with a delivery, and a message without keywords leaves the file alone', async () => {
    const maildir = await TemporaryMaildir.make();
    const side = maildir.side();
    done((await deliverAll(side, INBOX, [letter(message(), { flags: ['\\Seen'] })]))[0]);
    expect(maildir.names('.')).not.toContain('dovecot-keywords');
    const [row] = (await deliverAll(side, INBOX, [letter(message(), { flags: ['Work', '\\Seen'] })])).map(
      done,
    );
    expect(row?.flags).toEqual(['Work', '\\Seen']);
    expect(maildir.names('cur')).toContain(`${row?.key}:2,Sa`);
  });

  it('of each mailbox have a file of their own, and change letters with a move or a copy', async () => {
    const maildir = await maildirWith(['1.a:2,Sac,x=1', '2.b:2,b'], '0 Work\n1 Home\n');
    const side = maildir.side();
    await side.createMailbox(WORK);
    maildir.put('.Work', 'dovecot-keywords', '0 Other\n1 Third\n2 Home\n');
    const { rows } = await side.snapshot(INBOX, undefined);
    const request = { mailbox: INBOX, epoch: NO_EPOCH, to: WORK, rows: [...rows.values()] };
    const copied = await side.copy(request);
    expect((copied as MoveOutcome[]).map(outcome => 'row' in outcome && outcome.row?.flags)).toEqual([
      ['Work', '\\Seen'],
      ['Home'],
    ]);
    await side.move(request);
    expect(maildir.names('cur')).toEqual([]);
    // The letter c is no keyword in INBOX; over there it would be one.
    expect(
      maildir.names('.Work/cur').filter(name => name.startsWith('1.a') || name.startsWith('2.b')),
    ).toEqual(['1.a:2,Sd,x=1', '2.b:2,c']);
    expect(maildir.read('.Work', 'dovecot-keywords')).toBe('0 Other\n1 Third\n2 Home\n3 Work\n');
    expect((await flagsIn(side, WORK)).sort()).toEqual([
      ['Home'],
      ['Home'],
      ['Work', '\\Seen'],
      ['Work', '\\Seen'],
    ]);
  });

  it('change when their file does, though no message changed its name', async () => {
    const maildir = await maildirWith(['1.a:2,a'], '0 Work\n');
    const side = maildir.side({ clock: ahead(70_000) });
    const first = await side.snapshot(INBOX, undefined);
    expect(await side.snapshot(INBOX, first)).toBe(first);
    maildir.put('.', 'changed', '0 Renamed\n');
    renameSync(maildir.path('changed'), maildir.path('dovecot-keywords'));
    const second = await side.snapshot(INBOX, first);
    expect([...second.rows.values()].map(({ flags }) => flags)).toEqual([['Renamed']]);
    expect(second.cursor.stamp).not.toBe(first.cursor.stamp);
  });

  it('whose names were lost do not count as removed', async () => {
    const maildir = await maildirWith(['1.a:2,Sa'], '0 Work\n');
    const side = maildir.side();
    expect(await flagsIn(side)).toEqual([['Work', '\\Seen']]);
    rmSync(maildir.path('dovecot-keywords'));
    const { rows, permanentFlags } = await side.snapshot(INBOX, undefined);
    expect([...rows.values()].map(({ flags }) => flags)).toEqual([['\\Seen']]);
    expect(permanentFlags).not.toContain('\\*');
    expect(permanentFlags).not.toContain('Work');
    // A new keyword must not take the letter over.
    expect(await flag(side, '1.a', { add: ['New'] })).toMatchObject({ kind: 'refused' });
    expect(await flag(side, '1.a', { add: ['New', '\\Flagged'] })).toMatchObject({ kind: 'done' });
    expect(maildir.names('cur')).toEqual(['1.a:2,FSa']);
    expect(maildir.names('.')).not.toContain('dovecot-keywords');
  });

  it('beyond 26, or that are no atoms, are left out; a change of nothing else is refused', async () => {
    const maildir = await maildirWith(['1.a:2,'], full);
    const side = maildir.side();
    expect((await side.snapshot(INBOX, undefined)).permanentFlags).not.toContain('\\*');
    expect(await flag(side, '1.a', { add: ['More'] })).toMatchObject({ kind: 'refused' });
    expect(await flag(side, '1.a', { add: ['More', 'K3'] })).toEqual({ kind: 'done', flags: ['K3'] });
    expect(await flag(side, '1.a', { add: ['More'], remove: ['K3'] })).toEqual({ kind: 'done', flags: [] });
    const odd = ['two words', 'br(oken', '\\Unknown', 'K4'];
    const [row] = (await deliverAll(side, INBOX, [letter(message(), { flags: odd })])).map(done);
    expect(row?.flags).toEqual(['K4']);
    expect(maildir.read('dovecot-keywords')).toBe(full);
  });

  it('can be switched off: letters stay what they are and mean nothing', async () => {
    const maildir = await maildirWith(['1.a:2,Sa'], '0 Work\n');
    const on = maildir.side({ clock: ahead(10_000) });
    const known = await on.snapshot(INBOX, undefined);
    const side = maildir.side({ keywords: false, clock: ahead(10_000) });
    const { rows, permanentFlags } = await side.snapshot(INBOX, known);
    expect([...rows.values()].map(({ flags }) => flags)).toEqual([['\\Seen']]);
    expect(permanentFlags).not.toContain('\\*');
    expect(await flag(side, '1.a', { add: ['Home', '\\Flagged'] })).toEqual({
      kind: 'done',
      flags: ['\\Flagged', '\\Seen'],
    });
    await side.createMailbox(WORK);
    const moved = [...(await side.snapshot(INBOX, undefined)).rows.values()];
    await side.move({ mailbox: INBOX, epoch: NO_EPOCH, to: WORK, rows: moved });
    expect(maildir.names('.Work/cur')).toEqual(['1.a:2,FSa']);
    expect(maildir.names('.Work')).not.toContain('dovecot-keywords');
  });

  it.each([
    ['a symbolic link', (path: string) => symlinkSync('elsewhere', path)],
    ['a directory', (path: string) => mkdirSync(path)],
    ['larger than any list', (path: string) => writeFileSync(path, Buffer.alloc(100_000))],
  ])('whose file is %s make the mailbox unreadable, not its keywords removed', async (_what, spoil) => {
    const maildir = await maildirWith(['1.a:2,Sa']);
    spoil(maildir.path('dovecot-keywords'));
    expect(await codeOf(maildir.side().snapshot(INBOX, undefined))).toBe('mailbox-unreadable');
    expect(await codeOf(flag(maildir.side(), '1.a', { add: ['Work'] }))).toBe('mailbox-unreadable');
    expect(await codeOf(maildir.side({ keywords: false }).snapshot(INBOX, undefined))).toBe('no error');
  });
});

describe('the lock of keywords', () => {
  const lockOf = (maildir: TemporaryMaildir) => maildir.path('dovecot-uidlist.lock');
  const attempt = (maildir: TemporaryMaildir, parts: SideParts = {}) =>
    flag(maildir.side({ clock: ahead(0), ...parts }), '1.a', { add: ['Work'] });

  it('that another program holds is waited for, and then nothing is changed', async () => {
    const maildir = await maildirWith(['1.a:2,S']);
    writeFileSync(lockOf(maildir), `${process.pid}:${hostname()}`);
    expect(await attempt(maildir)).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining('lock'),
    });
    expect(maildir.names('cur')).toEqual(['1.a:2,S']);
    expect(existsSync(lockOf(maildir))).toBe(true);
    const side = maildir.side({ clock: ahead(0) });
    await side.createMailbox(WORK);
    writeFileSync(maildir.path('.Work', 'dovecot-uidlist.lock'), '');
    maildir.put('.', 'dovecot-keywords', '0 Work\n');
    renameSync(maildir.path('cur', '1.a:2,S'), maildir.path('cur', '1.a:2,Sa'));
    const rows = [...(await side.snapshot(INBOX, undefined)).rows.values()];
    const request = { mailbox: INBOX, epoch: NO_EPOCH, to: WORK, rows };
    expect(await side.move(request)).toMatchObject([{ kind: 'refused' }]);
    expect(await side.copy(request)).toMatchObject([{ kind: 'refused' }]);
    // A delivery does not wait for keywords: they come with the next round.
    const [row] = (await deliverAll(side, WORK, [letter(message(), { flags: ['Work', '\\Seen'] })])).map(
      done,
    );
    expect(row?.flags).toEqual(['\\Seen']);
  });

  it('that is given back meanwhile is taken', async () => {
    const maildir = await maildirWith(['1.a:2,S']);
    writeFileSync(lockOf(maildir), '');
    let pauses = 0;
    const sleep = async () => {
      if (++pauses === 3) rmSync(lockOf(maildir));
    };
    expect(await attempt(maildir, { clock: { now: () => Date.now(), sleep } })).toMatchObject({
      kind: 'done',
    });
    expect(pauses).toBe(3);
  });

  it('that is two minutes old, or of a process that is gone, is broken', async () => {
    const maildir = await maildirWith(['1.a:2,S']);
    writeFileSync(lockOf(maildir), '1:elsewhere');
    const old = Date.now() / 1000 - 121;
    utimesSync(lockOf(maildir), old, old);
    expect(await attempt(maildir)).toMatchObject({ kind: 'done' });
    expect(existsSync(lockOf(maildir))).toBe(false);
    rmSync(maildir.path('dovecot-keywords'));
    renameSync(maildir.path('cur', '1.a:2,Sa'), maildir.path('cur', '1.a:2,S'));
    writeFileSync(lockOf(maildir), `999999999:${hostname()}`);
    expect(await attempt(maildir)).toMatchObject({ kind: 'done' });
    expect(maildir.read('dovecot-keywords')).toBe('0 Work\n');
  });

  it('and a crash at any effect leave the list whole, and a rerun goes on', async () => {
    let crashes = 0;
    for (let at = 1, more = true; more; at++) {
      for (const when of ['before', 'after'] as const) {
        const maildir = await maildirWith(['1.a:2,Sa'], '0 Home\n');
        const seam = new CrashSeam(at, when);
        await attempt(maildir, { seam }).catch(() => undefined);
        more = seam.crashed;
        if (!more) break;
        crashes++;
        expect(['0 Home\n', '0 Home\n1 Work\n'], seam.where).toContain(maildir.read('dovecot-keywords'));
        const names = maildir.names('cur');
        expect([['1.a:2,Sa'], ['1.a:2,Sab']], seam.where).toContainEqual(names);
        // The process of a lock that a crash left is this test's own: only its age tells.
        const again = maildir.side({ clock: ahead(130_000) });
        expect(await flag(again, '1.a', { add: ['Work'] }), seam.where).toMatchObject({ kind: 'done' });
        expect(maildir.names('cur'), seam.where).toEqual(['1.a:2,Sab']);
        expect(maildir.read('dovecot-keywords'), seam.where).toBe('0 Home\n1 Work\n');
        expect(await flag(again, '1.a', { add: ['Later'] }), seam.where).toMatchObject({ kind: 'done' });
        expect(maildir.names('cur'), seam.where).toEqual(['1.a:2,Sabc']);
        expect(existsSync(lockOf(maildir)), seam.where).toBe(false);
      }
    }
    expect(crashes).toBeGreaterThan(8);
  });
});
