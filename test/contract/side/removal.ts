import { identityOf } from '@postern/core/model/identity.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import type { Epoch, MessageKey, Row } from '@postern/core/model/row.js';
import type { Side } from '@postern/core/side/side.js';
import { describe, expect, it } from 'vitest';
import { contentOf } from '../../support/letters.js';
import { falseTwins, message, twins } from '../../support/messages.js';
import { id, idsOf, rowsOf, type Used } from './opened-side.js';

export function describeRemoval(use: () => Used): void {
  const removeFrom = (side: Side, epoch: Epoch, expected: readonly Row[]) =>
    side.remove(
      INBOX,
      epoch,
      expected.map(expect => ({ expect, operation: 'op1' })),
    );

  describe('removal', () => {
    it('takes exactly one of twins', async () => {
      const { side, opened, abilities } = use();
      for (const bytes of twins()) await opened.user.add(INBOX, bytes);
      const { rows, cursor } = await side.snapshot(INBOX, undefined);
      const [victim, other] = [...rows.values()];
      const outcomes = await removeFrom(side, cursor.epoch, [victim!]);
      const left = await rowsOf(side);
      if (abilities.removal === 'mark') {
        expect(outcomes).toEqual([{ kind: 'marked' }]);
        expect(left.find(({ key }) => key === victim!.key)?.flags).toEqual(['\\Deleted']);
        expect(left.find(({ key }) => key === other!.key)?.flags).toEqual([]);
      } else {
        expect(outcomes).toMatchObject([{ kind: 'done' }]);
        expect(left.map(({ key }) => key)).toEqual([other!.key]);
      }
    });

    it('says where the message can be got back from, where there is such a place', async () => {
      const { side, opened, abilities } = use();
      await opened.user.add(INBOX, message());
      const { rows, cursor } = await side.snapshot(INBOX, undefined);
      const [outcome] = await removeFrom(side, cursor.epoch, [...rows.values()]);
      const where = outcome?.kind === 'done' ? outcome.where : undefined;
      const recoverable = abilities.removal === 'attic' || abilities.removal === 'trash';
      expect(typeof where).toBe(recoverable ? 'string' : 'undefined');
    });

    it('leaves alone what others marked as deleted', async () => {
      const { side, opened, abilities } = use();
      const victim = await opened.user.add(INBOX, message({ id: 'victim' }));
      const marked = await opened.user.add(INBOX, message({ id: 'marked' }), ['\\Deleted']);
      const { rows, cursor } = await side.snapshot(INBOX, undefined);
      await removeFrom(side, cursor.epoch, [rows.get(victim)!]);
      const left = (await rowsOf(side)).map(({ key }) => key);
      expect(left).toContain(marked);
      expect(left.includes(victim)).toBe(abilities.removal === 'mark');
    });

    it('does nothing to a message whose flags changed', async () => {
      const { side, opened } = use();
      const key = await opened.user.add(INBOX, message());
      const { rows, cursor } = await side.snapshot(INBOX, undefined);
      await opened.user.addFlag(INBOX, key, '\\Flagged');
      const outcomes = await removeFrom(side, cursor.epoch, [rows.get(key)!]);
      expect(outcomes).toMatchObject([{ kind: 'changed' }]);
      expect((await rowsOf(side))[0]).toMatchObject({ key, flags: ['\\Flagged'] });
    });

    it('does nothing to a message that is another one than expected', async () => {
      const { side, opened } = use();
      const key = await opened.user.add(INBOX, message({ id: 'this' }));
      const { rows, cursor } = await side.snapshot(INBOX, undefined);
      const { content: _, ...identity } = identityOf(message({ id: 'that' })).identity;
      const outcomes = await removeFrom(side, cursor.epoch, [{ ...rows.get(key)!, identity }]);
      expect(outcomes).toMatchObject([{ kind: 'changed' }]);
      expect(await idsOf(side)).toEqual([id('this')]);
    });

    it('compares contents when it is told to', async () => {
      const { side, opened } = use();
      const [one, other] = falseTwins();
      const key = await opened.user.add(INBOX, one);
      const { rows, cursor } = await side.snapshot(INBOX, undefined);
      const row = rows.get(key)!;
      const removal = { expect: row, operation: 'op1' };
      const wrong = [{ ...removal, content: contentOf(other) }];
      expect(await side.remove(INBOX, cursor.epoch, wrong)).toMatchObject([{ kind: 'changed' }]);
      expect((await rowsOf(side))[0]).toMatchObject({ key, flags: [] });
      const right = [{ ...removal, content: contentOf(one) }];
      expect(await side.remove(INBOX, cursor.epoch, right)).toMatchObject([
        { kind: use().abilities.removal === 'mark' ? 'marked' : 'done' },
      ]);
    });

    it.each(['now', 'to-change'] as const)(
      'of several does what can be done and tells the rest apart, in order (seen: %s)',
      async when => {
        const { side, opened, abilities } = use();
        const keys: MessageKey[] = [];
        for (const name of ['gone', 'changed', 'fine', 'stays']) {
          keys.push(await opened.user.add(INBOX, message({ id: name })));
        }
        const { rows, cursor } = await side.snapshot(INBOX, undefined);
        await side.look(INBOX, cursor.epoch, keys, when);
        await opened.user.remove(INBOX, keys[0]!);
        await opened.user.addFlag(INBOX, keys[1]!, '\\Answered');
        const victims = keys.slice(0, 3).map(key => rows.get(key)!);
        const outcomes = await removeFrom(side, cursor.epoch, victims);
        const marks = abilities.removal === 'mark';
        const [gone, ...others] = outcomes.map(({ kind }) => kind);
        // Gone since it was looked at, and gone now, is all the same.
        expect(when === 'now' ? ['gone'] : ['gone', 'done']).toContain(gone);
        expect(others).toEqual(['changed', marks ? 'marked' : 'done']);
        expect(await idsOf(side)).toEqual(
          [id('changed'), ...(marks ? [id('fine')] : []), id('stays')].sort(),
        );
      },
    );
  });
}
