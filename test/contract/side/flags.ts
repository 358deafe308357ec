import { canStore, flagsFrom } from '@postern/core/model/flags.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import { describe, expect, it } from 'vitest';
import { contentOf, deliverAll, letter } from '../../support/letters.js';
import { message } from '../../support/messages.js';
import { contentsOf, done, rowsOf, type Used } from './opened-side.js';

export function describeFlags(use: () => Used): void {
  describe('flags', () => {
    it('change by deltas, so that what others set stays', async () => {
      const { side, opened } = use();
      const key = await opened.user.add(INBOX, message(), ['\\Answered', '\\Seen']);
      const { cursor } = await side.snapshot(INBOX, undefined);
      await opened.user.addFlag(INBOX, key, '\\Draft');
      const change = { key, add: ['\\Flagged'], remove: ['\\Seen'] };
      const outcomes = await side.flag(INBOX, cursor.epoch, [change]);
      const flags = ['\\Answered', '\\Draft', '\\Flagged'];
      expect(outcomes).toEqual([{ kind: 'done', flags }]);
      expect((await rowsOf(side))[0]?.flags).toEqual(flags);
    });

    it('that are so already are done, and the message keeps its key', async () => {
      const { side, opened } = use();
      const key = await opened.user.add(INBOX, message(), ['\\Seen']);
      const { cursor } = await side.snapshot(INBOX, undefined);
      for (let times = 0; times < 2; times++) {
        const change = { key, add: ['\\Seen'], remove: ['\\Flagged'] };
        expect(await side.flag(INBOX, cursor.epoch, [change])).toEqual([{ kind: 'done', flags: ['\\Seen'] }]);
      }
      expect((await rowsOf(side)).map(row => row.key)).toEqual([key]);
    });

    it('that the mailbox cannot store are left out, and the others change', async () => {
      const { side, opened } = use();
      const key = await opened.user.add(INBOX, message());
      const { cursor, permanentFlags } = await side.snapshot(INBOX, undefined);
      const wanted = ['$Forwarded', '\\Seen', 'Work'];
      const flags = flagsFrom(wanted.filter(flag => canStore(permanentFlags, flag)));
      expect(flags).toContain('\\Seen');
      const outcomes = await side.flag(INBOX, cursor.epoch, [{ key, add: wanted, remove: [] }]);
      expect(outcomes).toEqual([{ kind: 'done', flags }]);
      expect((await rowsOf(side))[0]?.flags).toEqual(flags);
    });

    it('can all be set and all be cleared without touching the content', async () => {
      const { side, opened } = use();
      const bytes = message();
      const key = await opened.user.add(INBOX, bytes);
      const { cursor } = await side.snapshot(INBOX, undefined);
      const all = ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen'];
      await side.flag(INBOX, cursor.epoch, [{ key, add: all, remove: [] }]);
      expect((await rowsOf(side))[0]?.flags).toEqual(all);
      await side.flag(INBOX, cursor.epoch, [{ key, add: [], remove: all }]);
      expect((await rowsOf(side))[0]?.flags).toEqual([]);
      expect(await contentsOf(side)).toEqual([contentOf(bytes)]);
    });

    it('of many messages change in one call, with outcomes in the order of the changes', async () => {
      const { side, opened } = use();
      const letters = Array.from({ length: 60 }, (_, index) => letter(message({ id: `m${index}` })));
      const keys = (await deliverAll(side, INBOX, letters)).map(outcome => done(outcome).key);
      const { cursor } = await side.snapshot(INBOX, undefined);
      await opened.user.remove(INBOX, keys[7]!);
      const flagOf = (index: number) => ['\\Seen', '\\Flagged', '\\Answered'][index % 3]!;
      const changes = keys.map((key, index) => ({ key, add: [flagOf(index)], remove: [] })).reverse();
      const outcomes = await side.flag(INBOX, cursor.epoch, changes);
      for (const [index] of keys.entries()) {
        const outcome = outcomes[keys.length - 1 - index];
        if (index === 7) expect(outcome).toEqual({ kind: 'gone' });
        else expect(outcome).toEqual({ kind: 'done', flags: [flagOf(index)] });
      }
      const rows = new Map((await rowsOf(side)).map(row => [row.key, row.flags]));
      for (const [index, key] of keys.entries()) {
        expect(rows.get(key)).toEqual(index === 7 ? undefined : [flagOf(index)]);
      }
    });
  });
}
