import { INBOX } from '@postern/core/model/mailbox.js';
import type { Epoch } from '@postern/core/model/row.js';
import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { codeOf, rowsOf, type Used } from './opened-side.js';

export function describeEpochs(use: () => Used): void {
  describe('keys of another epoch', () => {
    it('are refused by everything that takes keys', async () => {
      const { side, opened } = use();
      const key = await opened.user.add(INBOX, message());
      const { rows } = await side.snapshot(INBOX, undefined);
      const row = rows.get(key)!;
      const epoch = '77' as Epoch;
      const calls = [
        () => side.look(INBOX, epoch, [key]),
        () => side.read(INBOX, epoch, [row], async () => {}),
        () => side.flag(INBOX, epoch, [{ key, add: ['\\Seen'], remove: [] }]),
        () => side.remove(INBOX, epoch, [{ expect: row, operation: 'op1' }]),
      ];
      for (const call of calls) expect(await codeOf(call())).toBe('snapshot-incomplete');
      expect((await rowsOf(side))[0]).toMatchObject({ key, flags: [] });
    });

    it('are noticed when the epoch changes while the side is open', async () => {
      const { side, opened, abilities } = use();
      if (opened.user.renew === undefined) {
        expect(abilities.keys).toBe('file');
        return;
      }
      const key = await opened.user.add(INBOX, message(), ['\\Seen']);
      const before = await side.snapshot(INBOX, undefined);
      await opened.user.renew(INBOX);
      const removals = [{ expect: before.rows.get(key)!, operation: 'op1' }];
      const attempt = () => codeOf(side.remove(INBOX, before.cursor.epoch, removals));
      // A server may hang up on whoever has the mailbox open; that must not count as an answer.
      const first = await attempt();
      expect(['snapshot-incomplete', 'unreachable']).toContain(first);
      expect(await attempt()).toBe('snapshot-incomplete');
      const after = await side.snapshot(INBOX, before);
      expect(after.cursor.epoch).not.toBe(before.cursor.epoch);
      expect([...after.rows.values()].map(({ flags }) => flags)).toEqual([['\\Seen']]);
    });
  });
}
