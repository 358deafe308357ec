import { createReadStream } from 'node:fs';
import type { ApplyReport } from '@postern/core/api/apply.js';
import type { Action } from '@postern/core/model/action.js';
import { errnoOf, PosternError } from '@postern/core/model/error.js';
import { Option } from 'clipanion';
import { numberOption } from '../arguments.js';
import { applySummary } from '../output/apply-text.js';
import { brakeWords } from '../output/brake-words.js';
import { confirm } from '../output/confirm.js';
import { exitOfError } from '../output/error-words.js';
import { counted } from '../output/numbers.js';
import { summaryJson } from '../output/outcome-stream.js';
import { problemWords } from '../output/problem-words.js';
import { changeGroups } from '../output/status-text.js';
import { summarise } from '../output/summary.js';
import { isTerminal } from '../output/terminal.js';
import { PosternCommand } from '../postern-command.js';

export class ApplyCommand extends PosternCommand {
  static override paths = [['apply']];
  static override usage = PosternCommand.Usage({
    category: 'Everyday',
    description: 'carry out a plan, or make one and carry it out',
    details: `
      Carries out the plan in FILE (\`-\` is stdin) without asking. Without FILE it makes a plan, shows what it would do, and
      asks on a terminal; elsewhere it needs \`--yes\`.

      Every action is checked against both live sides before it runs. One that was done already is passed over, one that is
      no longer true is skipped with the reason. One invalid line in a plan means that nothing is done. Many deletions at once
      are held back until \`--max-delete\` allows them. Removed files go to \`.postern/attic\`. An empty stdin is a plan that a
      filter left nothing of, and there is nothing to do; an empty FILE is no plan.

      Exit status: 0 done, 1 the plan is invalid, 3 some actions were skipped or failed, 4 the state is damaged, 5 another
      postern works here, 6 held back by a brake, 75 the server cannot be reached.
    `,
    examples: [
      ['Look at what would be done, then do it', '$0 apply'],
      ['Carry out a reviewed plan', '$0 apply mail.plan'],
      ['See what a plan would do, without doing it', '$0 apply --dry-run mail.plan'],
      ['In a script', '$0 apply --yes'],
    ],
  });

  dryRun = Option.Boolean('--dry-run', false, { description: 'Check every action and write nothing' });
  maxDelete = Option.String('--max-delete', { description: 'Deletions a mailbox, or the account, may have' });
  allowEmpty = Option.Boolean('--allow-empty', false, {
    description: 'Go on although a whole side is empty',
  });
  yes = Option.Boolean('-y,--yes', false, { description: 'Do not ask' });
  file = Option.String({ name: 'FILE', required: false });

  async execute(): Promise<number> {
    const maxDelete = numberOption('--max-delete', this.maxDelete);
    if (this.file === undefined) this.#needAnswer();
    const actions = this.file === undefined ? await this.#agreed() : await this.#read(this.file);
    if (actions === undefined) return 0;
    const { applyActions, exitOf } = await import('@postern/core/api/apply.js');
    const stream = this.outcomes();
    const report = await this.withRepository(repository =>
      applyActions(repository, actions, {
        ...(maxDelete === undefined ? {} : { maxDelete }),
        dryRun: this.dryRun,
        allowEmpty: this.allowEmpty,
        onOutcome: stream.take,
        progress: this.progress.update,
      }),
    );
    this.progress.clear();
    stream.finish(actions);
    await this.#report(report);
    return report.stopped === undefined ? exitOf(report) : exitOfError(report.stopped);
  }

  /** Refuses early what could only end in a question to nobody. */
  #needAnswer(): void {
    if (this.yes || this.dryRun) return;
    if (isTerminal(this.context.stdin) && isTerminal(this.context.stdout) && !this.json) return;
    throw new PosternError('usage', 'there is no terminal to ask on', {
      hint: 'review with postern plan, then: postern apply --yes, or postern apply FILE',
    });
  }

  /** The actions of a fresh plan, agreed to; undefined when the answer is no. */
  async #agreed(): Promise<readonly Action[] | undefined> {
    const plan = await this.plan({ allowEmpty: this.allowEmpty });
    if (plan.fetched === undefined) {
      throw new PosternError('failed', 'nothing is known of the remote yet', { hint: 'run: postern fetch' });
    }
    if (this.yes || this.dryRun || plan.actions.length === 0) return plan.actions;
    await this.out.lines(changeGroups(summarise(plan.actions), { paint: await this.paint() }));
    await this.out.line('');
    const question = `Carry out ${counted(plan.actions.length, 'action')}?`;
    if (await confirm(question, this.context.stdin, this.context.stdout)) return plan.actions;
    await this.out.line('Nothing was done.');
    return undefined;
  }

  /** Reads all of a plan before the repository is taken: what writes it may be a postern that still holds it. */
  async #read(file: string): Promise<readonly Action[]> {
    const { id } = await this.config();
    const { readPlan } = await import('@postern/core/plan/read-plan.js');
    const chunks: AsyncIterable<Uint8Array> = file === '-' ? this.context.stdin : createReadStream(file);
    try {
      // A pipeline whose filter left nothing has nothing to do; a file that is to hold a plan holds its header at least.
      return (await readPlan(chunks, id, file === '-' ? { mayBeEmpty: true } : {})).actions;
    } catch (error) {
      if (errnoOf(error) === undefined || error instanceof PosternError) throw error;
      throw new PosternError('failed', `the plan ${file} cannot be read`, { cause: error });
    }
  }

  async #report(report: ApplyReport): Promise<void> {
    for (const problem of report.problems) this.warn(`postern: ${problemWords(problem)}`);
    for (const brake of report.brakes) this.warn(`postern: held back: ${brakeWords(brake)}`);
    if (report.stopped !== undefined) this.printError(report.stopped);
    if (this.json) await this.out.line(summaryJson(report, this.dryRun ? { dryRun: true } : {}));
    else if (!this.quiet) await this.out.line(applySummary(report, { dryRun: this.dryRun }));
  }
}
