import { rm } from 'node:fs/promises';
import { openSeam } from '@postern/core/model/effect.js';
import { statePaths } from '@postern/core/state/disk-store.js';
import { describe, expect, it } from 'vitest';
import type { DiskRig } from '../../support/disk-rig.js';
import { useMemoryForFiles } from '../../support/memory-files.js';
import { PowerDisk } from '../../support/power-disk.js';
import { CountingSeam, Crash, CrashSeam } from '../../support/seam.js';
import { settledAccount } from './small-account.js';

useMemoryForFiles();

const DAMAGES: Readonly<Record<string, (rig: DiskRig) => Promise<void>>> = {
  'that is gone': rig => rm(rig.stateDirectory, { recursive: true }),
  'without db.id': rig => rm(statePaths(rig.stateDirectory).id),
};

/** As if another program had put every file there, and nobody had synced a directory since. */
function loosen({ local }: DiskRig): void {
  for (const { messages } of local.mailboxes.values())
    for (const message of messages.values()) messages.set(message.key, { ...message, durable: false });
}

describe.each(Object.keys(DAMAGES))('a repair of a state %s', damage => {
  it('comes to the same base when the power fails at any point and it is run again', async () => {
    const { rig } = await settledAccount('in the log');
    await DAMAGES[damage]!(rig);
    const whole = await rig.clone();
    const counting = new CountingSeam();
    await whole.repair({}, counting);
    const base = await whole.pairs();
    await whole.remove();
    expect(counting.count).toBeGreaterThan(20);
    for (let at = 1; at <= counting.count; at++) {
      const copy = await rig.clone();
      const crash = new CrashSeam(at, 'after');
      const disk = new PowerDisk(copy.home, crash);
      try {
        await expect(copy.repair({}, disk)).rejects.toThrow(Crash);
        disk.cutPower();
        await copy.repair();
        expect(await copy.pairs()).toEqual(base);
        expect((await copy.plan()).actions).toEqual([]);
        expect((await copy.check()).findings).toEqual([]);
      } catch (error) {
        throw new Error(`the power failed ${crash.where}`, { cause: error });
      } finally {
        await copy.remove();
      }
    }
    await rig.remove();
  }, 240_000);

  it('ends with a state, and rests on files, that a power cut does not take away', async () => {
    const { rig } = await settledAccount('in the log');
    await DAMAGES[damage]!(rig);
    loosen(rig);
    const disk = new PowerDisk(rig.home, openSeam);
    await rig.repair({}, disk);
    disk.cutPower();
    rig.local.powerCut();
    expect((await rig.plan()).actions).toEqual([]);
    expect((await rig.check()).findings).toEqual([]);
    await rig.remove();
  });
});
