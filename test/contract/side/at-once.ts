import { INBOX } from '@postern/core/model/mailbox.js';
import type { Side } from '@postern/core/side/side.js';
import { describe, expect, it } from 'vitest';
import { deliverAll, letter } from '../../support/letters.js';
import { message } from '../../support/messages.js';
import { contentsOf, done, idsOf, type Used, WORK } from './opened-side.js';

export function describeAtOnce(use: () => Used): void {
  describe('the same account once more', () => {
    const another = async (): Promise<Side> => {
      const side = await use().side.another();
      expect(side).toBeDefined();
      return side!;
    };

    it('works in another mailbox at the same time, step by step', async () => {
      const { side } = use();
      await side.createMailbox(WORK);
      const second = await another();
      expect((await second.list()).entries.map(({ mailbox }) => mailbox)).toContain(WORK);
      for (let round = 0; round < 3; round++) {
        const [here, there] = await Promise.all([
          deliverAll(side, INBOX, [letter(message({ id: `here-${round}` }))]),
          deliverAll(second, WORK, [letter(message({ id: `there-${round}` }))]),
        ]);
        const epochs = {
          here: (await side.snapshot(INBOX, undefined)).cursor.epoch,
          there: (await second.snapshot(WORK, undefined)).cursor.epoch,
        };
        const flag = { add: ['\\Seen'], remove: [] };
        const flagged = await Promise.all([
          side.flag(INBOX, epochs.here, [{ key: done(here[0]).key, ...flag }]),
          second.flag(WORK, epochs.there, [{ key: done(there[0]).key, ...flag }]),
        ]);
        expect(flagged.flat().map(({ kind }) => kind)).toEqual(['done', 'done']);
      }
      const [inbox, work] = await Promise.all([contentsOf(side), contentsOf(second, WORK)]);
      expect([inbox.length, work.length]).toEqual([3, 3]);
      await second.close();
    });

    it('takes nothing along when it is closed', async () => {
      const { side } = use();
      const second = await another();
      done((await deliverAll(second, INBOX, [letter(message({ id: 'a' }))]))[0]);
      await second.close();
      expect(await idsOf(side)).toEqual(['<a@example.org>']);
      done((await deliverAll(side, INBOX, [letter(message({ id: 'b' }))]))[0]);
      expect(await idsOf(side)).toHaveLength(2);
    });
  });
}
