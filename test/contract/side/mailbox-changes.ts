import { INBOX, type MailboxName, mailboxName } from '@postern/core/model/mailbox.js';
import type { Side } from '@postern/core/side/side.js';
import { describe, expect, it } from 'vitest';
import { contentOf, deliverAll, letter } from '../../support/letters.js';
import { message } from '../../support/messages.js';
import { codeOf, contentsOf, idsOf, rowsOf, selectable, type Used, WORK } from './opened-side.js';

const OTHER = mailboxName('Other');
const BELOW = mailboxName('Work/below');

async function put(side: Side, mailbox: MailboxName, bytes: Buffer): Promise<void> {
  await deliverAll(side, mailbox, [letter(bytes)]);
}

export function describeMailboxChanges(use: () => Used): void {
  describe('renaming a mailbox', () => {
    it('brings its messages to the new name, under the same keys where the epoch is the same', async () => {
      const { side, opened } = use();
      await side.createMailbox(WORK);
      const bytes = [message({ id: 'one' }), message({ id: 'two' })];
      await deliverAll(
        side,
        WORK,
        bytes.map(each => letter(each, { flags: ['\\Flagged'] })),
      );
      const before = await side.snapshot(WORK, undefined);
      await side.renameMailbox(WORK, OTHER);
      expect(await selectable(side)).toEqual([INBOX, OTHER]);
      const after = await side.snapshot(OTHER, undefined);
      expect(await contentsOf(side, OTHER)).toEqual(bytes.map(contentOf).sort());
      expect([...after.rows.values()].map(({ flags }) => flags)).toEqual([['\\Flagged'], ['\\Flagged']]);
      if (after.cursor.epoch === before.cursor.epoch) {
        expect([...after.rows.keys()].sort()).toEqual([...before.rows.keys()].sort());
      }
      expect(await codeOf(side.snapshot(WORK, undefined))).toBe('mailbox-unreadable');
      expect(await selectable(await opened.reopen())).toEqual([INBOX, OTHER]);
    });

    it('goes through levels that are not there yet, outside ASCII too', async () => {
      const { side } = use();
      const deep = mailboxName('Ablage/Entwürfe/2026');
      await side.createMailbox(WORK);
      await put(side, WORK, message({ id: 'kept' }));
      await side.renameMailbox(WORK, deep);
      // Some servers make mailboxes of the levels above.
      const levels = [mailboxName('Ablage'), mailboxName('Ablage/Entwürfe')];
      const made = (await selectable(side)).filter(name => !levels.includes(name));
      expect(made).toEqual([deep, INBOX].sort());
      expect(await idsOf(side, deep)).toEqual(['<kept@example.org>']);
    });

    it('leaves the messages of mailboxes below it in one place, under the old name or the new', async () => {
      const { side } = use();
      await side.createMailbox(WORK);
      await side.createMailbox(BELOW);
      await put(side, WORK, message({ id: 'above' }));
      await put(side, BELOW, message({ id: 'below' }));
      await side.renameMailbox(WORK, OTHER);
      const names = await selectable(side);
      expect(names).toContain(OTHER);
      expect(names).not.toContain(WORK);
      const found: (string | undefined)[] = [];
      for (const name of names) found.push(...(await idsOf(side, name)));
      expect(found.sort()).toEqual(['<above@example.org>', '<below@example.org>']);
      expect(await idsOf(side, OTHER)).toEqual(['<above@example.org>']);
    });

    it('of a whole branch one by one, deepest first, brings all of it along', async () => {
      const { side } = use();
      await side.createMailbox(WORK);
      await side.createMailbox(BELOW);
      await put(side, WORK, message({ id: 'above' }));
      await put(side, BELOW, message({ id: 'below' }));
      const belowOther = mailboxName('Other/below');
      await side.renameMailbox(BELOW, belowOther);
      // A server has made the level above, which may or may not be a mailbox of its own.
      const refused = (await selectable(side)).includes(OTHER);
      const code = await codeOf(side.renameMailbox(WORK, OTHER));
      expect(refused ? ['server-refused'] : ['no error', 'server-refused']).toContain(code);
      expect(await idsOf(side, belowOther)).toEqual(['<below@example.org>']);
      expect(await idsOf(side, code === 'no error' ? OTHER : WORK)).toEqual(['<above@example.org>']);
    });

    it('is refused when the new name is taken, and nothing changes', async () => {
      const { side } = use();
      for (const name of [WORK, OTHER]) {
        await side.createMailbox(name);
        await put(side, name, message({ id: name }));
      }
      expect(await codeOf(side.renameMailbox(WORK, OTHER))).toBe('server-refused');
      expect(await codeOf(side.renameMailbox(WORK, INBOX))).toBe('server-refused');
      expect(await selectable(side)).toEqual([INBOX, OTHER, WORK]);
      for (const name of [WORK, OTHER]) expect(await idsOf(side, name)).toEqual([`<${name}@example.org>`]);
    });

    it('is refused for INBOX and for a mailbox that is not there', async () => {
      const { side, opened } = use();
      await opened.user.add(INBOX, message({ id: 'stays' }));
      expect(await codeOf(side.renameMailbox(INBOX, OTHER))).toBe('server-refused');
      expect(await codeOf(side.renameMailbox(WORK, OTHER))).toBe('server-refused');
      expect(await selectable(side)).toEqual([INBOX]);
      expect(await idsOf(side)).toEqual(['<stays@example.org>']);
    });
  });

  describe('deleting a mailbox', () => {
    it('removes one without messages, and says "already" the second time', async () => {
      const { side, opened } = use();
      await side.createMailbox(WORK);
      expect(await side.deleteMailbox(WORK)).toBe('done');
      expect(await selectable(side)).toEqual([INBOX]);
      expect(await side.deleteMailbox(WORK)).toBe('already');
      expect(await codeOf(side.snapshot(WORK, undefined))).toBe('mailbox-unreadable');
      expect(await side.createMailbox(WORK)).toBe('done');
      expect(await rowsOf(side, WORK)).toEqual([]);
      expect(await selectable(await opened.reopen())).toEqual([INBOX, WORK]);
    });

    it('is refused when it has a message, also one that came after the caller looked', async () => {
      const { side, opened } = use();
      await side.createMailbox(WORK);
      expect(await rowsOf(side, WORK)).toEqual([]);
      await put(await opened.reopen(), WORK, message({ id: 'late' }));
      expect(await codeOf(side.deleteMailbox(WORK))).toBe('server-refused');
      expect(await selectable(side)).toEqual([INBOX, WORK]);
      expect(await idsOf(side, WORK)).toEqual(['<late@example.org>']);
    });

    it('leaves the mailboxes below it', async () => {
      const { side } = use();
      await side.createMailbox(WORK);
      await side.createMailbox(BELOW);
      await put(side, BELOW, message({ id: 'below' }));
      const code = await codeOf(side.deleteMailbox(WORK));
      // Some servers do not delete a mailbox that others are below; some go on listing it.
      expect(['no error', 'server-refused']).toContain(code);
      const names = await selectable(side);
      expect(names.filter(name => name !== WORK)).toEqual([INBOX, BELOW]);
      const isLeft = await codeOf(side.snapshot(WORK, undefined));
      expect(isLeft).toBe(code === 'no error' ? 'mailbox-unreadable' : 'no error');
      expect(await idsOf(side, BELOW)).toEqual(['<below@example.org>']);
    });

    it('is refused for INBOX', async () => {
      const { side } = use();
      expect(await codeOf(side.deleteMailbox(INBOX))).toBe('server-refused');
      expect(await selectable(side)).toEqual([INBOX]);
    });
  });
}
