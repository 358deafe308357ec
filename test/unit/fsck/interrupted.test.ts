import { writeFile } from 'node:fs/promises';
import { statePaths } from '@postern/core/state/disk-store.js';
import { exitOf } from '@postern/fsck/report.js';
import { afterEach, describe, expect, it } from 'vitest';
import { DiskRig } from '../../support/disk-rig.js';
import { message } from '../../support/messages.js';
import { CrashSeam, FaultSeam } from '../../support/seam.js';
import { pairedMail } from './paired-mail.js';

let rig: DiskRig;
afterEach(() => rig.remove());

describe('after a sync that was killed', () => {
  it('a repair at any point pairs what was delivered, and the next sync delivers nothing twice', async () => {
    rig = await DiskRig.create();
    const inBoth = message({ subject: 'On both sides' });
    for (const world of [rig.remote, rig.local]) world.add('INBOX', inBoth);
    rig.remote.add('INBOX', message({ subject: 'Down' }));
    rig.local.add('INBOX', message({ subject: 'Up' }));
    let met = 0;
    for (let at = 1; ; at++) {
      const copy = await rig.clone();
      try {
        const seam = new CrashSeam(at, 'after');
        await copy.sync(seam).catch(() => undefined);
        if (!seam.crashed) break;
        met++;
        await copy.repair();
        await copy.sync();
        expect(copy.remote.contents('INBOX'), seam.where).toHaveLength(3);
        expect(copy.remote.allContents(), seam.where).toEqual(copy.local.allContents());
        expect((await copy.check()).findings, seam.where).toEqual([]);
      } finally {
        await copy.remove();
      }
    }
    expect(met).toBeGreaterThan(15);
  });

  it('a repair at any point leaves a message that was moved in one mailbox', async () => {
    rig = await DiskRig.create();
    for (const world of [rig.remote, rig.local]) {
      for (const name of ['Here', 'There']) world.createMailbox(name);
      world.add('INBOX', message({ subject: 'Stays' }));
    }
    const moved = message({ subject: 'Moved twice' });
    for (const world of [rig.remote, rig.local]) world.add('INBOX', moved);
    await rig.sync();
    for (const [world, to] of [
      [rig.remote, 'There'],
      [rig.local, 'Here'],
    ] as const) {
      const found = [...world.mailbox('INBOX').messages.values()].find(({ bytes }) => bytes.equals(moved))!;
      world.remove('INBOX', found.key);
      world.add(to, moved);
    }
    let met = 0;
    for (let at = 1; ; at++) {
      const copy = await rig.clone();
      try {
        const seam = new CrashSeam(at, 'after');
        await copy.sync(seam).catch(() => undefined);
        if (!seam.crashed) break;
        met++;
        await copy.repair();
        await copy.sync();
        await copy.sync();
        const holding = ['INBOX', 'Here', 'There'].map(name => copy.local.contents(name).length);
        expect([holding, copy.local.allContents()], seam.where).toEqual([
          [1, 0, 1],
          copy.remote.allContents(),
        ]);
      } finally {
        await copy.remove();
      }
    }
    expect(met).toBeGreaterThan(10);
  });

  it('a repair keeps a delivery whose answer was lost in mind', async () => {
    rig = await pairedMail();
    rig.local.add('INBOX', message({ subject: 'Sent, perhaps' }));
    const lost = new FaultSeam(1, 'ECONNRESET', { when: 'before', only: ({ name }) => name === 'APPEND' });
    await rig.sync(lost);
    expect(lost.failed).toBe(1);
    expect((await rig.check()).findings.map(({ id }) => id)).toEqual(['intent-open']);
    await writeFile(statePaths(rig.stateDirectory).id, '');
    await rig.repair();
    expect((await rig.check()).findings.map(({ id }) => id)).toEqual(['intent-open']);
    expect((await rig.sync()).apply.counts.skipped).toBe(1);
    rig.clock.pass(11 * 60_000);
    await rig.sync();
    expect(rig.remote.allContents()).toEqual(rig.local.allContents());
  });
});

describe('messages that nothing tells apart', () => {
  it('stay unpaired and blocked through check and repair', async () => {
    rig = await DiskRig.create();
    for (const [at, world] of [rig.remote, rig.local, rig.remote, rig.local].entries())
      world.add('INBOX', message({ subject: 'Same header', body: `${at}\r\n` }));
    rig.remote.add('INBOX', message({ subject: 'Plain' }));
    await rig.sync();
    const contents = [rig.remote.contents('INBOX'), rig.local.contents('INBOX')];
    for (const _round of [1, 2]) {
      const check = await rig.check();
      expect(check.findings.map(({ id }) => id)).toEqual(Array(4).fill('message-blocked'));
      expect(check.blocked).toHaveLength(4);
      expect(exitOf(check)).toBe(3);
      await writeFile(statePaths(rig.stateDirectory).id, '');
      const report = await rig.repair();
      expect(report.blocked).toHaveLength(4);
      expect(report.repaired).toMatchObject({ pairs: 1, bodiesRead: 0 });
      expect(exitOf(report)).toBe(3);
      await rig.sync();
    }
    expect([rig.remote.contents('INBOX'), rig.local.contents('INBOX')]).toEqual(contents);
  });
});
