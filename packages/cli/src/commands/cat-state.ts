import { KINDS } from '@postern/core/state/records.js';
import { Option } from 'clipanion';
import { choiceOption, mailboxArguments } from '../arguments.js';
import { PosternCommand } from '../postern-command.js';

export class CatStateCommand extends PosternCommand {
  static override paths = [['cat-state']];
  static override usage = PosternCommand.Usage({
    category: 'Plumbing',
    description: 'print the records of the state, one JSON object a line',
    details: `
      Every record is verified as it is read. To keep or move a whole state, take \`export-state\`: its lines are these, with a header
      and an end. Kinds: ${KINDS.join(', ')}.

      Exit status: 0 done, 4 the state is damaged.
    `,
    examples: [
      ['Everything', '$0 cat-state'],
      ['The pairs of INBOX', '$0 cat-state --kind pair INBOX'],
    ],
  });

  kind = Option.String('--kind', { description: 'Only records of this kind' });
  mailbox = Option.String({ name: 'MAILBOX', required: false });

  async execute(): Promise<number> {
    const kind = choiceOption('--kind', this.kind, KINDS);
    const mailbox = mailboxArguments(this.mailbox === undefined ? [] : [this.mailbox])?.[0];
    const filter = { ...(kind === undefined ? {} : { kind }), ...(mailbox === undefined ? {} : { mailbox }) };
    return this.withRepository(async ({ store }) => {
      const { inspect } = await import('@postern/core/state/inspect.js');
      for await (const record of inspect(store, filter)) {
        if (this.out.closed) break;
        await this.jsonLine(record);
      }
      return 0;
    });
  }
}
