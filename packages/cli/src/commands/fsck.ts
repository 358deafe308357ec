import { PosternError } from '@postern/core/model/error.js';
import type { FsckReport } from '@postern/fsck/report.js';
import type { FsckTarget } from '@postern/fsck/target.js';
import { Option } from 'clipanion';
import { fsckText } from '../output/fsck-text.js';
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

      Exit status: 0 clean or repaired, 3 blocked messages remain, 4 damage found.
    `,
    examples: [
      ['Is all well?', '$0 fsck'],
      ['Rebuild a state that was damaged or lost', '$0 fsck --repair'],
    ],
  });

  repair = Option.Boolean('--repair', false, {
    description: 'Rebuild the state where it is damaged or lost',
  });
  offline = Option.Boolean('--offline', false, { description: 'Do not connect; take the last fetch' });
  allowEmpty = Option.Boolean('--allow-empty', false, {
    description: 'Repair although a whole side is empty',
  });

  async execute(): Promise<number> {
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
