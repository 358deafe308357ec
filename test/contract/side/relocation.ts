import { canStore, flagsFrom } from '@postern/core/model/flags.js';
import { identityOf } from '@postern/core/model/identity.js';
import { INBOX, mailboxName } from '@postern/core/model/mailbox.js';
import type { Epoch, MessageKey, Row } from '@postern/core/model/row.js';
import type { MoveOutcome, Side } from '@postern/core/side/side.js';
import { beforeEach, describe, expect, it } from 'vitest';
import { contentOf } from '../../support/letters.js';
import { largeMessage, message, twins } from '../../support/messages.js';
import { caught, codeOf, contentsOf, id, idsOf, oddEntries, rowsOf, type Used, WORK } from './opened-side.js';

/** Moves or copies rows of INBOX, as apply does: with the epoch of the target as a snapshot showed it. */
async function relocate(
  side: Side,
  how: 'move' | 'copy',
  rows: readonly Row[],
): Promise<readonly MoveOutcome[]> {
  const { epoch } = (await side.snapshot(INBOX, undefined)).cursor;
  const { cursor } = await side.snapshot(WORK, undefined);
  const request = { mailbox: INBOX, epoch, to: WORK, toEpoch: cursor.epoch, rows };
  return how === 'move' ? side.move(request) : side.copy(request);
}

/** What still counts as there: a server that cannot expunge one message alone only marks what it moved. */
async function unmarked(side: Side, marks: boolean): Promise<(string | undefined)[]> {
  const rows = await rowsOf(side);
  const left = marks ? rows.filter(({ flags }) => !flags.includes('\\Deleted')) : rows;
  return left.map(({ identity }) => identity.messageId).sort();
}

export function describeRelocation(use: () => Used): void {
  describe('relocation', () => {
    const marksOf = () => use().abilities.removal === 'mark';

    beforeEach(async () => {
      await use().side.createMailbox(WORK);
    });

    describe.each(['move', 'copy'] as const)('a %s', how => {
      const moves = how === 'move';

      it('brings the message to the other mailbox with its flags, date and every octet', async () => {
        const { side, opened } = use();
        const bytes = message({ id: 'travels' });
        const key = await opened.user.add(INBOX, bytes, ['\\Flagged', '\\Seen']);
        await opened.user.add(INBOX, message({ id: 'stays' }));
        const before = (await side.snapshot(INBOX, undefined)).rows.get(key)!;
        const [outcome] = await relocate(side, how, [before]);
        expect(['done', ...(moves && marksOf() ? ['marked'] : [])]).toContain(outcome?.kind);
        expect(await unmarked(side, marksOf())).toEqual([id('stays'), ...(moves ? [] : [id('travels')])]);
        const rows = await rowsOf(side, WORK);
        expect(rows).toHaveLength(1);
        expect(rows[0]).toMatchObject({ flags: ['\\Flagged', '\\Seen'], date: before.date });
        expect(rows[0]?.identity).toMatchObject({
          digest: before.identity.digest,
          size: before.identity.size,
        });
        expect(await contentsOf(side, WORK)).toEqual([contentOf(bytes)]);
      });

      it('tells what the message is over there, or leaves it to a snapshot', async () => {
        const { side, opened, abilities } = use();
        for (const bytes of twins()) await opened.user.add(INBOX, bytes, ['\\Answered']);
        const outcomes = await relocate(side, how, await rowsOf(side));
        const rows = new Map((await rowsOf(side, WORK)).map(row => [row.key, row]));
        expect(rows.size).toBe(2);
        const told = outcomes.flatMap(outcome => ('row' in outcome && outcome.row ? [outcome.row] : []));
        if (abilities.removal !== 'mark') expect(told).toHaveLength(2);
        expect(new Set(told.map(({ key }) => key)).size).toBe(told.length);
        for (const { modseq: _, identity, ...row } of told) {
          expect(rows.get(row.key)).toMatchObject(row);
          expect(rows.get(row.key)?.identity.digest).toBe(identity.digest);
        }
      });

      it('takes along flags that changed since the caller looked', async () => {
        const { side, opened } = use();
        const key = await opened.user.add(INBOX, message(), ['\\Seen']);
        const rows = await rowsOf(side);
        await opened.user.addFlag(INBOX, key, '\\Flagged');
        const [outcome] = await relocate(side, how, rows);
        expect(['done', 'marked']).toContain(outcome?.kind);
        expect((await rowsOf(side, WORK)).map(({ flags }) => flags)).toEqual([['\\Flagged', '\\Seen']]);
      });

      it('takes along every flag that both mailboxes can store', async () => {
        const { side, opened } = use();
        const key = await opened.user.add(INBOX, message());
        const { cursor, permanentFlags } = await side.snapshot(INBOX, undefined);
        const there = (await side.snapshot(WORK, undefined)).permanentFlags;
        const wanted = ['$Forwarded', '\\Answered', '\\Draft', '\\Flagged', '\\Seen', 'Later', 'Project'];
        await side.flag(INBOX, cursor.epoch, [{ key, add: wanted, remove: [] }]);
        const flags = wanted.filter(flag => canStore(permanentFlags, flag) && canStore(there, flag));
        await relocate(side, how, await rowsOf(side));
        expect((await rowsOf(side, WORK)).map(row => row.flags)).toEqual([flagsFrom(flags)]);
      });

      it('tells apart what is gone, what is another message, and what can be done, in order', async () => {
        const { side, opened } = use();
        const keys: MessageKey[] = [];
        for (const name of ['gone', 'other', 'fine', 'stays']) {
          keys.push(await opened.user.add(INBOX, message({ id: name })));
        }
        const { rows } = await side.snapshot(INBOX, undefined);
        await opened.user.remove(INBOX, keys[0]!);
        const { content: _, ...identity } = identityOf(message({ id: 'that' })).identity;
        const { stamp: _stamp, ...other } = rows.get(keys[1]!)!;
        const wanted = [rows.get(keys[0]!)!, { ...other, identity }, rows.get(keys[2]!)!];
        const outcomes = await relocate(side, how, wanted);
        expect(outcomes.map(({ kind }) => (kind === 'marked' ? 'done' : kind))).toEqual([
          'gone',
          'changed',
          'done',
        ]);
        expect(await idsOf(side, WORK)).toEqual([id('fine')]);
        const left = ['fine', 'other', 'stays'].filter(name => !moves || name !== 'fine');
        expect(await unmarked(side, marksOf())).toEqual(left.map(id));
      });

      it('of one twin leaves the other alone', async () => {
        const { side, opened } = use();
        const [one, other] = twins();
        const key = await opened.user.add(INBOX, one);
        const twin = await opened.user.add(INBOX, other);
        const { rows } = await side.snapshot(INBOX, undefined);
        await relocate(side, how, [rows.get(key)!]);
        expect(await contentsOf(side, WORK)).toEqual([contentOf(one)]);
        expect((await rowsOf(side)).find(row => row.key === twin)).toMatchObject({ key: twin, flags: [] });
      });

      it('of many messages keeps each of them, once', async () => {
        const { side, opened, abilities } = use();
        const wanted = [
          largeMessage(300_000),
          ...oddEntries(abilities)
            .map(([, bytes]) => bytes)
            .filter(bytes => bytes.length > 0),
        ];
        for (let index = 0; index < 40; index++) wanted.push(message({ id: `m${index}` }));
        for (const bytes of wanted) await opened.user.add(INBOX, bytes);
        const rows = await rowsOf(side);
        const contents = await contentsOf(side);
        const outcomes = await relocate(side, how, rows);
        expect(outcomes).toHaveLength(rows.length);
        expect(await contentsOf(side, WORK)).toEqual(contents);
        expect(await unmarked(side, marksOf())).toHaveLength(moves ? 0 : rows.length);
      });

      it('of nothing does nothing', async () => {
        const { side, opened } = use();
        await opened.user.add(INBOX, message());
        expect(await relocate(side, how, [])).toEqual([]);
        expect([await rowsOf(side), await rowsOf(side, WORK)].map(rows => rows.length)).toEqual([1, 0]);
      });

      it('to a mailbox that is not there leaves the message where it is', async () => {
        const { side, opened } = use();
        await opened.user.add(INBOX, message({ id: 'stays' }));
        const rows = await rowsOf(side);
        const { epoch } = (await side.snapshot(INBOX, undefined)).cursor;
        const request = { mailbox: INBOX, epoch, to: mailboxName('Absent'), rows };
        const answer = await (moves ? side.move(request) : side.copy(request)).catch(caught);
        if (Array.isArray(answer)) expect(answer).toMatchObject([{ kind: 'refused' }]);
        else expect(await codeOf(Promise.reject(answer))).toBe('mailbox-unreadable');
        expect(await rowsOf(side)).toMatchObject([{ key: rows[0]!.key, flags: [] }]);
      });

      it('with keys of another epoch is refused', async () => {
        const { side, opened } = use();
        await opened.user.add(INBOX, message());
        const request = { mailbox: INBOX, epoch: '77' as Epoch, to: WORK, rows: await rowsOf(side) };
        expect(await codeOf(moves ? side.move(request) : side.copy(request))).toBe('snapshot-incomplete');
        expect([await rowsOf(side), await rowsOf(side, WORK)].map(found => found.length)).toEqual([1, 0]);
      });
    });

    it('a move to the mailbox where the message is changes nothing', async () => {
      const { side, opened } = use();
      const key = await opened.user.add(INBOX, message(), ['\\Seen']);
      const { cursor, rows } = await side.snapshot(INBOX, undefined);
      const request = { mailbox: INBOX, epoch: cursor.epoch, to: INBOX, rows: [...rows.values()] };
      expect(await side.move(request)).toMatchObject([{ kind: 'refused' }]);
      expect(await rowsOf(side)).toMatchObject([{ key, flags: ['\\Seen'] }]);
    });

    it('copies made twice are two', async () => {
      const { side, opened } = use();
      const bytes = message();
      await opened.user.add(INBOX, bytes);
      for (let times = 0; times < 2; times++) await relocate(side, 'copy', await rowsOf(side));
      expect(await contentsOf(side, WORK)).toEqual([contentOf(bytes), contentOf(bytes)]);
      expect(await contentsOf(side)).toEqual([contentOf(bytes)]);
    });

    it('messages move there and back without becoming more or fewer', async () => {
      const { side, opened } = use();
      if (marksOf()) return;
      for (const name of ['a', 'b', 'c']) await opened.user.add(INBOX, message({ id: name }), ['\\Seen']);
      const contents = await contentsOf(side);
      await relocate(side, 'move', await rowsOf(side));
      const { cursor, rows } = await side.snapshot(WORK, undefined);
      const back = { mailbox: WORK, epoch: cursor.epoch, to: INBOX, rows: [...rows.values()] };
      expect((await side.move(back)).map(({ kind }) => kind)).toEqual(['done', 'done', 'done']);
      expect(await contentsOf(side)).toEqual(contents);
      expect((await rowsOf(side)).map(({ flags }) => flags)).toEqual([['\\Seen'], ['\\Seen'], ['\\Seen']]);
      expect(await rowsOf(side, WORK)).toEqual([]);
    });
  });
}
