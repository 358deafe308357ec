import { Option } from 'clipanion';
import { mailboxArguments } from '../arguments.js';
import { checkKnown } from '../known-mailboxes.js';
import { fetchText } from '../output/fetch-text.js';
import { problemWords } from '../output/problem-words.js';
import { PosternCommand } from '../postern-command.js';

export class FetchCommand extends PosternCommand {
  static override paths = [['fetch']];
  static override usage = PosternCommand.Usage({
    category: 'Everyday',
    description: 'look at the remote and remember what it has',
    details: `
      Takes a snapshot of every mailbox of the remote (or of the named ones) into the state. Messages are not downloaded and
      neither side is changed. Only what changed since the last fetch is asked for.

      Exit status: 0 done, 3 a mailbox could not be read (the others were), 75 the server cannot be reached, 76 TLS refused,
      77 login refused.
    `,
    examples: [
      ['Look at the whole account', '$0 fetch'],
      ['Look at two mailboxes only', '$0 fetch INBOX Lists/dev'],
    ],
  });

  mailboxes = Option.Rest({ name: 'MAILBOX' });

  async execute(): Promise<number> {
    const mailboxes = mailboxArguments(this.mailboxes);
    const { fetchRemote } = await import('@postern/core/api/fetch.js');
    const report = await this.withRepository(async repository => {
      const fetched = await fetchRemote(repository, {
        ...(mailboxes === undefined ? {} : { mailboxes }),
        progress: this.progress.update,
      });
      await checkKnown(repository.store, mailboxes);
      return fetched;
    });
    this.progress.clear();
    if (this.json) await this.jsonLine(report);
    else if (!this.quiet) await this.out.lines(fetchText(report));
    for (const problem of report.problems) this.warn(`postern: ${problemWords(problem)}`);
    return report.unread.length > 0 ? 3 : 0;
  }
}
