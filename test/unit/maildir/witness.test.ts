import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { INBOX, mailboxName } from '@postern/core/model/mailbox.js';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../contract/side/opened-side.js';
import { Crash, CrashSeam, FaultSeam } from '../../support/seam.js';
import { TemporaryMaildir } from './temporary-maildir.js';

const WITNESS = { repository: 'r1', mailbox: INBOX, generation: 7 };

describe('a witness', () => {
  it('has a file of its own for each position, and is no message and no mailbox', async () => {
    const maildir = await TemporaryMaildir.make();
    const local = maildir.side({ position: 'local' });
    const remote = maildir.side({ position: 'remote' });
    await local.writeWitness(INBOX, WITNESS);
    await remote.writeWitness(INBOX, { ...WITNESS, generation: 8 });
    expect(maildir.names('.').slice(0, 2)).toEqual(['.postern-witness', '.postern-witness-0123456789ab']);
    expect(await local.readWitness(INBOX)).toEqual(WITNESS);
    expect(await remote.readWitness(INBOX)).toEqual({ ...WITNESS, generation: 8 });
    expect((await local.list()).entries).toHaveLength(1);
    expect((await local.snapshot(INBOX, undefined)).rows.size).toBe(0);
  });

  it.each([
    ['no JSON', 'garbage\0\xff'],
    ['empty', ''],
    ['a number', '7'],
    ['of another version', JSON.stringify({ version: 2, ...WITNESS })],
    ['without a generation', JSON.stringify({ version: 1, repository: 'r1', mailbox: 'INBOX' })],
    ['of half a generation', JSON.stringify({ version: 1, ...WITNESS, generation: 0.5 })],
    ['on the way to no generation', JSON.stringify({ version: 1, ...WITNESS, pending: '8' })],
    ['for no mailbox', JSON.stringify({ version: 1, ...WITNESS, mailbox: '../x' })],
    ['endless', `{"version":1,"x":"${'x'.repeat(100_000)}`],
  ])('that is %s is none', async (_what, text) => {
    const maildir = await TemporaryMaildir.make();
    writeFileSync(maildir.path('.postern-witness'), text, 'latin1');
    expect(await maildir.side().readWitness(INBOX)).toBeUndefined();
  });

  it('that is a link or a directory is none, and what it leads to is not written', async () => {
    const maildir = await TemporaryMaildir.make();
    writeFileSync(maildir.path('victim'), JSON.stringify({ version: 1, ...WITNESS }));
    symlinkSync(maildir.path('victim'), maildir.path('.postern-witness'));
    const side = maildir.side();
    expect(await side.readWitness(INBOX)).toBeUndefined();
    await side.writeWitness(INBOX, { ...WITNESS, generation: 9 });
    expect(await side.readWitness(INBOX)).toEqual({ ...WITNESS, generation: 9 });
    expect(maildir.read('victim')).toContain('"generation":7');
    rmSync(maildir.path('.postern-witness'));
    mkdirSync(maildir.path('.postern-witness'));
    expect(await side.readWitness(INBOX)).toBeUndefined();
    expect(await codeOf(side.writeWitness(INBOX, WITNESS))).toBe('failed');
  });

  it('is the old or the new one, whatever effect a crash comes at', async () => {
    let crashes = 0;
    for (let at = 1, more = true; more; at++) {
      for (const when of ['before', 'after'] as const) {
        const maildir = await TemporaryMaildir.make();
        await maildir.side().writeWitness(INBOX, WITNESS);
        const seam = new CrashSeam(at, when);
        const next = { ...WITNESS, generation: 8 };
        await maildir
          .side({ seam })
          .writeWitness(INBOX, next)
          .catch(error => expect(error).toBeInstanceOf(Crash));
        more = seam.crashed;
        if (!more) break;
        crashes++;
        const side = maildir.side();
        expect([7, 8]).toContain(((await side.readWitness(INBOX)) || undefined)?.generation);
        await side.writeWitness(INBOX, next);
        expect(await side.readWitness(INBOX)).toEqual(next);
        expect(maildir.names('.').filter(name => name.endsWith('.new'))).toEqual([]);
      }
    }
    expect(crashes).toBeGreaterThanOrEqual(10);
  });

  it('that cannot be written is an error, and the old one stays', async () => {
    const maildir = await TemporaryMaildir.make();
    await maildir.side().writeWitness(INBOX, WITNESS);
    const side = maildir.side({ seam: new FaultSeam(2, 'ENOSPC') });
    expect(await codeOf(side.writeWitness(INBOX, { ...WITNESS, generation: 8 }))).toBe('disk-full');
    expect(await maildir.side().readWitness(INBOX)).toEqual(WITNESS);
  });

  it('is asked for only where there is a mailbox', async () => {
    const maildir = await TemporaryMaildir.make();
    expect(await codeOf(maildir.side().readWitness(mailboxName('Absent')))).toBe('mailbox-unreadable');
  });
});
