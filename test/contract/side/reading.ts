import { identityOf } from '@postern/core/model/identity.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import type { MessageKey } from '@postern/core/model/row.js';
import { describe, expect, it } from 'vitest';
import { contentOf, deliverAll, letter, readAll } from '../../support/letters.js';
import { largeMessage, message, type OddName } from '../../support/messages.js';
import { contentsOf, DATE, done, oddEntries, type Used } from './opened-side.js';

export function describeReading(use: () => Used): void {
  describe('reading', () => {
    it('gives every octet of every message, however odd', async () => {
      const { side, opened, abilities } = use();
      const wanted = new Map<MessageKey, readonly [OddName, Buffer]>();
      for (const [name, bytes] of oddEntries(abilities)) {
        wanted.set(await opened.user.add(INBOX, bytes), [name, bytes]);
      }
      const { rows, cursor } = await side.snapshot(INBOX, undefined);
      const found = await readAll(side, INBOX, cursor.epoch, rows.values());
      expect(found.size).toBe(wanted.size);
      for (const [key, [name, bytes]] of wanted) {
        expect(contentOf(found.get(key)!), name).toBe(contentOf(bytes));
        expect(rows.get(key)?.identity.digest, name).toBe(identityOf(bytes).identity.digest);
        expect(rows.get(key)?.identity.size, name).toBe(identityOf(bytes).identity.size);
      }
    });

    it('hands over flags and date as they are at that moment, in wire form', async () => {
      const { side } = use();
      const bytes = message();
      const row = done((await deliverAll(side, INBOX, [letter(bytes, { date: DATE })]))[0]);
      const { cursor } = await side.snapshot(INBOX, undefined);
      await side.flag(INBOX, cursor.epoch, [{ key: row.key, add: ['\\Flagged'], remove: [] }]);
      const seen: unknown[] = [];
      await side.read(INBOX, cursor.epoch, [row], async ({ key, flags, date, chunks }) => {
        const parts: Uint8Array[] = [];
        for await (const chunk of chunks) parts.push(Uint8Array.from(chunk));
        seen.push({ key, flags, date, bytes: Buffer.concat(parts).toString('latin1') });
      });
      expect(seen).toEqual([
        { key: row.key, flags: ['\\Flagged'], date: DATE, bytes: bytes.toString('latin1') },
      ]);
    });

    it('passes over what is gone and reads the rest', async () => {
      const { side, opened } = use();
      const keys: MessageKey[] = [];
      for (const name of ['a', 'b', 'c']) keys.push(await opened.user.add(INBOX, message({ id: name })));
      const { rows, cursor } = await side.snapshot(INBOX, undefined);
      await opened.user.remove(INBOX, keys[1]!);
      const found = await readAll(side, INBOX, cursor.epoch, rows.values());
      expect(new Set(found.keys())).toEqual(new Set([keys[0], keys[2]]));
    });

    it('ends with the error that the taker throws, and the side goes on working', async () => {
      const { side, opened } = use();
      for (const name of ['a', 'b', 'c']) await opened.user.add(INBOX, message({ id: name }));
      const { rows, cursor } = await side.snapshot(INBOX, undefined);
      let taken = 0;
      const failing = side.read(INBOX, cursor.epoch, [...rows.values()], async () => {
        taken++;
        throw new RangeError('the disk is full');
      });
      await expect(failing).rejects.toThrow(RangeError);
      expect(taken).toBe(1);
      expect((await readAll(side, INBOX, cursor.epoch, rows.values())).size).toBe(3);
    });

    it('goes on when the taker does not consume a message', async () => {
      const { side, opened } = use();
      for (const name of ['a', 'b']) await opened.user.add(INBOX, largeMessage(200_000, name));
      const { rows, cursor } = await side.snapshot(INBOX, undefined);
      let taken = 0;
      await side.read(INBOX, cursor.epoch, [...rows.values()], async () => void taken++);
      expect(taken).toBe(2);
      expect((await readAll(side, INBOX, cursor.epoch, rows.values())).size).toBe(2);
    });

    it('reads a message of six million octets', async () => {
      const { side, opened } = use();
      const bytes = largeMessage(6_000_000);
      await opened.user.add(INBOX, bytes);
      expect(await contentsOf(side)).toEqual([contentOf(bytes)]);
    });
  });
}
