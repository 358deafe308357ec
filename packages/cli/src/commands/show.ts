import { PosternError } from '@postern/core/model/error.js';
import { printable } from '@postern/core/model/escape-text.js';
import { Option } from 'clipanion';
import { mailboxArguments } from '../arguments.js';
import type { Config } from '../config/config.js';
import { layoutOf } from '../config/end-config.js';
import { mailLines } from '../output/mail-lines.js';
import { isTerminal } from '../output/terminal.js';
import { PosternCommand } from '../postern-command.js';

export class ShowCommand extends PosternCommand {
  static override paths = [['show']];
  static override usage = PosternCommand.Usage({
    category: 'Plumbing',
    description: 'print a message of the Maildir or of the attic',
    details: `
      NAME is the \`key\` of a message in \`postern ls-messages\`, a file name, or a name that \`postern ls-messages --attic\`
      shows. The bytes are printed as they are; on a terminal what it would obey is escaped, unless \`--raw\` is given.

      Exit status: 0 done, 1 no message, or several, of that name.
    `,
    examples: [
      ['A message that was removed', '$0 show 20261122T050000Z-1a2b3c4d/0a1b2c3d-1790000000.M1P1Q1.host:2,S'],
    ],
  });

  raw = Option.Boolean('--raw', false, { description: 'The bytes as they are, on a terminal too' });
  mailbox = Option.String('--mailbox', { description: 'Look in this mailbox only' });
  name = Option.String({ name: 'NAME' });

  async execute(): Promise<number> {
    const chunks = await this.#find(await this.config());
    if (isTerminal(this.context.stdout) && !this.raw) {
      await this.out.lines(mailLines(chunks));
      return 0;
    }
    for (const chunk of chunks) {
      if (this.out.closed) return 0;
      await this.out.bytes(chunk);
    }
    return 0;
  }

  async #find(config: Config): Promise<Iterable<Uint8Array>> {
    const wanted = this.mailbox === undefined ? undefined : mailboxArguments([this.mailbox])?.[0];
    const { storeRooms } = await import('../store-rooms.js');
    for (const { attic } of storeRooms(config)) {
      for await (const entry of attic.list()) {
        if (entry.name === this.name) return attic.read(entry);
      }
    }
    const { findRawMessages } = await import('@postern/core/side/maildir/raw-message.js');
    const { local } = config;
    const all =
      local.kind === 'maildir'
        ? findRawMessages({ root: local.path, layout: layoutOf(local) }, this.name)
        : [];
    const found = all.filter(({ mailbox }) => wanted === undefined || mailbox === wanted);
    if (found.length > 1) {
      const mailboxes = found.map(({ mailbox }) => printable(mailbox)).join(', ');
      throw new PosternError('failed', `"${printable(this.name)}" is in several mailboxes: ${mailboxes}`, {
        hint: 'name one with --mailbox',
      });
    }
    const [message] = found;
    if (message !== undefined) return message.chunks;
    throw new PosternError('failed', `there is no message "${printable(this.name)}" here`, {
      hint: 'postern ls-messages shows the keys, postern ls-messages --attic what was removed',
    });
  }
}
