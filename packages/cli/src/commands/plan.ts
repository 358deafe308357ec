import type { Plan } from '@postern/core/api/plan.js';
import { PosternError } from '@postern/core/model/error.js';
import { Option } from 'clipanion';
import { choiceOption, mailboxArguments, numberOption } from '../arguments.js';
import { blockedWords } from '../output/blocked-words.js';
import { brakesBeyond, brakeWords } from '../output/brake-words.js';
import { withheldWords } from '../output/status-text.js';
import { PosternCommand } from '../postern-command.js';

export class PlanCommand extends PosternCommand {
  static override paths = [['plan']];
  static override usage = PosternCommand.Usage({
    category: 'Everyday',
    description: 'print every action that would make the two sides equal',
    details: `
      Prints a plan: a header, then one action a line, as JSON. Review it, drop any lines, and hand the rest to
      \`postern apply\`: any subset is safe. Neither side is changed and the server is not asked; \`postern fetch\` first.

      Deletions beyond the brakes are in the plan, with a warning on stderr; apply holds them back unless \`--max-delete\` allows
      them.

      Exit status: 0 done, 2 the plan has actions (only with \`--exit-code\`), 4 the state is damaged, 6 one side is gone.
    `,
    examples: [
      ['Apply everything but deletions', `$0 plan | grep -v '"op":"delete-' | $0 apply -`],
      ['Keep the plan in a file', '$0 plan -o mail.plan'],
      ['Apply it later', '$0 apply mail.plan'],
    ],
  });

  file = Option.String('-o,--output', { description: 'Write to this file, as a whole or not at all' });
  format = Option.String('--format', { description: 'jsonl (one action a line) or json (one document)' });
  exitCode = Option.Boolean('--exit-code', false, { description: 'Exit 2 when there is something to do' });
  maxDelete = Option.String('--max-delete', {
    description: 'Deletions a mailbox may have without a warning',
  });
  allowEmpty = Option.Boolean('--allow-empty', false, {
    description: 'Go on although a whole side is empty',
  });
  mailboxes = Option.Rest({ name: 'MAILBOX' });

  async execute(): Promise<number> {
    const mailboxes = mailboxArguments(this.mailboxes);
    const maxDelete = numberOption('--max-delete', this.maxDelete);
    const format = choiceOption('--format', this.format, ['jsonl', 'json']) ?? (this.json ? 'json' : 'jsonl');
    if (this.file === '') throw new PosternError('usage', '-o wants a file name');
    const plan = await this.plan({
      ...(mailboxes === undefined ? {} : { mailboxes }),
      allowEmpty: this.allowEmpty,
    });
    await this.#print(plan, format);
    for (const brake of brakesBeyond(plan.brakes, maxDelete)) {
      this.warn(`postern: apply will hold back: ${brakeWords(brake)}`);
    }
    if (plan.fetched === undefined) {
      this.warn('postern: nothing is known of the remote yet; run: postern fetch');
    }
    if (plan.blocked.length > 0 && !this.quiet) {
      this.warn(`postern: ${blockedWords(plan.blocked)}; postern status lists them`);
    }
    if (plan.withheld > 0 && !this.quiet) this.warn(`postern: not planned: ${withheldWords(plan.withheld)}`);
    return this.exitCode && plan.actions.length > 0 ? 2 : 0;
  }

  async #print({ header, actions }: Plan, format: 'json' | 'jsonl'): Promise<void> {
    const { planDocument, planLines } = await import('@postern/core/plan/write-plan.js');
    const lines = format === 'json' ? planDocument(header, actions) : planLines(header, actions);
    if (this.file === undefined || this.file === '-') return this.out.lines(lines);
    const { writeWhole } = await import('../output/write-whole.js');
    try {
      await writeWhole(this.file, ended(lines));
    } catch (cause) {
      throw new PosternError('failed', `the plan cannot be written to ${this.file}`, { cause });
    }
  }
}

function* ended(lines: Iterable<string>): Generator<string> {
  for (const line of lines) yield `${line}\n`;
}
