import type { SyncReport } from '@postern/core/api/sync.js';
import { Option } from 'clipanion';
import { mailboxArguments, numberOption } from '../arguments.js';
import { checkKnown } from '../known-mailboxes.js';
import { applySummary } from '../output/apply-text.js';
import { blockedWords } from '../output/blocked-words.js';
import { brakeWords } from '../output/brake-words.js';
import { exitOfError } from '../output/error-words.js';
import { fetchText } from '../output/fetch-text.js';
import { summaryJson } from '../output/outcome-stream.js';
import { problemWords } from '../output/problem-words.js';
import { PosternCommand } from '../postern-command.js';

export class SyncCommand extends PosternCommand {
  static override paths = [['sync']];
  static override usage = PosternCommand.Usage({
    category: 'Everyday',
    description: 'fetch, plan and apply in one go',
    details: `
      Makes both sides equal, in both directions. It never asks: many deletions at once are held back instead, until
      \`--max-delete\` allows them.

      Exit status: 0 done, 3 some actions were skipped or failed or a mailbox could not be read, 4 the state is damaged, 5
      another postern works here, 6 held back by a brake, 75 the server cannot be reached, 76 TLS refused, 77 login refused.
    `,
    examples: [
      ['Make both sides equal', '$0 sync'],
      ['Only INBOX', '$0 sync INBOX'],
      ['After a big clean-up that was meant', '$0 sync --max-delete 500'],
    ],
  });

  maxDelete = Option.String('--max-delete', { description: 'Deletions a mailbox, or the account, may have' });
  allowEmpty = Option.Boolean('--allow-empty', false, {
    description: 'Go on although a whole side is empty',
  });
  mailboxes = Option.Rest({ name: 'MAILBOX' });

  async execute(): Promise<number> {
    const mailboxes = mailboxArguments(this.mailboxes);
    const maxDelete = numberOption('--max-delete', this.maxDelete);
    const { sync } = await import('@postern/core/api/sync.js');
    const stream = this.outcomes();
    const report = await this.withRepository(async repository => {
      const synced = await sync(repository, {
        ...(mailboxes === undefined ? {} : { mailboxes }),
        ...(maxDelete === undefined ? {} : { maxDelete }),
        allowEmpty: this.allowEmpty,
        onOutcome: stream.take,
        progress: this.progress.update,
      });
      await checkKnown(repository.store, mailboxes);
      return synced;
    });
    this.progress.clear();
    stream.finish(report.failed);
    return this.#report(report);
  }

  /** Shows a report and returns the exit status. */
  async #report({ fetch, plan, apply }: SyncReport): Promise<number> {
    const problems = [...fetch.problems, ...plan.problems, ...apply.problems].map(problemWords);
    for (const problem of new Set(problems)) this.warn(`postern: ${problem}`);
    for (const brake of apply.brakes) this.warn(`postern: held back: ${brakeWords(brake)}`);
    if (plan.blocked.length > 0) {
      this.warn(`postern: ${blockedWords(plan.blocked)}; postern status lists them`);
    }
    if (apply.stopped !== undefined) this.printError(apply.stopped);
    if (this.json) await this.out.line(summaryJson(apply, { fetch, blocked: plan.blocked.length }));
    else if (!this.quiet) {
      await this.out.lines(fetchText(fetch));
      await this.out.line(applySummary(apply, { dryRun: false }));
    }
    if (apply.stopped !== undefined) return exitOfError(apply.stopped);
    const { exitOf } = await import('@postern/core/api/apply.js');
    const exit = exitOf(apply);
    return exit === 0 && fetch.unread.length > 0 ? 3 : exit;
  }
}
