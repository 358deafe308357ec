import { linkSync, renameSync, unlinkSync } from 'node:fs';
import { INBOX } from '@postern/core/model/mailbox.js';
import { type MessageKey, NO_EPOCH } from '@postern/core/model/row.js';
import { Census } from '@postern/core/side/maildir/census.js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fileBytes, TemporaryMaildir } from './temporary-maildir.js';

const KEY = '1.a' as MessageKey;
const GONE = '2.b' as MessageKey;

/** A mailbox with `1.a`, scanned a while after the last change, of which it is said what will be asked. */
async function foreseen() {
  const maildir = await TemporaryMaildir.make();
  maildir.put('cur', '1.a:2,S', fileBytes('one'));
  let now = Date.now() + 10_000;
  const side = maildir.side({ clock: { now: () => now, sleep: async () => {} } });
  const { cursor, rows } = await side.snapshot(INBOX, undefined);
  now += 1000;
  const foresee = (gone: readonly MessageKey[]) =>
    side.foresee(INBOX, NO_EPOCH, { cursor, looks: [...rows.values()], gone, bodies: [], writes: true });
  await foresee([GONE]);
  const passes = vi.spyOn(Census, 'take');
  const listed = () => passes.mock.calls.filter(([{ sure, first }]) => (sure ?? first) === undefined).length;
  return { maildir, side, row: rows.get(KEY)!, listed };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('what was seen of a mailbox a moment ago', () => {
  it('spares looks a listing while the directories are as they were', async () => {
    const { side, row, listed } = await foreseen();
    const { rows } = await side.look(INBOX, NO_EPOCH, [KEY], 'recent');
    expect(rows.get(KEY)).toEqual(row);
    expect((await side.look(INBOX, NO_EPOCH, [GONE], 'gone')).gone).toEqual(new Set([GONE]));
    expect(listed()).toBe(0);
    await side.look(INBOX, NO_EPOCH, [KEY], 'now');
    expect(listed()).toBe(1);
  });

  it('does not make a message gone that came back', async () => {
    const { maildir, side, listed } = await foreseen();
    maildir.put('new', '2.b', fileBytes('two'));
    const { gone, rows } = await side.look(INBOX, NO_EPOCH, [GONE], 'gone');
    expect([[...gone], [...rows.keys()]]).toEqual([[], [GONE]]);
    expect(listed()).toBe(1);
  });

  it('finds a file under another name', async () => {
    const { maildir, side } = await foreseen();
    renameSync(maildir.path('cur', '1.a:2,S'), maildir.path('cur', '1.a:2,FS'));
    const renamed = await side.look(INBOX, NO_EPOCH, [KEY], 'to-change');
    expect(renamed.rows.get(KEY)?.flags).toEqual(['\\Flagged', '\\Seen']);
  });

  it('reads a file that was written to in its place', async () => {
    const { maildir, side, row } = await foreseen();
    maildir.put('cur', '1.a:2,S', fileBytes('another one'));
    const { rows } = await side.look(INBOX, NO_EPOCH, [KEY], 'recent');
    expect(rows.get(KEY)?.identity.content).not.toBe(row.identity.content);
  });

  it('serves for a second', async () => {
    const { side, listed } = await foreseen();
    const now = performance.now();
    vi.spyOn(performance, 'now').mockImplementation(() => now + 1_001);
    await side.look(INBOX, NO_EPOCH, [KEY], 'recent');
    expect(listed()).toBe(1);
  });

  it('is not believed where the scan was too close to the last change to tell', async () => {
    const maildir = await TemporaryMaildir.make();
    maildir.put('cur', '1.a:2,S', fileBytes('one'));
    const side = maildir.side({ clock: { now: () => Date.now(), sleep: async () => {} } });
    const { cursor, rows } = await side.snapshot(INBOX, undefined);
    const looks = [...rows.values()];
    await side.foresee(INBOX, NO_EPOCH, { cursor, looks, gone: [GONE], bodies: [], writes: true });
    const passes = vi.spyOn(Census, 'take');
    await side.look(INBOX, NO_EPOCH, [GONE], 'gone');
    expect(passes.mock.calls[0]?.[0].sure).toBeUndefined();
  });

  it('spares a change the listing that the look before it took, and looks at each file all the same', async () => {
    const { maildir, side, listed } = await foreseen();
    maildir.put('cur', '3.c:2,', fileBytes('three'));
    await side.look(INBOX, NO_EPOCH, [KEY], 'to-change');
    expect(listed()).toBe(1);
    const flag = (add: readonly string[]) => side.flag(INBOX, NO_EPOCH, [{ key: KEY, add, remove: [] }]);
    expect(await flag(['\\Flagged'])).toEqual([{ kind: 'done', flags: ['\\Flagged', '\\Seen'] }]);
    expect(listed()).toBe(1);
    // It has another name since.
    expect(await flag(['\\Answered'])).toMatchObject([{ kind: 'done' }]);
    expect(maildir.names('cur')).toEqual(['1.a:2,FRS', '3.c:2,']);
  });

  it('does not let a removal pass over a file that went, or one of another content', async () => {
    for (const change of ['gone', 'replaced'] as const) {
      const { maildir, side } = await foreseen();
      const { rows } = await side.look(INBOX, NO_EPOCH, [KEY], 'to-change');
      unlinkSync(maildir.path('cur', '1.a:2,S'));
      if (change === 'replaced') {
        maildir.put('tmp', 'x', fileBytes('another'));
        linkSync(maildir.path('tmp', 'x'), maildir.path('cur', '1.a:2,S'));
      }
      const removals = [{ expect: rows.get(KEY)!, operation: 'op-1' }];
      const [outcome] = await side.remove(INBOX, NO_EPOCH, removals);
      expect(outcome?.kind).toBe(change === 'gone' ? 'gone' : 'changed');
      expect(maildir.names('cur')).toEqual(change === 'gone' ? [] : ['1.a:2,S']);
    }
  });

  it('is nothing other messages and other mailboxes have to do with', async () => {
    const { maildir, side, listed } = await foreseen();
    const other = 'Other' as typeof INBOX;
    await side.createMailbox(other);
    maildir.put('cur', '3.c:2,', fileBytes('three'));
    const flag = (mailbox: typeof INBOX, key: MessageKey) =>
      side.flag(mailbox, NO_EPOCH, [{ key, add: ['\\Flagged'], remove: [] }]);
    await side.look(INBOX, NO_EPOCH, [KEY], 'to-change');
    expect(listed()).toBe(1);
    expect(await flag(INBOX, '3.c' as MessageKey)).toMatchObject([{ kind: 'done' }]);
    expect(listed()).toBe(2);
    await side.look(INBOX, NO_EPOCH, [KEY], 'to-change');
    expect(await flag(other, KEY)).toEqual([{ kind: 'gone' }]);
    expect(listed()).toBe(4);
    expect((await side.look(other, NO_EPOCH, [KEY], 'recent')).gone).toEqual(new Set([KEY]));
    expect(listed()).toBe(5);
  });
});
