import { INBOX, mailboxName } from '@postern/core/model/mailbox.js';
import { describe, expect, it } from 'vitest';
import { deliverAll, letter } from '../../support/letters.js';
import { message } from '../../support/messages.js';
import { codeOf, done, rowsOf, selectable, type Used, WORK } from './opened-side.js';

export function describeMailboxes(use: () => Used): void {
  describe('mailboxes', () => {
    it('lists INBOX of an empty account', async () => {
      expect(await selectable(use().side)).toEqual(['INBOX']);
    });

    it('lists a mailbox it created, once, and says "already" the second time', async () => {
      const { side } = use();
      expect(await side.createMailbox(WORK)).toBe('done');
      expect(await side.createMailbox(WORK)).toBe('already');
      expect((await selectable(side)).filter(name => name === WORK)).toHaveLength(1);
    });

    it('creates a mailbox below levels that are not there', async () => {
      const { side } = use();
      const deep = mailboxName('lists/2026/november');
      await side.createMailbox(deep);
      expect(await selectable(side)).toContain(deep);
      expect(await rowsOf(side, deep)).toEqual([]);
    });

    it('finds mailboxes again under the very names they were created with', async () => {
      const { side, abilities } = use();
      const names = ['two words', 'Entwürfe', 'R&D', '日本語/下', ...abilities.names].map(mailboxName);
      for (const name of names) expect(await side.createMailbox(name)).toBe('done');
      const listed = await selectable(side);
      expect(listed.filter(name => name !== INBOX && names.includes(name)).sort()).toEqual([...names].sort());
      for (const name of names) {
        done((await deliverAll(side, name, [letter(message())]))[0]);
        expect(await rowsOf(side, name), name).toHaveLength(1);
      }
      expect(await rowsOf(side)).toEqual([]);
    });

    it('does not answer for a mailbox that is not there', async () => {
      const { side } = use();
      const absent = mailboxName('Absent');
      expect(await codeOf(side.snapshot(absent, undefined))).toBe('mailbox-unreadable');
      expect(await codeOf(side.deliver(absent).then(batch => batch.prepare(1)))).toBe('mailbox-unreadable');
      expect(await selectable(side)).toEqual(['INBOX']);
    });
  });
}
