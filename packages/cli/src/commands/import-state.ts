import { createReadStream } from 'node:fs';
import { errnoOf, PosternError } from '@postern/core/model/error.js';
import type { ImportReport } from '@postern/core/state/import-state.js';
import { Option } from 'clipanion';
import { counted } from '../output/numbers.js';
import { PosternCommand } from '../postern-command.js';

export class ImportStateCommand extends PosternCommand {
  static override paths = [['import-state']];
  static override usage = PosternCommand.Usage({
    category: 'Plumbing',
    description: 'make the state anew from what export-state printed',
    details: `
      Reads an export from FILE (\`-\` is stdin). It must be whole, and of this repository: on another machine, copy the Maildir
      with \`.postern/config.toml\` first. A state that is there is refused, or kept aside with \`--replace\`.

      An export may be older than the mail. Mailboxes that changed since are matched anew by the next fetch: nothing is deleted
      there for the sake of what the export says.

      Exit status: 0 done, 1 the export is broken or there is a state, 4 it is of another repository, 5 another postern works
      here.
    `,
    examples: [
      ['Go on where the export was made', '$0 import-state mail.state'],
      ['Put it in the place of a state that is there', '$0 import-state --replace mail.state'],
    ],
  });

  replace = Option.Boolean('--replace', false, { description: 'Keep the state that is there aside' });
  file = Option.String({ name: 'FILE' });

  async execute(): Promise<number> {
    const { file, replace } = this;
    const { importState } = await import('@postern/core/state/import-state.js');
    const report = await this.withTarget(async target => {
      const chunks: AsyncIterable<Uint8Array> = file === '-' ? this.context.stdin : createReadStream(file);
      try {
        return await importState(target, chunks, { replace });
      } catch (error) {
        if (errnoOf(error) === undefined || error instanceof PosternError) throw error;
        throw new PosternError('failed', `the export ${file} cannot be read`, { cause: error });
      }
    });
    if (this.json) await this.jsonLine(report);
    else if (!this.quiet) await this.#report(report);
    return 0;
  }

  async #report({ records, mailboxes, pairs, exported, aside }: ImportReport): Promise<void> {
    const what = `${counted(pairs, 'pair')} in ${counted(mailboxes, 'mailbox', 'mailboxes')}`;
    await this.out.line(`Imported ${counted(records, 'record')}: ${what}, exported ${exported}.`);
    if (aside !== undefined) await this.out.line(`The state that was there is kept in ${aside}`);
    await this.out.line('Next: postern fetch, then postern status');
  }
}
