import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { INBOX } from '@postern/core/model/mailbox.js';
import { NO_EPOCH, type Row } from '@postern/core/model/row.js';
import type { RemoveOutcome } from '@postern/core/side/side.js';
import { describe, expect, it } from 'vitest';
import { CountingSeam, effectsNamed, FaultSeam, HookSeam } from '../../support/seam.js';
import { fileBytes, TemporaryMaildir, temporaryDirectory } from './temporary-maildir.js';

async function maildirWith(name = '1.a:2,S'): Promise<{ maildir: TemporaryMaildir; row: Row }> {
  const maildir = await TemporaryMaildir.make();
  maildir.put('cur', name, fileBytes('one'));
  const { rows } = await maildir.side().snapshot(INBOX, undefined);
  return { maildir, row: [...rows.values()][0]! };
}

async function remove(
  maildir: TemporaryMaildir,
  expect: Row,
  parts: Parameters<TemporaryMaildir['side']>[0] = {},
): Promise<RemoveOutcome> {
  return (await maildir.side(parts).remove(INBOX, NO_EPOCH, [{ expect, operation: 'op-1' }]))[0]!;
}

function attic(maildir: TemporaryMaildir): string[] {
  const operation = maildir.path('.postern', 'attic', 'op-1');
  return existsSync(operation) ? readdirSync(operation) : [];
}

describe('a removed file', () => {
  it('lies in the attic under its own name after a random one', async () => {
    const { maildir, row } = await maildirWith();
    const outcome = await remove(maildir, row, { random: () => 'r4nd0m' });
    expect(outcome).toEqual({ kind: 'done', where: 'op-1/r4nd0m-1.a:2,S' });
    expect(maildir.names('cur')).toEqual([]);
    expect(maildir.read('.postern', 'attic', 'op-1', 'r4nd0m-1.a:2,S')).toBe(fileBytes('one'));
    expect(statSync(maildir.path('.postern', 'attic')).mode & 0o777).toBe(0o700);
  });

  it('is durable in the attic before it leaves the mailbox', async () => {
    const { maildir, row } = await maildirWith();
    const seam = new CountingSeam();
    await remove(maildir, row, { seam });
    const steps = seam.effects.map(({ name }) => name).filter(name => name !== 'mkdir');
    expect(steps[0]).toBe('link');
    expect(steps.lastIndexOf('unlink')).toBeGreaterThan(steps.indexOf('fsync-dir'));
    expect(steps.at(-1)).toBe('fsync-dir');
    expect(seam.effects.at(-1)?.target).toBe(maildir.path('cur'));
  });

  it('with a name of 255 octets fits into the attic', async () => {
    const { maildir, row } = await maildirWith(`${'x'.repeat(252)}:2,`);
    expect(await remove(maildir, row)).toMatchObject({ kind: 'done' });
    expect(attic(maildir)).toHaveLength(1);
    expect(attic(maildir)[0]).toHaveLength(255);
  });

  it('that was only touched is still the same message', async () => {
    const { maildir, row } = await maildirWith();
    utimesSync(maildir.path('cur', '1.a:2,S'), 1, 1);
    expect(await remove(maildir, row)).toMatchObject({ kind: 'done' });
  });

  it('MD-07: loses both its names, and a copy in another mailbox none', async () => {
    const { maildir, row } = await maildirWith();
    linkSync(maildir.path('cur', '1.a:2,S'), maildir.path('new', '1.a'));
    maildir.put('.Work/cur', 'x', '');
    linkSync(maildir.path('cur', '1.a:2,S'), maildir.path('.Work', 'cur', '1.a:2,S'));
    expect(await remove(maildir, row)).toMatchObject({ kind: 'done' });
    expect([maildir.names('cur'), maildir.names('new')]).toEqual([[], []]);
    expect(maildir.names('.Work/cur')).toContain('1.a:2,S');
  });
});

describe('a removal leaves alone, and nothing in the attic,', () => {
  it('a file whose content was changed in place, size and mtime kept', async () => {
    const { maildir, row } = await maildirWith();
    const path = maildir.path('cur', '1.a:2,S');
    const { mtime } = statSync(path);
    writeFileSync(path, fileBytes('one', 'TEXT\n'));
    utimesSync(path, mtime, mtime);
    expect(await remove(maildir, row)).toMatchObject({ kind: 'changed' });
    expect([maildir.names('cur'), attic(maildir)]).toEqual([['1.a:2,S'], []]);
  });

  it('a file that is replaced while it goes', async () => {
    const { maildir, row } = await maildirWith();
    const path = maildir.path('cur', '1.a:2,S');
    linkSync(path, maildir.path('tmp', 'kept'));
    let once = true;
    const seam = new HookSeam(({ name }) => {
      if (name !== 'fsync-dir' || !once) return;
      once = false;
      writeFileSync(maildir.path('tmp', 'other'), fileBytes('other'));
      renameSync(maildir.path('tmp', 'other'), path);
    });
    const outcome = await remove(maildir, row, { seam });
    expect(outcome).toMatchObject({ kind: 'changed' });
    expect(readFileSync(path, 'latin1')).toBe(fileBytes('other'));
    expect(attic(maildir)).toEqual([]);
  });

  it('a file that gets a flag while it goes', async () => {
    const { maildir, row } = await maildirWith();
    const seam = new HookSeam(({ name }) => {
      const path = maildir.path('cur', '1.a:2,S');
      if (name === 'fsync-dir' && existsSync(path)) renameSync(path, maildir.path('cur', '1.a:2,FS'));
    });
    expect(await remove(maildir, row, { seam })).toMatchObject({ kind: 'changed' });
    expect([maildir.names('cur'), attic(maildir)]).toEqual([['1.a:2,FS'], []]);
  });

  it('a file when the attic is full, read-only or elsewhere', async () => {
    for (const errno of ['ENOSPC', 'EROFS', 'EXDEV']) {
      const { maildir, row } = await maildirWith();
      const outcome = await remove(maildir, row, { seam: new FaultSeam(1, errno, effectsNamed('link')) });
      expect(outcome).toMatchObject({ kind: 'refused' });
      expect([maildir.names('cur'), attic(maildir)]).toEqual([['1.a:2,S'], []]);
    }
  });

  it('a file that cannot be unlinked', async () => {
    const { maildir, row } = await maildirWith();
    const outcome = await remove(maildir, row, { seam: new FaultSeam(1, 'EACCES', effectsNamed('unlink')) });
    expect(outcome).toEqual({ kind: 'refused', reason: 'permission denied' });
    expect([maildir.names('cur'), attic(maildir)]).toEqual([['1.a:2,S'], []]);
  });

  it('the other file of an ambiguous name', async () => {
    const { maildir, row } = await maildirWith();
    maildir.put('new', '1.a', fileBytes('other'));
    expect(await remove(maildir, row)).toMatchObject({ kind: 'refused' });
    expect([maildir.names('cur'), maildir.names('new'), attic(maildir)]).toEqual([['1.a:2,S'], ['1.a'], []]);
  });
});

describe('a removal', () => {
  it('of a file that its owner removes meanwhile keeps the last copy in the attic', async () => {
    const { maildir, row } = await maildirWith();
    const seam = new HookSeam(({ name }) => {
      const path = maildir.path('cur', '1.a:2,S');
      if (name === 'fsync-dir' && existsSync(path)) unlinkSync(path);
    });
    expect(await remove(maildir, row, { seam })).toMatchObject({ kind: 'done' });
    expect(attic(maildir)).toHaveLength(1);
  });

  it('moves the file where there are no hard links, and brings a changed one back', async () => {
    const noLinks = () => new FaultSeam(1, 'ENOTSUP', { ...effectsNamed('link'), sticky: true });
    const changed = await maildirWith();
    writeFileSync(changed.maildir.path('cur', '1.a:2,S'), fileBytes('one', 'TEXT\n'));
    expect(await remove(changed.maildir, changed.row, { seam: noLinks() })).toMatchObject({
      kind: 'changed',
    });
    expect([changed.maildir.names('cur'), attic(changed.maildir)]).toEqual([['1.a:2,S'], []]);
    const same = await maildirWith();
    expect(await remove(same.maildir, same.row, { seam: noLinks() })).toMatchObject({ kind: 'done' });
    expect([same.maildir.names('cur'), attic(same.maildir).length]).toEqual([[], 1]);
  });

  it('of what became a FIFO does not wait for it', async () => {
    const { maildir, row } = await maildirWith();
    unlinkSync(maildir.path('cur', '1.a:2,S'));
    execFileSync('mkfifo', [maildir.path('cur', '1.a:2,S')]);
    expect(await remove(maildir, row)).toEqual({ kind: 'refused', reason: 'a FIFO' });
  });

  it('takes no operation that leads out of the attic', async () => {
    const { maildir, row } = await maildirWith();
    const removal = [{ expect: row, operation: '../..' }];
    await expect(maildir.side().remove(INBOX, NO_EPOCH, removal)).rejects.toThrow('unsafe');
    expect(maildir.names('cur')).toEqual(['1.a:2,S']);
  });

  it('goes to the attic it was given', async () => {
    const { maildir, row } = await maildirWith();
    const elsewhere = join(temporaryDirectory(), 'state', 'attic');
    expect(await remove(maildir, row, { attic: elsewhere })).toMatchObject({ kind: 'done' });
    expect(readdirSync(join(elsewhere, 'op-1'))).toHaveLength(1);
    expect(existsSync(maildir.path('.postern'))).toBe(false);
  });
});
