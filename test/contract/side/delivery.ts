import { canStore, flagsFrom } from '@postern/core/model/flags.js';
import { identityOf } from '@postern/core/model/identity.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import type { DeliveryBatch, DeliveryOutcome } from '@postern/core/side/side.js';
import { describe, expect, it } from 'vitest';
import { contentOf, deliverAll, letter, readAll, stageAll, wholeLetter } from '../../support/letters.js';
import { largeMessage, message, twins } from '../../support/messages.js';
import { contentsOf, DATE, done, id, idsOf, oddEntries, rowsOf, type Used } from './opened-side.js';

export function describeDelivery(use: () => Used): void {
  describe('delivery', () => {
    it('shows nothing before it is published and everything after', async () => {
      const { side } = use();
      const bytes = message({ subject: 'Delivered' });
      const batch = await side.deliver(INBOX);
      const [slot] = await batch.prepare(1);
      await batch.stage(slot!, letter(bytes, { flags: ['\\Seen'], date: DATE }));
      const staged = identityOf(bytes);
      expect([...(await batch.inspect())]).toEqual([[slot, staged]]);
      expect(await rowsOf(side)).toEqual([]);
      const outcomes = await batch.publish();
      const row = done(outcomes[0]);
      expect(outcomes[0]?.slot).toBe(slot);
      const { rows, cursor } = await side.snapshot(INBOX, undefined);
      expect(batch.epoch).toBe(cursor.epoch);
      expect([...rows.keys()]).toEqual([row.key]);
      expect(row).toMatchObject({ flags: ['\\Seen'], date: DATE });
      expect(rows.get(row.key)).toMatchObject({ flags: ['\\Seen'], date: DATE });
      expect(row.identity.digest).toBe(staged.identity.digest);
      expect(await contentsOf(side)).toEqual([staged.identity.content]);
    });

    it('ends up where its slot said', async () => {
      const { side, opened, abilities } = use();
      await opened.user.add(INBOX, message({ id: 'before' }));
      const batch = await side.deliver(INBOX);
      const slots = await batch.prepare(3);
      expect(slots).toHaveLength(3);
      for (const [index, slot] of slots.entries()) {
        await batch.stage(slot, letter(message({ id: `n${index}` })));
      }
      const rows = (await batch.publish()).map(done);
      expect(rows.map(({ identity }) => identity.messageId)).toEqual([id('n0'), id('n1'), id('n2')]);
      for (const [index, { key }] of rows.entries()) {
        const slot = slots[index]!;
        if (abilities.keys === 'file') expect(key).toBe(slot.key);
        else expect(Number(key)).toBeGreaterThanOrEqual(slot.uidFrom!);
      }
      expect(new Set(rows.map(({ key }) => key)).size).toBe(3);
    });

    it('is staged while another one is published, where names are chosen beforehand', async () => {
      const { side, abilities } = use();
      if (abilities.keys !== 'file') return;
      const stage = async (from: number) => {
        const letters = Array.from({ length: 80 }, (_, index) =>
          wholeLetter(message({ id: `n${from + index}` })),
        );
        return (await stageAll(side, INBOX, letters)).batch;
      };
      const publish = async (batch: DeliveryBatch) => {
        await batch.inspect();
        const outcomes = await batch.publish();
        await side.makeDurable(INBOX);
        return outcomes;
      };
      let last: Promise<readonly DeliveryOutcome[]> = Promise.resolve([]);
      const outcomes: DeliveryOutcome[] = [];
      for (const from of [0, 80, 160]) {
        const [next, published] = await Promise.all([stage(from), last]);
        outcomes.push(...published);
        last = publish(next);
      }
      outcomes.push(...(await last));
      const ids = Array.from({ length: 240 }, (_, index) => id(`n${index}`));
      expect(outcomes.map(outcome => done(outcome).identity.messageId)).toEqual(ids);
      expect((await idsOf(side)).sort()).toEqual(ids.sort());
    });

    it('that is abandoned leaves nothing', async () => {
      const { side } = use();
      const batch = await side.deliver(INBOX);
      const slots = await batch.prepare(2);
      for (const slot of slots) await batch.stage(slot, letter(message()));
      await batch.abandon();
      expect(await rowsOf(side)).toEqual([]);
    });

    it('leaves out what was discarded', async () => {
      const { side } = use();
      const batch = await side.deliver(INBOX);
      const slots = await batch.prepare(3);
      for (const [index, slot] of slots.entries()) {
        await batch.stage(slot, letter(message({ id: `n${index}` })));
      }
      await batch.discard(slots[1]!);
      const outcomes = await batch.publish();
      expect(outcomes.map(outcome => done(outcome).identity.messageId)).toEqual([id('n0'), id('n2')]);
      expect(await idsOf(side)).toEqual([id('n0'), id('n2')]);
      await batch.abandon();
      expect(await idsOf(side)).toEqual([id('n0'), id('n2')]);
    });

    it('of nothing does nothing', async () => {
      const { side } = use();
      const batch = await side.deliver(INBOX);
      expect(await batch.prepare(0)).toEqual([]);
      expect(await batch.publish()).toEqual([]);
      expect(await rowsOf(side)).toEqual([]);
    });

    it('keeps two equal messages two', async () => {
      const { side } = use();
      const [one, other] = twins();
      const rows = (await deliverAll(side, INBOX, [letter(one), letter(other)])).map(done);
      expect(rows[0]?.key).not.toBe(rows[1]?.key);
      done((await deliverAll(side, INBOX, [letter(one)]))[0]);
      expect(await contentsOf(side)).toEqual(Array(3).fill(contentOf(one)));
    });

    it('keeps every octet of every message, however odd', async () => {
      const { side, abilities } = use();
      const odd = oddEntries(abilities);
      const outcomes = await deliverAll(
        side,
        INBOX,
        odd.map(([, bytes]) => letter(bytes, { chunk: 7 })),
      );
      for (const [index, outcome] of outcomes.entries()) {
        expect(outcome.kind, odd[index]![0]).toBe('done');
      }
      const { rows, cursor } = await side.snapshot(INBOX, undefined);
      const found = await readAll(side, INBOX, cursor.epoch, rows.values());
      for (const [index, [name, bytes]] of odd.entries()) {
        const { key } = done(outcomes[index]);
        expect(contentOf(found.get(key)!), name).toBe(contentOf(bytes));
        expect(rows.get(key)?.identity.digest, name).toBe(identityOf(bytes).identity.digest);
      }
    });

    it('takes a message of six million octets', async () => {
      const { side } = use();
      const bytes = largeMessage(6_000_000);
      const row = done((await deliverAll(side, INBOX, [letter(bytes)]))[0]);
      expect(row.identity.size).toBe(bytes.length);
      expect(await contentsOf(side)).toEqual([contentOf(bytes)]);
    });

    it('takes hundreds of messages at once', async () => {
      const { side } = use();
      const names = Array.from({ length: 300 }, (_, index) => `m${String(index).padStart(3, '0')}`);
      const outcomes = await deliverAll(
        side,
        INBOX,
        names.map(name => letter(message({ id: name }))),
      );
      expect(outcomes.map(outcome => done(outcome).identity.messageId)).toEqual(names.map(id));
      expect(await idsOf(side)).toEqual(names.map(id));
    });

    it('brings along the flags the mailbox can store, and no others', async () => {
      const { side } = use();
      const { permanentFlags } = await side.snapshot(INBOX, undefined);
      const wanted = ['$Forwarded', '\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen', 'Work'];
      const storable = wanted.filter(flag => canStore(permanentFlags, flag));
      const letters = [...wanted.map(flag => letter(message({ id: flag }), { flags: [flag] }))];
      letters.push(letter(message({ id: 'all' }), { flags: flagsFrom(wanted) }));
      const outcomes = await deliverAll(side, INBOX, letters);
      const rows = new Map((await rowsOf(side)).map(row => [row.key, row]));
      for (const [index, flag] of [...wanted, 'all'].entries()) {
        const row = done(outcomes[index]);
        const expected = flag === 'all' ? storable : storable.filter(other => other === flag);
        expect(row.flags, flag).toEqual(flagsFrom(expected));
        expect(rows.get(row.key)?.flags, flag).toEqual(flagsFrom(expected));
      }
    });

    it('goes on without a letter whose bytes could not be read', async () => {
      const { side } = use();
      const batch = await side.deliver(INBOX);
      const slots = await batch.prepare(2);
      const broken = letter(message({ id: 'broken' }));
      async function* half() {
        yield Buffer.from('Subject: half');
        throw new RangeError('the other side is gone');
      }
      await expect(batch.stage(slots[0]!, { ...broken, chunks: half() })).rejects.toThrow(RangeError);
      await batch.discard(slots[0]!);
      await batch.stage(slots[1]!, letter(message({ id: 'whole' })));
      expect((await batch.publish()).map(done)).toHaveLength(1);
      expect(await idsOf(side)).toEqual([id('whole')]);
    });
  });
}
