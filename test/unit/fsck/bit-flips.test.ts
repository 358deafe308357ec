import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DiskRig } from '../../support/disk-rig.js';
import { Random } from '../../support/random.js';
import { flipBit, intoTables, levelFiles } from './damage.js';
import { expectRepaired, mailOf, pairedMail } from './paired-mail.js';

let rig: DiskRig;
beforeEach(async () => {
  rig = await pairedMail();
});
afterEach(() => rig.remove());

const SEEDS = [1, 2, 3, 4, 5, 6];
const FLIPS = 20;

/** Most flips go where most records are. */
async function pickFile(random: Random): Promise<string> {
  const files = await levelFiles(rig);
  const records = files.filter(file => /\.(log|ldb)$/.test(file));
  return random.pick(random.chance(0.7) ? records : files);
}

describe.each(['in the log', 'in tables'])('one flipped bit in a database whose records are %s', where => {
  it.each(SEEDS)(
    'never moves a message, and a repair gets over it (seed %i)',
    async seed => {
      const random = new Random(seed);
      if (where === 'in tables') await intoTables(rig);
      let repaired = 0;
      for (let flip = 0; flip < FLIPS; flip++) {
        const file = await pickFile(random);
        const { length } = await readFile(join(rig.stateDirectory, file));
        if (length === 0) continue;
        const place = { at: random.below(length), bit: random.below(8) };
        const copy = await rig.clone();
        const mail = mailOf(copy);
        try {
          await flipBit(copy, file, place);
          const report = await copy.repair();
          if (report.repaired !== undefined) repaired++;
          await expectRepaired(copy, mail);
        } catch (error) {
          throw new Error(`bit ${place.bit} of octet ${place.at} in ${file}`, { cause: error });
        } finally {
          await copy.remove();
        }
      }
      expect(repaired).toBeGreaterThan(FLIPS / 4);
    },
    180_000,
  );
});
