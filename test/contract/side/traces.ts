import { INBOX } from '@postern/core/model/mailbox.js';
import { describe, expect, it } from 'vitest';
import { contentOf, deliverAll, letter, readAll } from '../../support/letters.js';
import { largeMessage, message, twins } from '../../support/messages.js';
import { CountingSeam, Crash, CrashSeam } from '../../support/seam.js';
import { caught, contentsOf, done, rowsOf, selectable, type Used, WORK } from './opened-side.js';

export function describeTraces(use: () => Used): void {
  describe('witnesses', () => {
    it('are kept beside the mail, or the side says that it keeps none', async () => {
      const { side, abilities, opened } = use();
      await side.createMailbox(WORK);
      const witness = { repository: 'r1', mailbox: WORK, generation: 4 };
      expect(await side.readWitness(WORK)).toBe(abilities.witness ? undefined : false);
      await side.writeWitness(WORK, witness);
      await side.writeWitness(WORK, { ...witness, generation: 5 });
      await side.writeWitness(INBOX, { ...witness, mailbox: INBOX });
      const again = await opened.reopen();
      expect(await again.readWitness(WORK)).toEqual(
        abilities.witness ? { ...witness, generation: 5 } : false,
      );
      expect(await again.readWitness(INBOX)).toEqual(
        abilities.witness ? { ...witness, mailbox: INBOX } : false,
      );
      expect(await rowsOf(again, WORK)).toEqual([]);
      expect(await selectable(again)).toEqual([INBOX, WORK]);
      expect((await again.list()).problems).toEqual([]);
    });
  });

  describe('a crash', () => {
    it('in the middle of a delivery leaves whole messages or none, each once, at every effect', async () => {
      const { open } = use();
      const wanted = [largeMessage(150_000, 'one'), message({ id: 'two' }), message({ id: 'three' })];
      const whole = new Set(wanted.map(contentOf));
      let crashes = 0;
      for (let at = 1, more = true; more; at++) {
        for (const when of ['before', 'after'] as const) {
          const seam = new CrashSeam(at, when);
          const opened = await open(seam);
          try {
            const error = await deliverAll(
              opened.side,
              INBOX,
              wanted.map(bytes => letter(bytes)),
            ).then(() => undefined, caught);
            more = seam.crashed;
            if (!more) break;
            expect(error, seam.where).toBeInstanceOf(Crash);
            crashes++;
            const contents = await contentsOf(await opened.reopen());
            expect(new Set(contents).size, seam.where).toBe(contents.length);
            for (const content of contents) expect(whole, seam.where).toContain(content);
          } finally {
            await opened.cleanup();
          }
        }
      }
      expect(crashes).toBeGreaterThanOrEqual(2);
    });

    it('leaves a staged delivery that sweeping removes, and nothing that is a message', async () => {
      const { opened, abilities } = use();
      const bytes = message({ id: 'kept' });
      const kept = done((await deliverAll(opened.side, INBOX, [letter(bytes)]))[0]);
      const batch = await opened.side.deliver(INBOX);
      const slots = await batch.prepare(1);
      await batch.stage(slots[0]!, letter(message({ id: 'staged' })));
      const seam = new CountingSeam();
      const again = await opened.reopen(seam);
      const keys = [...slots.flatMap(({ key }) => key ?? []), kept.key];
      await again.sweep(INBOX, keys);
      const swept = seam.count;
      expect(swept > 0).toBe(abilities.keys === 'file');
      expect(await contentsOf(again)).toEqual([contentOf(bytes)]);
      await again.sweep(INBOX, keys);
      if (abilities.keys === 'file') expect(seam.countOf('unlink')).toBe(1);
    });

    it('in the middle of a removal never leaves the message nowhere', async () => {
      const { open, abilities } = use();
      for (let at = 1, more = true; more; at++) {
        for (const when of ['before', 'after'] as const) {
          const seam = new CrashSeam(at, when);
          const opened = await open();
          try {
            const [one, other] = twins();
            const victim = await opened.user.add(INBOX, one);
            await opened.user.add(INBOX, other);
            const { rows, cursor } = await opened.side.snapshot(INBOX, undefined);
            const removal = { expect: rows.get(victim)!, operation: 'op1' };
            const dying = await opened.reopen(seam);
            await dying.remove(INBOX, cursor.epoch, [removal]).catch(caught);
            more = seam.crashed;
            if (!more) break;
            const again = await opened.reopen();
            const left = await rowsOf(again);
            expect(left.length, seam.where).toBeGreaterThanOrEqual(1);
            if (left.length === 1) expect(left[0]?.key, seam.where).not.toBe(victim);
            // Asked again with what it is now, it ends as if there had been no crash.
            const row = left.find(({ key }) => key === victim);
            if (row !== undefined && abilities.removal !== 'mark') {
              const repeated = { expect: row, operation: 'op2' };
              expect(await again.remove(INBOX, cursor.epoch, [repeated])).toMatchObject([{ kind: 'done' }]);
            }
            if (abilities.removal !== 'mark') expect(await rowsOf(again), seam.where).toHaveLength(1);
          } finally {
            await opened.cleanup();
          }
        }
      }
    });
  });

  describe('the seam', () => {
    it('sees what changes the account, and nothing when an account is only read', async () => {
      const { opened, abilities } = use();
      const key = await opened.user.add(INBOX, message({ id: 'there' }));
      const seam = new CountingSeam();
      const side = await opened.reopen(seam);
      const changing = new Set(['APPEND', 'STORE', 'EXPUNGE', 'MOVE', 'COPY', 'CREATE']);
      const changes = () =>
        seam.effects.filter(({ surface, name }) => surface !== 'wire' || changing.has(lastWord(name))).length;
      await side.list();
      const { rows, cursor } = await side.snapshot(INBOX, undefined);
      await side.look(INBOX, cursor.epoch, [key]);
      await readAll(side, INBOX, cursor.epoch, rows.values());
      expect(changes()).toBe(0);
      const seen: number[] = [];
      const step = async (act: Promise<unknown>) => {
        await act;
        seen.push(changes());
      };
      await step(side.createMailbox(WORK));
      await step(deliverAll(side, INBOX, [letter(message({ id: 'new' }))]));
      await step(side.flag(INBOX, cursor.epoch, [{ key, add: ['\\Seen'], remove: [] }]));
      const now = await side.look(INBOX, cursor.epoch, [key]);
      await step(side.remove(INBOX, cursor.epoch, [{ expect: now.rows.get(key)!, operation: 'op1' }]));
      if (abilities.witness) {
        await step(side.writeWitness(WORK, { repository: 'r1', mailbox: WORK, generation: 1 }));
      }
      expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
      expect(seen[0]).toBeGreaterThan(0);
    });
  });
}

/** `UID STORE` is a STORE. */
function lastWord(name: string): string {
  return name.split(' ').at(-1)!.toUpperCase();
}
