import type { StoreRoom } from '@postern/core/api/gc.js';
import { PosternError } from '@postern/core/model/error.js';
import { printable } from '@postern/core/model/escape-text.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import type { AtticEntry } from '@postern/core/side/attic.js';
import { Option } from 'clipanion';
import { mailboxArguments } from '../arguments.js';
import type { Opening } from '../open-repository.js';
import { counted } from '../output/numbers.js';
import { PosternCommand } from '../postern-command.js';

interface Job extends Pick<StoreRoom, 'side' | 'attic'> {
  /** As it was asked for. */
  readonly name: string;
  readonly entry: AtticEntry;
}

export class RestoreCommand extends PosternCommand {
  static override paths = [['restore']];
  static override usage = PosternCommand.Usage({
    category: 'Repair',
    description: 'put removed messages back into their mailboxes',
    details: `
      Takes messages out of the attic and puts them, as new ones, into the mailbox they were removed from, or the one that
      \`--mailbox\` names; a mailbox that is gone is made. NAME is what \`postern ls-messages --attic\` calls a message, or an
      operation: then everything that operation removed comes back. The next \`postern sync\` carries them to the other side.

      Exit status: 0 done, 1 a name that is not in the attic, 3 something could not be put back, 5 another postern is at work.
    `,
    examples: [
      ['What can be got back?', '$0 ls-messages --attic'],
      ['Undo the deletions of an operation', '$0 restore 20261122T050000Z-1a2b3c4d'],
    ],
  });

  mailbox = Option.String('--mailbox', { description: 'Put everything into this mailbox' });
  names = Option.Rest({ name: 'NAME', required: 1 });

  async execute(): Promise<number> {
    const mailbox = this.mailbox === undefined ? undefined : mailboxArguments([this.mailbox])?.[0];
    const opening = await this.opening();
    const { withLock } = await import('../open-repository.js');
    return withLock(opening, () => this.#restore(opening, mailbox));
  }

  async #restore(opening: Opening, mailbox: MailboxName | undefined): Promise<number> {
    const { makeSides } = await import('../open-repository.js');
    const { storeRooms } = await import('../store-rooms.js');
    const { findInAttic, restoreMessages } = await import('@postern/core/api/restore.js');
    const sides = makeSides(opening);
    const jobs: Job[] = [];
    for (const { side, attic } of storeRooms(opening.config)) {
      for (const name of new Set(this.names)) {
        for (const entry of await findInAttic(attic, name)) jobs.push({ side, attic, name, entry });
      }
    }
    const missing = this.names.find(name => !jobs.some(job => job.name === name));
    if (missing !== undefined) {
      throw new PosternError('failed', `there is nothing called "${printable(missing)}" in the attic`, {
        hint: 'postern ls-messages --attic shows the names',
      });
    }
    const counts = { done: 0, refused: 0 };
    const seen = new Set<string>();
    for (const { side, attic, entry } of jobs) {
      if (seen.has(`${side} ${entry.name}`)) continue;
      seen.add(`${side} ${entry.name}`);
      const target = { side: sides[side], attic, ...(mailbox === undefined ? {} : { mailbox }) };
      for await (const { outcome, mailbox: place } of restoreMessages(target, [entry])) {
        counts[outcome.kind === 'refused' ? 'refused' : 'done']++;
        const { name } = entry;
        const reason = outcome.kind === 'refused' ? outcome.reason : undefined;
        if (this.json) await this.jsonLine({ name, side, mailbox: place, result: outcome.kind, reason });
        else if (reason !== undefined) this.warn(`postern: ${name}: ${printable(reason)}`);
      }
    }
    if (!this.json && !this.quiet) {
      await this.out.line(`Restored: ${counted(counts.done, 'message')}. Next: postern sync`);
    }
    return counts.refused === 0 ? 0 : 3;
  }
}
