import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { statePaths } from '@postern/core/state/disk-store.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DiskRig } from '../../support/disk-rig.js';
import { CountingSeam, Crash, CrashSeam } from '../../support/seam.js';
import { expectRepaired, mailOf, pairedMail } from './paired-mail.js';

let rig: DiskRig;
let scratch: string;
let temporary: string | undefined;

beforeEach(async () => {
  rig = await pairedMail();
  temporary = process.env['TMPDIR'];
  // A killed repair leaves its copy of the database in the temporary directory.
  scratch = await mkdtemp(join(tmpdir(), 'postern-killed-'));
  process.env['TMPDIR'] = scratch;
});
afterEach(async () => {
  if (temporary === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = temporary;
  await rm(scratch, { recursive: true });
  await rig.remove();
});

const DAMAGES: Readonly<Record<string, () => Promise<void>>> = {
  'whose state is gone': () => rm(rig.stateDirectory, { recursive: true }),
  'that does not open': () => rm(statePaths(rig.stateDirectory).level, { recursive: true }),
  'whose records are sound': () => writeFile(statePaths(rig.stateDirectory).id, ''),
  'whose witnesses are gone': async () => {
    for (const mailbox of rig.local.mailboxes.values()) mailbox.witness = undefined;
  },
};

describe.each(Object.keys(DAMAGES))('a repair, killed at any point, of a repository %s', damage => {
  it.each(['before', 'after'] as const)(
    'comes to the same base when it is run again (%s the effect)',
    async when => {
      await DAMAGES[damage]!();
      const whole = await rig.clone();
      const counting = new CountingSeam();
      await whole.repair({}, counting);
      const base = await whole.pairs();
      await whole.remove();
      expect(counting.count).toBeGreaterThan(20);
      for (let at = 1; at <= counting.count; at++) {
        const copy = await rig.clone();
        const mail = mailOf(copy);
        const seam = new CrashSeam(at, when);
        try {
          await expect(copy.repair({}, seam)).rejects.toThrow(Crash);
          await copy.repair();
          expect(await copy.pairs()).toEqual(base);
          await expectRepaired(copy, mail);
          const left = await readdir(copy.home);
          expect(left.filter(name => /rebuil/.test(name))).toEqual([]);
        } catch (error) {
          throw new Error(`killed ${seam.where}`, { cause: error });
        } finally {
          await copy.remove();
        }
      }
    },
    180_000,
  );
});
