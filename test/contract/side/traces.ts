import { INBOX, mailboxName } from '@postern/core/model/mailbox.js';
import type { Side } from '@postern/core/side/side.js';
import { describe, expect, it } from 'vitest';
import { contentOf, deliverAll, letter, readAll } from '../../support/letters.js';
import { largeMessage, message, twins } from '../../support/messages.js';
import { CountingSeam, Crash, CrashSeam } from '../../support/seam.js';
import {
  caught,
  codeOf,
  contentsOf,
  done,
  type OpenedSide,
  rowsOf,
  selectable,
  type Used,
  WORK,
} from './opened-side.js';

export function describeTraces(use: () => Used): void {
  describe('witnesses', () => {
    it('are kept beside the mail, or the side says that it keeps none', async () => {
      const { side, abilities, opened } = use();
      await side.createMailbox(WORK);
      const witness = { repository: 'r1', mailbox: WORK, generation: 4 };
      expect(await side.readWitness(WORK)).toBe(abilities.witness ? undefined : false);
      await side.writeWitness(WORK, witness);
      await side.writeWitness(WORK, { ...witness, generation: 5, pending: 6 });
      await side.writeWitness(INBOX, { ...witness, mailbox: INBOX });
      const again = await opened.reopen();
      expect(await again.readWitness(WORK)).toEqual(
        abilities.witness ? { ...witness, generation: 5, pending: 6 } : false,
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

  describe('a crash while mail changes its place', () => {
    it('in the middle of a move leaves the message in one mailbox at least, and a rerun completes it', async () => {
      await atEachCrash(async ({ opened, dying, seam }) => {
        const wanted = [...twins(), message({ id: 'third' })];
        await opened.side.createMailbox(WORK);
        for (const bytes of wanted) await opened.user.add(INBOX, bytes, ['\\Seen']);
        const { rows, cursor } = await opened.side.snapshot(INBOX, undefined);
        const move = { mailbox: INBOX, epoch: cursor.epoch, to: WORK, rows: [...rows.values()] };
        await (await dying()).move(move).catch(caught);
        if (!seam.crashed) return false;
        const again = await opened.reopen();
        const whole = wanted.map(contentOf).sort();
        const left = await again.snapshot(INBOX, undefined);
        const isWhole = async () =>
          [...(await contentsOf(again)), ...(await contentsOf(again, WORK))].filter(
            (content, index, all) => all.indexOf(content) === index,
          );
        expect((await isWhole()).sort(), seam.where).toEqual([...new Set(whole)]);
        // A server without MOVE copies first: apply never asks it again before it has looked into the target.
        const isClear = use().abilities.keys === 'file' || (await rowsOf(again, WORK)).length === 0;
        if (use().abilities.removal === 'mark' || !isClear) return true;
        const outcomes = await again.move({ ...move, rows: [...left.rows.values()] });
        for (const { kind } of outcomes) expect(kind, seam.where).toBe('done');
        expect(await contentsOf(again, WORK), seam.where).toEqual(whole);
        expect(await rowsOf(again), seam.where).toEqual([]);
        return true;
      });
    });

    it('in the middle of a copy leaves the message where it is, and a whole copy or none', async () => {
      await atEachCrash(async ({ opened, dying, seam }) => {
        const bytes = message({ id: 'copied' });
        await opened.side.createMailbox(WORK);
        await opened.user.add(INBOX, bytes);
        const { rows, cursor } = await opened.side.snapshot(INBOX, undefined);
        const copy = { mailbox: INBOX, epoch: cursor.epoch, to: WORK, rows: [...rows.values()] };
        await (await dying()).copy(copy).catch(caught);
        if (!seam.crashed) return false;
        const again = await opened.reopen();
        expect(await contentsOf(again), seam.where).toEqual([contentOf(bytes)]);
        expect([[], [contentOf(bytes)]], seam.where).toContainEqual(await contentsOf(again, WORK));
        return true;
      });
    });

    it('in the middle of a rename never shows a part of the mailbox, and a rerun completes it', async () => {
      const [other, below] = [mailboxName('Other'), mailboxName('Work/below')];
      for (const isParent of [false, true]) {
        await atEachCrash(async ({ opened, dying, seam }) => {
          const wanted = [message({ id: 'one' }), message({ id: 'two' })];
          await opened.side.createMailbox(WORK);
          if (isParent) await opened.side.createMailbox(below);
          await deliverAll(opened.side, WORK, [
            letter(wanted[0]!),
            letter(wanted[1]!, { flags: ['\\Seen'] }),
          ]);
          await (await dying()).renameMailbox(WORK, other).catch(caught);
          if (!seam.crashed) return false;
          const again = await opened.reopen();
          const whole = wanted.map(contentOf).sort();
          let shown = 0;
          for (const name of (await selectable(again)).filter(name => [WORK, other].includes(name))) {
            const contents = await contentsOf(again, name).catch(caught);
            if (contents instanceof Error) {
              expect(await codeOf(Promise.reject(contents)), seam.where).toBe('mailbox-unreadable');
            } else {
              expect(contents, seam.where).toEqual(whole);
            }
            shown++;
          }
          expect(shown, seam.where).toBeGreaterThanOrEqual(1);
          const names = await selectable(again);
          if (names.includes(WORK)) await again.renameMailbox(WORK, other);
          else if (await again.snapshot(other, undefined).then(() => false, caught)) {
            await again.renameMailbox(WORK, other);
          }
          expect(await selectable(again), seam.where).not.toContain(WORK);
          expect(await contentsOf(again, other), seam.where).toEqual(whole);
          expect((await again.list()).problems, seam.where).toEqual([]);
          return true;
        });
      }
    });

    it('in the middle of a deletion leaves an empty mailbox or none, and a rerun completes it', async () => {
      await atEachCrash(async ({ opened, dying, seam }) => {
        await opened.side.createMailbox(WORK);
        await opened.side.writeWitness(WORK, { repository: 'r1', mailbox: WORK, generation: 1 });
        await (await dying()).deleteMailbox(WORK).catch(caught);
        if (!seam.crashed) return false;
        const again = await opened.reopen();
        const names = await selectable(again);
        if (names.includes(WORK)) expect(await rowsOf(again, WORK), seam.where).toEqual([]);
        const result = await again.deleteMailbox(WORK);
        if (names.includes(WORK)) expect(result, seam.where).toBe('done');
        expect(await selectable(again), seam.where).toEqual([INBOX]);
        expect(await again.deleteMailbox(WORK), seam.where).toBe('already');
        expect((await again.list()).problems, seam.where).toEqual([]);
        return true;
      });
    });

    /** Runs an act on accounts of its own until no crash comes any more; the act says whether there was one. */
    async function atEachCrash(act: (scene: Scene) => Promise<boolean>): Promise<void> {
      const { open } = use();
      let crashes = 0;
      for (let at = 1, more = true; more; at++) {
        for (const when of ['before', 'after'] as const) {
          const seam = new CrashSeam(at, when);
          const opened = await open();
          try {
            more = await act({ opened, seam, dying: () => opened.reopen(seam) });
            if (!more) break;
            crashes++;
          } finally {
            await opened.cleanup();
          }
        }
      }
      expect(crashes).toBeGreaterThanOrEqual(2);
    }
  });

  describe('the seam', () => {
    it('sees what changes the account, and nothing when an account is only read', async () => {
      const { opened, abilities } = use();
      const key = await opened.user.add(INBOX, message({ id: 'there' }));
      const seam = new CountingSeam();
      const side = await opened.reopen(seam);
      const changing = new Set([
        ...['APPEND', 'STORE', 'EXPUNGE', 'MOVE', 'COPY'],
        ...['CREATE', 'RENAME', 'DELETE'],
      ]);
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
      const fresh = await side.snapshot(INBOX, undefined);
      const request = { mailbox: INBOX, epoch: fresh.cursor.epoch, to: WORK, rows: [...fresh.rows.values()] };
      await step(side.copy(request));
      await step(side.move(request));
      await step(side.renameMailbox(WORK, mailboxName('Renamed')));
      await side.createMailbox(mailboxName('Empty'));
      await step(side.deleteMailbox(mailboxName('Empty')));
      expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
      expect(seen[0]).toBeGreaterThan(0);
    });
  });
}

interface Scene {
  readonly opened: OpenedSide;
  readonly seam: CrashSeam;
  /** The process that will die. */
  readonly dying: () => Promise<Side>;
}

/** `UID STORE` is a STORE. */
function lastWord(name: string): string {
  return name.split(' ').at(-1)!.toUpperCase();
}
