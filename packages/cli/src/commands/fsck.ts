import type { Action } from '@postern/core/model/action.js';
import { PosternError } from '@postern/core/model/error.js';
import { escapeText } from '@postern/core/model/escape-text.js';
import type { FsckReport } from '@postern/fsck/report.js';
import type { FsckTarget } from '@postern/fsck/target.js';
import { Option } from 'clipanion';
import { duplicateJson, duplicateLines } from '../output/duplicate-words.js';
import { fsckText } from '../output/fsck-text.js';
import { problemWords } from '../output/problem-words.js';
import { PosternCommand } from '../postern-command.js';

export class FsckCommand extends PosternCommand {
  static override paths = [['fsck']];
  static override usage = PosternCommand.Usage({
    category: 'Repair',
    description: 'check the state against both sides, and rebuild it',
    details: `
      Reads every record of the state, checks it, and compares it with the Maildir and the account. Without \`--repair\`
      nothing is written. \`--offline\` takes the last fetch for the remote and connects to nothing.

      \`--repair\` keeps a damaged state aside and rebuilds it: what verifies is taken over, and the rest is matched anew by
      Message-ID and content. It never deletes or uploads a message, and downloads only what cannot be told apart otherwise.

      \`--duplicates\` lists messages that a mailbox has more than once: by content, and, as a hint, by Message-ID alone. With
      \`--plan\` it prints a plan that leaves one of each content: apply reads every copy on both sides before the surplus file goes
      to the attic, and the next sync deletes its other end.

      Exit status: 0 clean or repaired, 3 blocked messages remain, 4 damage found.
    `,
    examples: [
      ['Is all well?', '$0 fsck'],
      ['Rebuild a state that was damaged or lost', '$0 fsck --repair'],
      ['Remove what is there twice', '$0 fsck --duplicates --plan > twice.plan'],
      ['After a look at it', '$0 apply twice.plan'],
    ],
  });

  repair = Option.Boolean('--repair', false, {
    description: 'Rebuild the state where it is damaged or lost',
  });
  offline = Option.Boolean('--offline', false, { description: 'Do not connect; take the last fetch' });
  allowEmpty = Option.Boolean('--allow-empty', false, {
    description: 'Repair although a whole side is empty',
  });
  duplicates = Option.Boolean('--duplicates', false, { description: 'List messages that are there twice' });
  asPlan = Option.Boolean('--plan', false, {
    description: 'With --duplicates: a plan that removes the surplus',
  });

  async execute(): Promise<number> {
    if (this.asPlan && !this.duplicates)
      throw new PosternError('usage', '--plan goes with --duplicates only');
    if (this.duplicates && (this.repair || this.offline))
      throw new PosternError('usage', '--duplicates goes with neither --repair nor --offline');
    if (this.duplicates) return this.#listDuplicates();
    if (this.repair && this.offline) {
      throw new PosternError('usage', '--repair needs both sides: it cannot work with --offline');
    }
    const { exitOf } = await import('@postern/fsck/report.js');
    const report = await this.withTarget(target => this.#run(target));
    this.progress.clear();
    if (this.json) await this.jsonLine(report);
    else if (!this.quiet || exitOf(report) !== 0) await this.out.lines(fsckText(report, await this.paint()));
    return exitOf(report);
  }

  /** The repository is let go of before anything is printed, for an `apply` may be at the other end of a pipe. */
  async #listDuplicates(): Promise<number> {
    const { listDuplicates } = await import('@postern/fsck/list-duplicates.js');
    const { planDuplicates } = await import('@postern/fsck/plan-duplicates.js');
    const lines: string[] = [];
    const actions: Action[] = [];
    const { header, problems } = await this.withRepository(async repository => {
      const { id, sides, clock } = repository;
      const problems = await listDuplicates(repository, { progress: this.progress.update }, group => {
        if (this.asPlan) actions.push(...planDuplicates([group], id));
        else if (this.json) lines.push(escapeText(JSON.stringify(duplicateJson(group))));
        else lines.push(...duplicateLines(group));
      });
      const created = new Date(clock.now()).toISOString();
      const header = { repository: id, remote: sides.remote.address, local: sides.local.address, created };
      return { header: { ...header, blocked: 0 }, problems };
    });
    this.progress.clear();
    for (const problem of problems) this.warn(`postern: ${problemWords(problem)}`);
    if (this.asPlan) {
      const { planLines } = await import('@postern/core/plan/write-plan.js');
      await this.out.lines(planLines(header, actions));
    } else if (lines.length > 0) await this.out.lines(lines);
    else if (!this.quiet && !this.json) await this.out.line('Nothing is there twice');
    return 0;
  }

  async #run(target: FsckTarget): Promise<FsckReport> {
    const progress = this.progress.update;
    if (this.repair) {
      const { repairRepository } = await import('@postern/fsck/repair-repository.js');
      return repairRepository(target, { allowEmpty: this.allowEmpty, progress });
    }
    const { checkRepository } = await import('@postern/fsck/check-repository.js');
    return checkRepository(target, { offline: this.offline, progress });
  }
}
