import { canStore } from '@postern/core/model/flags.js';
import { identityOf } from '@postern/core/model/identity.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import type { MessageKey } from '@postern/core/model/row.js';
import { earlierOf } from '@postern/core/side/earlier.js';
import { describe, expect, it } from 'vitest';
import { falseTwins, message, twins } from '../../support/messages.js';
import { id, rowsOf, type Used } from './opened-side.js';

export function describeSnapshots(use: () => Used): void {
  describe('snapshots', () => {
    it('of an empty mailbox are empty and complete', async () => {
      const { rows, unreadable, cursor } = await use().side.snapshot(INBOX, undefined);
      expect([rows.size, unreadable.size, cursor.count]).toEqual([0, 0, 0]);
    });

    it('have a row for each message, with its identity, envelope and flags', async () => {
      const { side, opened } = use();
      const bytes = message({ subject: 'Hello' });
      const key = await opened.user.add(INBOX, bytes, ['\\Flagged', '\\Seen']);
      await opened.user.add(INBOX, message({ id: false }));
      const { rows, cursor } = await side.snapshot(INBOX, undefined);
      const { identity, envelope } = identityOf(bytes);
      expect(rows.size).toBe(2);
      expect(cursor.count).toBe(2);
      expect(rows.get(key)).toMatchObject({ key, flags: ['\\Flagged', '\\Seen'], envelope });
      const { content, ...cheap } = rows.get(key)!.identity;
      expect(cheap).toEqual({ messageId: id('Hello'), digest: identity.digest, size: identity.size });
      expect([undefined, identity.content]).toContain(content);
    });

    it('say how many messages were read so far', async () => {
      const { side, opened } = use();
      for (const name of ['a', 'b', 'c']) await opened.user.add(INBOX, message({ id: name }));
      const counts: number[] = [];
      await side.snapshot(INBOX, undefined, messages => counts.push(messages));
      expect(counts).toEqual([...counts].sort((a, b) => a - b));
      expect(counts.at(-1)).toBe(3);
    });

    it('give back the very rows of the known snapshot for what did not change', async () => {
      const { side, opened } = use();
      const stays = await opened.user.add(INBOX, message({ id: 'stays' }));
      const goes = await opened.user.add(INBOX, message({ id: 'goes' }));
      const changes = await opened.user.add(INBOX, message({ id: 'changes' }));
      const first = await side.snapshot(INBOX, undefined);
      const same = await side.snapshot(INBOX, first);
      expect([...same.rows.keys()]).toEqual([...first.rows.keys()]);
      for (const [key, row] of same.rows) expect(row).toBe(first.rows.get(key));

      await opened.user.remove(INBOX, goes);
      await opened.user.addFlag(INBOX, changes, '\\Flagged');
      const comes = await opened.user.add(INBOX, message({ id: 'comes' }));
      const second = await side.snapshot(INBOX, same);
      expect(new Set(second.rows.keys())).toEqual(new Set([stays, changes, comes]));
      expect(second.rows.get(stays)).toBe(first.rows.get(stays));
      expect(second.rows.get(changes)?.flags).toEqual(['\\Flagged']);
      expect(second.rows.get(changes)?.identity).toEqual(first.rows.get(changes)?.identity);
    });

    it('are told as what changed, without asking for the rows that did not', async () => {
      const { side, opened } = use();
      const stays = await opened.user.add(INBOX, message({ id: 'stays' }));
      const goes = await opened.user.add(INBOX, message({ id: 'goes' }));
      const turns = await opened.user.add(INBOX, message({ id: 'turns' }));
      const first = await side.snapshot(INBOX, undefined);
      const asked: MessageKey[] = [];
      const { rows } = first;
      const whole = earlierOf(first);
      const earlier = {
        ...whole,
        rows: (keys: Iterable<MessageKey>) => {
          const wanted = [...keys];
          asked.push(...wanted);
          return whole.rows(wanted);
        },
      };
      const nothing = await side.changes(INBOX, earlier);
      expect([nothing.anew, nothing.rows.size, nothing.gone, asked]).toEqual([false, 0, [], []]);

      await opened.user.remove(INBOX, goes);
      await opened.user.addFlag(INBOX, turns, '\\Flagged');
      const comes = await opened.user.add(INBOX, message({ id: 'comes' }));
      const changes = await side.changes(INBOX, earlier);
      expect(changes.anew).toBe(false);
      expect(changes.cursor.count).toBe(3);
      expect(changes.gone).toEqual([goes]);
      expect(new Set(changes.rows.keys())).toEqual(new Set([turns, comes]));
      expect([...changes.before]).toEqual([[turns, rows.get(turns)]]);
      expect(asked).not.toContain(stays);
      const now = await side.snapshot(INBOX, undefined);
      for (const [key, row] of changes.rows) expect(row).toEqual(now.rows.get(key));
    });

    it('of an empty mailbox are told as all of it gone', async () => {
      const { side, opened } = use();
      const key = await opened.user.add(INBOX, message({ id: 'last' }));
      const first = await side.snapshot(INBOX, undefined);
      await opened.user.remove(INBOX, key);
      const { rows, cursor } = await side.snapshot(INBOX, first);
      expect([rows.size, cursor.count]).toEqual([0, 0]);
    });

    it('are not said to hold when something changed since', async () => {
      const { side, opened } = use();
      const key = await opened.user.add(INBOX, message({ id: 'one' }));
      for (const change of [
        () => opened.user.addFlag(INBOX, key, '\\Flagged'),
        () => opened.user.add(INBOX, message({ id: 'two' })),
        () => opened.user.remove(INBOX, key),
      ]) {
        const { cursor } = await side.snapshot(INBOX, undefined);
        await change();
        expect(await side.isAsAt(INBOX, cursor)).toBe(false);
      }
    });

    it('keep twins and messages with one Message-ID apart', async () => {
      const { side, opened } = use();
      for (const bytes of [...twins(), ...falseTwins()]) await opened.user.add(INBOX, bytes);
      expect(await rowsOf(side)).toHaveLength(4);
    });

    it('say which flags the mailbox can store', async () => {
      const { permanentFlags } = await use().side.snapshot(INBOX, undefined);
      for (const flag of ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen']) {
        expect(canStore(permanentFlags, flag), flag).toBe(true);
      }
    });
  });

  describe('a look', () => {
    it.each(['now', 'gone'] as const)(
      '(%s) shows messages as they are and tells which keys are gone',
      async when => {
        const { side, opened } = use();
        const here = await opened.user.add(INBOX, message({ id: 'here' }));
        const gone = await opened.user.add(INBOX, message({ id: 'gone' }));
        const { cursor, rows } = await side.snapshot(INBOX, undefined);
        await opened.user.remove(INBOX, gone);
        await opened.user.addFlag(INBOX, here, '\\Seen');
        const sight = await side.look(INBOX, cursor.epoch, [here, gone], when);
        expect([...sight.gone]).toEqual([gone]);
        expect([...sight.rows.keys()]).toEqual([here]);
        expect(sight.rows.get(here)?.flags).toEqual(['\\Seen']);
        expect(sight.rows.get(here)?.identity.digest).toBe(rows.get(here)?.identity.digest);
      },
    );

    it('at nothing finds nothing', async () => {
      const { side } = use();
      const { cursor } = await side.snapshot(INBOX, undefined);
      const sight = await side.look(INBOX, cursor.epoch, []);
      expect([sight.rows.size, sight.gone.size]).toEqual([0, 0]);
    });
  });
}
