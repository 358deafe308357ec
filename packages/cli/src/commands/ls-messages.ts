import { PosternError } from '@postern/core/model/error.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import { Option } from 'clipanion';
import { choiceOption, mailboxArguments } from '../arguments.js';
import { checkKnown } from '../known-mailboxes.js';
import { PosternCommand } from '../postern-command.js';

export class LsMessagesCommand extends PosternCommand {
  static override paths = [['ls-messages']];
  static override usage = PosternCommand.Usage({
    category: 'Plumbing',
    description: 'list the messages of a side, one JSON object a line',
    details: `
      \`--side local\` (the default) looks at the Maildir first; \`--side remote\` shows what the last fetch saw; \`--side base\`
      shows the pairs: which remote message is which file. \`--attic\` shows what was removed and can be got back, with the
      mailbox it was in and the name that \`postern show\` and \`postern restore\` know it by.

      Exit status: 0 done, 4 the state is damaged.
    `,
    examples: [
      ['Everything in INBOX, as files', '$0 ls-messages INBOX'],
      ['What the server had at the last fetch', '$0 ls-messages --side remote'],
      ['What was removed', '$0 ls-messages --attic'],
    ],
  });

  side = Option.String('--side', { description: 'remote, local or base' });
  attic = Option.Boolean('--attic', false, { description: 'List removed messages instead' });
  mailboxes = Option.Rest({ name: 'MAILBOX' });

  async execute(): Promise<number> {
    const side = choiceOption('--side', this.side, ['remote', 'local', 'base']) ?? 'local';
    const mailboxes = mailboxArguments(this.mailboxes);
    if (this.attic) {
      if (this.side !== undefined) throw new PosternError('usage', '--attic and --side exclude each other');
      return this.#listAttic(mailboxes);
    }
    return this.withRepository(async repository => {
      const { listMessages } = await import('@postern/core/api/list-messages.js');
      for (const [index, mailbox] of (mailboxes ?? [undefined]).entries()) {
        const only = mailbox === undefined ? {} : { mailbox };
        for await (const message of listMessages(repository, { side, ...only, scan: index === 0 })) {
          if (this.out.closed) return 0;
          await this.jsonLine(message);
        }
      }
      await checkKnown(repository.store, mailboxes);
      return 0;
    });
  }

  /** The files say it all: no lock is needed, and a state that is damaged does not matter. */
  async #listAttic(mailboxes: readonly MailboxName[] | undefined): Promise<number> {
    const { storeRooms } = await import('../store-rooms.js');
    for (const { side, attic } of storeRooms(await this.config())) {
      for await (const entry of attic.list()) {
        if (this.out.closed) return 0;
        const { name, operation, mailbox, removed, size } = entry;
        if (mailboxes !== undefined && (mailbox === undefined || !mailboxes.includes(mailbox))) continue;
        const message = await attic.describe(entry);
        const facts = { messageId: message?.identity.messageId, ...message?.envelope };
        await this.jsonLine({ name, side, operation, mailbox, removed, size, ...facts });
      }
    }
    return 0;
  }
}
