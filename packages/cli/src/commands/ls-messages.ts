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
      shows the pairs: which remote message is which file.

      Exit status: 0 done, 4 the state is damaged.
    `,
    examples: [
      ['Everything in INBOX, as files', '$0 ls-messages INBOX'],
      ['What the server had at the last fetch', '$0 ls-messages --side remote'],
    ],
  });

  side = Option.String('--side', { description: 'remote, local or base' });
  mailboxes = Option.Rest({ name: 'MAILBOX' });

  async execute(): Promise<number> {
    const side = choiceOption('--side', this.side, ['remote', 'local', 'base']) ?? 'local';
    const mailboxes = mailboxArguments(this.mailboxes);
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
}
