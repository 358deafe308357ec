import { PosternError } from '@postern/core/model/error.js';
import { Option } from 'clipanion';
import { porcelainLines } from '../output/porcelain.js';
import { statusJson } from '../output/status-json.js';
import { statusText } from '../output/status-text.js';
import { PosternCommand } from '../postern-command.js';

export class StatusCommand extends PosternCommand {
  static override paths = [['status']];
  static override usage = PosternCommand.Usage({
    category: 'Everyday',
    description: 'show how the two sides differ and what to type next',
    details: `
      Scans the Maildir and compares it with the last fetch. The server is not asked and neither side is changed.

      With \`--porcelain\` every difference is one line in a form that stays the same from version to version; \`-z\` ends lines
      with NUL. \`--json\` gives the counts, the conflicts and the blocked messages as one document.

      Exit status: 0 done, 2 differences exist (only with \`--exit-code\`), 4 the state is damaged, 6 one side is gone.
    `,
    examples: [
      ['See where things stand', '$0 status'],
      ['Ask in a script whether there is anything to do', '$0 status --exit-code --quiet'],
    ],
  });

  porcelain = Option.Boolean('--porcelain', false, { description: 'One line a difference, for programs' });
  zero = Option.Boolean('-z', false, { description: 'With --porcelain: end lines with NUL' });
  exitCode = Option.Boolean('--exit-code', false, { description: 'Exit 2 when there are differences' });

  async execute(): Promise<number> {
    if (this.porcelain && this.json)
      throw new PosternError('usage', '--porcelain and --json exclude one another');
    const plan = await this.plan({});
    if (this.porcelain || this.zero) {
      const raw = this.zero;
      await this.out.lines(porcelainLines(plan, { raw }), raw ? '\0' : '\n');
    } else if (this.json) await this.jsonLine(statusJson(plan));
    else if (!this.quiet) {
      await this.out.lines(statusText(plan, { paint: await this.paint(), now: Date.now() }));
    }
    return this.exitCode && plan.actions.length + plan.blocked.length > 0 ? 2 : 0;
  }
}
