import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import type { Clock } from '@postern/core/model/clock.js';
import { identityOf } from '@postern/core/model/identity.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import { type MessageKey, NO_EPOCH } from '@postern/core/model/row.js';
import { AbsenceProof } from '@postern/core/side/maildir/absence.js';
import { Census } from '@postern/core/side/maildir/census.js';
import type { Octets } from '@postern/core/side/maildir/octets.js';
import { describe, expect, it, vi } from 'vitest';
import { readAll } from '../../support/letters.js';
import { asOrdinaryUser, fileBytes, TemporaryMaildir } from './temporary-maildir.js';

/** A clock that is so many milliseconds ahead of the file system's. */
const ahead = (milliseconds: number): Clock => ({
  now: () => Date.now() + milliseconds,
  sleep: async () => {},
});

const key = (text: string) => text as MessageKey;

describe('a scan', () => {
  it('reads new and cur, and tells identity, flags, date and envelope of each file', async () => {
    const maildir = await TemporaryMaildir.make();
    maildir.put('new', '1.a.h', fileBytes('one'));
    maildir.put('cur', '2.b.h:2,FS', fileBytes('two', 'line\r\nmixed\n'));
    utimesSync(maildir.path('cur', '2.b.h:2,FS'), 1_600_000_000, 1_600_000_000.5);
    const { rows, unreadable, cursor } = await maildir.side().snapshot(INBOX, undefined);
    expect([rows.size, unreadable.size, cursor.count, cursor.epoch]).toEqual([2, 0, 2, '']);
    expect(rows.get(key('1.a.h'))).toMatchObject({ flags: [], ...identityOf(Buffer.from(fileBytes('one'))) });
    expect(rows.get(key('2.b.h'))).toMatchObject({
      flags: ['\\Flagged', '\\Seen'],
      date: 1_600_000_000_500,
      ...identityOf(Buffer.from(fileBytes('two', 'line\r\nmixed\n'))),
    });
  });

  it('MG-28, MM-22: passes over dot files, and keeps names with other delimiters, or sizes that are wrong, whole', async () => {
    const maildir = await TemporaryMaildir.make();
    maildir.put('cur', '.nfs0001', 'x');
    for (const name of ['1.a.h', '2.b.h:1,DRS', '3.c.h;2,S', '4.d.h!2,S', '5.e.h,S=3,W=4:2,']) {
      maildir.put('cur', name, fileBytes(name));
    }
    const { rows } = await maildir.side().snapshot(INBOX, undefined);
    expect([...rows.keys()].sort()).toEqual([
      '1.a.h',
      '2.b.h:1,DRS',
      '3.c.h;2,S',
      '4.d.h!2,S',
      '5.e.h,S=3,W=4',
    ]);
    expect([...rows.values()].every(({ flags }) => flags.length === 0)).toBe(true);
  });

  it('uses the flags of a file in new that has some', async () => {
    const maildir = await TemporaryMaildir.make();
    maildir.put('new', '1.a.h:2,S', fileBytes('one'));
    const { rows } = await maildir.side().snapshot(INBOX, undefined);
    expect(rows.get(key('1.a.h'))?.flags).toEqual(['\\Seen']);
  });

  it('finds, reads and removes files whose names are not UTF-8', async () => {
    const maildir = await TemporaryMaildir.make();
    const name = Buffer.concat([
      Buffer.from('1.'),
      Buffer.from([0xff, 0x25, 0xfe, 0x0a]),
      Buffer.from(':2,S'),
    ]);
    maildir.put('cur', name, fileBytes('odd'));
    const side = maildir.side();
    const { rows } = await side.snapshot(INBOX, undefined);
    const odd = key('1.%FF%25%FE%0A');
    expect([...rows.keys()]).toEqual([odd]);
    expect((await readAll(side, INBOX, NO_EPOCH, rows.values())).get(odd)?.toString()).toContain(
      '<odd@example.org>',
    );
    const outcome = await side.flag(INBOX, NO_EPOCH, [{ key: odd, add: ['\\Flagged'], remove: [] }]);
    expect(outcome).toEqual([{ kind: 'done', flags: ['\\Flagged', '\\Seen'] }]);
    const sight = await side.look(INBOX, NO_EPOCH, [odd]);
    const removed = await side.remove(INBOX, NO_EPOCH, [{ expect: sight.rows.get(odd)!, operation: 'op' }]);
    expect(removed).toMatchObject([{ kind: 'done' }]);
    expect(maildir.names('cur')).toEqual([]);
  });

  it('MD-09: does not read again what has the same size and mtime, wherever it moved', async () => {
    const maildir = await TemporaryMaildir.make();
    maildir.put('new', '1.a.h', fileBytes('one'));
    const side = maildir.side();
    const first = await side.snapshot(INBOX, undefined);
    renameSync(maildir.path('new', '1.a.h'), maildir.path('cur', '1.a.h:2,S'));
    const second = await side.snapshot(INBOX, first);
    const [before, after] = [first, second].map(({ rows }) => rows.get(key('1.a.h')));
    expect(after?.flags).toEqual(['\\Seen']);
    expect(after?.identity).toBe(before?.identity);
  });

  it('MD-16: files that a backup put back under other inodes and dates are the same messages', async () => {
    const maildir = await TemporaryMaildir.make();
    const names = ['1.a.h:2,S', '2.b.h:2,', '3.c.h:2,F'];
    for (const name of names) maildir.put('cur', name, fileBytes(name));
    const side = maildir.side();
    const first = await side.snapshot(INBOX, undefined);
    for (const [index, name] of names.entries()) {
      unlinkSync(maildir.path('cur', name));
      maildir.put('cur', name, fileBytes(name));
      utimesSync(maildir.path('cur', name), 1_000 + index, 2_000 - index);
    }
    const second = await side.snapshot(INBOX, first);
    const facts = ({ rows }: typeof first) =>
      [...rows.values()].map(row => [row.key, row.flags, row.identity]);
    expect(facts(second)).toEqual(facts(first));
  });

  it('notices content that was changed in place', async () => {
    const maildir = await TemporaryMaildir.make();
    maildir.put('cur', '1.a.h:2,', fileBytes('one', 'text\n'));
    const side = maildir.side();
    const first = await side.snapshot(INBOX, undefined);
    writeFileSync(maildir.path('cur', '1.a.h:2,'), fileBytes('one', 'TEXT\n'));
    maildir.put('cur', '2.b.h:2,', fileBytes('two'));
    const second = await side.snapshot(INBOX, first);
    expect(second.rows.get(key('1.a.h'))?.identity.content).not.toBe(
      first.rows.get(key('1.a.h'))?.identity.content,
    );
  });

  it('gives the known snapshot back when the directories are provably unchanged', async () => {
    const maildir = await TemporaryMaildir.make();
    maildir.put('new', '1.a.h', fileBytes('one'));
    const side = maildir.side({ clock: ahead(70_000) });
    const first = await side.snapshot(INBOX, undefined);
    expect(await side.snapshot(INBOX, first)).toBe(first);
    expect(await side.isAsAt(INBOX, first.cursor)).toBe(true);
    maildir.put('new', '2.b.h', fileBytes('two'));
    expect(await side.isAsAt(INBOX, first.cursor)).toBe(false);
    expect((await side.snapshot(INBOX, first)).rows.size).toBe(2);
  });

  it('RA-15: looks again at a file that was written to within the last minute', async () => {
    const maildir = await TemporaryMaildir.make();
    maildir.put('cur', '1.a:2,', 'From: a\n\nhalf');
    const soon = maildir.side({ clock: ahead(50_000) });
    const first = await soon.snapshot(INBOX, undefined);
    expect(await soon.isAsAt(INBOX, first.cursor)).toBe(false);
    writeFileSync(maildir.path('cur', '1.a:2,'), 'From: a\n\nhalf, and all of it\n');
    const second = await soon.snapshot(INBOX, first);
    expect(second.rows.get(key('1.a'))?.identity).not.toEqual(first.rows.get(key('1.a'))?.identity);
    const later = maildir.side({ clock: ahead(70_000) });
    const third = await later.snapshot(INBOX, second);
    expect(await later.isAsAt(INBOX, third.cursor)).toBe(true);
    // A date of another time is no date of writing.
    utimesSync(maildir.path('cur', '1.a:2,'), 4e9, 4e9);
    const fourth = await later.snapshot(INBOX, { ...third, cursor: first.cursor });
    expect(await later.isAsAt(INBOX, fourth.cursor)).toBe(true);
  });

  it('RA-15: looks at nothing but such files as long as the directories are as they were', async () => {
    const maildir = await TemporaryMaildir.make();
    for (const name of ['1.old', '2.old']) {
      maildir.put('cur', `${name}:2,S`, fileBytes(name));
      utimesSync(maildir.path('cur', `${name}:2,S`), 1_600_000_000, 1_600_000_000);
    }
    maildir.put('new', '3.fresh', fileBytes('three'));
    maildir.put('cur', '4.fresh:2,F', fileBytes('four'));
    const passes = vi.spyOn(Census, 'take');
    const lookedAt = () => [...(passes.mock.lastCall?.[0].first?.pass.spots.keys() ?? ['all'])];
    const side = maildir.side({ clock: ahead(20_000) });
    const first = await side.snapshot(INBOX, undefined);
    expect(lookedAt()).toEqual(['all']);
    writeFileSync(maildir.path('cur', '4.fresh:2,F'), fileBytes('four', 'and more\n'));
    const second = await side.snapshot(INBOX, first);
    expect(lookedAt()).toEqual(['3.fresh', '4.fresh']);
    for (const [name, row] of first.rows)
      expect(second.rows.get(name)?.identity.content === row.identity.content).toBe(name !== '4.fresh');
    expect([second.rows.size, second.cursor.count]).toEqual([4, 4]);
    // A row that went missing does not make its message a new one.
    const rows = new Map(first.rows);
    rows.delete(key('3.fresh'));
    await side.snapshot(INBOX, { ...first, rows });
    expect(lookedAt()).toEqual(['all']);
    // One that is somewhere else now is found, and what else changed is seen.
    renameSync(maildir.path('new', '3.fresh'), maildir.path('cur', '3.fresh:2,S'));
    unlinkSync(maildir.path('cur', '1.old:2,S'));
    const third = await maildir.side({ clock: ahead(30_000) }).snapshot(INBOX, second);
    expect(lookedAt()).toEqual(['all']);
    expect([...third.rows.keys()].sort()).toEqual(['2.old', '3.fresh', '4.fresh']);
    expect(third.rows.get(key('3.fresh'))?.flags).toEqual(['\\Seen']);
    const later = maildir.side({ clock: ahead(90_000) });
    const fourth = await later.snapshot(INBOX, third);
    expect(lookedAt()).toEqual(['3.fresh', '4.fresh']);
    expect(await later.isAsAt(INBOX, fourth.cursor)).toBe(true);
    passes.mockRestore();
  });

  it('lists the directories where more files than a few were written to within the last minute', async () => {
    const maildir = await TemporaryMaildir.make();
    for (let n = 0; n < 101; n++) maildir.put('new', `${n}.a`, fileBytes(`${n}`));
    const side = maildir.side({ clock: ahead(20_000) });
    const first = await side.snapshot(INBOX, undefined);
    expect(first.cursor.stamp?.length).toBeLessThan(200);
    const passes = vi.spyOn(Census, 'take');
    writeFileSync(maildir.path('new', '7.a'), fileBytes('another'));
    const second = await side.snapshot(INBOX, first);
    expect(second.rows.get(key('7.a'))?.identity).not.toEqual(first.rows.get(key('7.a'))?.identity);
    expect(passes.mock.lastCall?.[0].first).toBeUndefined();
    passes.mockRestore();
  });

  it.each([0, -3_600_000])(
    'MD-08: reads directories again that changed close to the last scan (clock %i ms off)',
    async off => {
      const maildir = await TemporaryMaildir.make();
      maildir.put('new', '1.a.h', fileBytes('one'));
      utimesSync(maildir.path('new', '1.a.h'), 1_600_000_000, 1_600_000_000);
      const side = maildir.side({ clock: ahead(off) });
      const first = await side.snapshot(INBOX, undefined);
      expect(first.cursor.stamp).toBeDefined();
      expect(await side.isAsAt(INBOX, first.cursor)).toBe(false);
      const second = await side.snapshot(INBOX, first);
      expect(second).not.toBe(first);
      expect(second.rows.get(key('1.a.h'))).toBe(first.rows.get(key('1.a.h')));
    },
  );

  it('does not take a mailbox with unreadable files for unchanged', async () => {
    const maildir = await TemporaryMaildir.make();
    maildir.put('cur', '1.a.h:2,', '');
    const side = maildir.side({ clock: ahead(10_000) });
    const first = await side.snapshot(INBOX, undefined);
    expect([...first.unreadable]).toEqual([['1.a.h', 'empty file']]);
    writeFileSync(maildir.path('cur', '1.a.h:2,'), fileBytes('whole now'));
    const second = await side.snapshot(INBOX, first);
    expect([second.rows.size, second.unreadable.size]).toEqual([1, 0]);
  });

  it('tells a removed message from one that is unreadable', async () => {
    const maildir = await TemporaryMaildir.make();
    maildir.put('cur', '1.a.h:2,', fileBytes('one'));
    maildir.put('cur', '2.b.h:2,', fileBytes('two'));
    const side = maildir.side();
    const first = await side.snapshot(INBOX, undefined);
    unlinkSync(maildir.path('cur', '1.a.h:2,'));
    truncateSync(maildir.path('cur', '2.b.h:2,'));
    const second = await side.snapshot(INBOX, first);
    expect(second.rows.size).toBe(0);
    expect([...second.unreadable.keys()]).toEqual(['2.b.h']);
    const sight = await side.look(INBOX, NO_EPOCH, [key('1.a.h'), key('2.b.h')]);
    expect([[...sight.rows.keys()], [...sight.gone]]).toEqual([[], ['1.a.h']]);
  });
});

describe('what is no message', () => {
  it('is reported with the reason, is neither absent nor read, and cannot be removed', async () => {
    const maildir = await TemporaryMaildir.make();
    const path = (name: string) => maildir.path('cur', name);
    execFileSync('mkfifo', [path('1.fifo:2,')]);
    symlinkSync('/etc/passwd', path('2.link:2,'));
    mkdirSync(path('3.directory:2,'));
    const server = createServer().listen(path('4.socket:2,'));
    await new Promise(resolve => server.once('listening', resolve));
    maildir.put('cur', '5.empty:2,S', '');
    symlinkSync('nowhere', maildir.path('new', '6.dangling'));
    const side = maildir.side();
    const { rows, unreadable, cursor } = await side.snapshot(INBOX, undefined);
    expect(Object.fromEntries(unreadable)).toEqual({
      '1.fifo': 'a FIFO',
      '2.link': 'a symbolic link',
      '3.directory': 'a directory',
      '4.socket': 'a socket',
      '5.empty': 'empty file',
      '6.dangling': 'a symbolic link',
    });
    expect([rows.size, cursor.count]).toEqual([0, 6]);
    const keys = [...unreadable.keys()];
    const sight = await side.look(INBOX, NO_EPOCH, keys);
    expect([sight.rows.size, sight.gone.size]).toEqual([0, 0]);
    const expected = keys.map(odd => ({ ...identityOf(Buffer.from('x')), key: odd, flags: [], date: 0 }));
    expect((await readAll(side, INBOX, NO_EPOCH, expected)).size).toBe(0);
    const removed = await side.remove(
      INBOX,
      NO_EPOCH,
      expected.map(expect => ({ expect, operation: 'op' })),
    );
    expect(new Set(removed.map(({ kind }) => kind))).toEqual(new Set(['refused']));
    expect(maildir.names('cur')).toHaveLength(5);
    server.close();
  });

  it.each([3, 5])('RF-21: may be a file of %i GiB, which is told and not read', async gigabytes => {
    const maildir = await TemporaryMaildir.make();
    maildir.put('cur', '1.a.h:2,S', fileBytes('one'));
    maildir.put('cur', '2.b.h:2,S', fileBytes('two'));
    const side = maildir.side();
    const { rows: before } = await side.snapshot(INBOX, undefined);
    truncateSync(maildir.path('cur', '2.b.h:2,S'), gigabytes * 1024 ** 3);
    const { rows, unreadable } = await side.snapshot(INBOX, undefined);
    expect([...rows.keys()]).toEqual(['1.a.h']);
    expect([...unreadable]).toEqual([['2.b.h', 'larger than 2 GiB']]);
    const { gone } = await side.look(INBOX, NO_EPOCH, [key('2.b.h')]);
    expect(gone.size).toBe(0);
    expect([...(await readAll(side, INBOX, NO_EPOCH, before.values())).keys()]).toEqual(['1.a.h']);
  });

  it('RF-03: may be a file without read permission', async () => {
    const maildir = await TemporaryMaildir.make();
    maildir.put('cur', '1.a.h:2,', fileBytes('one'));
    maildir.put('cur', '2.b.h:2,', fileBytes('two'));
    const side = maildir.side();
    const { rows, unreadable } = await asOrdinaryUser(maildir, ['cur/1.a.h:2,'], () =>
      side.snapshot(INBOX, undefined),
    );
    expect([...rows.keys()]).toEqual(['2.b.h']);
    expect([...unreadable]).toEqual([['1.a.h', 'permission denied']]);
  });

  it('MD-01: may be one name for two files; one file with two names is one message', async () => {
    const maildir = await TemporaryMaildir.make();
    maildir.put('new', '1.a.h', fileBytes('one'));
    maildir.put('cur', '1.a.h:2,S', fileBytes('other'));
    maildir.put('new', '2.b.h', fileBytes('two'));
    linkSync(maildir.path('new', '2.b.h'), maildir.path('cur', '2.b.h:2,S'));
    const side = maildir.side();
    const { rows, unreadable } = await side.snapshot(INBOX, undefined);
    expect([...unreadable]).toEqual([['1.a.h', 'two files have this name']]);
    expect([...rows].map(([name, { flags }]) => [name, flags])).toEqual([['2.b.h', ['\\Seen']]]);
    const changes = [key('1.a.h'), key('2.b.h')].map(name => ({ key: name, add: ['\\Flagged'], remove: [] }));
    const outcomes = await side.flag(INBOX, NO_EPOCH, changes);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['refused', 'refused']);
  });
});

describe('reading messages', () => {
  it('finds them under the names they have now', async () => {
    const maildir = await TemporaryMaildir.make();
    for (const name of ['1.a', '2.b', '3.c']) maildir.put('new', name, fileBytes(name));
    const side = maildir.side();
    const { rows } = await side.snapshot(INBOX, undefined);
    renameSync(maildir.path('new', '1.a'), maildir.path('cur', '1.a:2,FSx'));
    unlinkSync(maildir.path('new', '2.b'));
    const seen: unknown[] = [];
    const wanted = ['1.a', '2.b', '3.c'].map(name => rows.get(key(name))!);
    await side.read(INBOX, NO_EPOCH, wanted, async ({ key: name, flags }) => {
      seen.push([name, flags]);
      if (name === '1.a') renameSync(maildir.path('new', '3.c'), maildir.path('cur', '3.c:2,'));
    });
    expect(seen).toEqual([
      ['1.a', ['\\Flagged', '\\Seen']],
      ['3.c', []],
    ]);
  });
});

describe('proof of absence', () => {
  const pass = (stable: boolean, ...names: string[]) => ({
    spots: new Map(names.map(name => [name as Octets, []])),
    stamps: { text: '', place: '', changed: 0n },
    stable,
  });
  const a = 'a' as Octets;

  it.each([
    ['one stable pass', 1, [pass(true)], false],
    ['two passes, both unstable', 1, [pass(false), pass(false)], false],
    ['two passes, one of them stable', 1, [pass(false), pass(true)], true],
    ['a pass that met it after one that missed it', 1, [pass(true), pass(true, 'a'), pass(true)], false],
    ['two passes, one stable, where two are asked for', 2, [pass(false), pass(true)], false],
    ['two stable passes', 2, [pass(true), pass(true)], true],
    ['passes that never missed it', 1, [pass(true, 'a'), pass(true, 'a')], false],
  ] as const)('from %s', (_what, needed, passes, gone) => {
    const proof = new AbsenceProof(new Set([a]), needed);
    for (const one of passes) proof.note(one);
    expect(proof.isGone(a)).toBe(gone);
    expect(proof.settled).toBe(gone || passes.at(-1)!.spots.has(a));
  });
});
