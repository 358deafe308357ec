import type { GcReport } from '@postern/core/api/gc.js';
import { systemClock } from '@postern/core/model/clock.js';
import { Option } from 'clipanion';
import { numberOption } from '../arguments.js';
import { gcText } from '../output/gc-text.js';
import { PosternCommand } from '../postern-command.js';

export class GcCommand extends PosternCommand {
  static override paths = [['gc']];
  static override usage = PosternCommand.Usage({
    category: 'Repair',
    description: 'delete what was removed long ago, and compact the state',
    details: `
      Deletes for good what has been in the attic longer than \`attic.days\` of the configuration (30 unless set). Removes files
      that deliveries left in \`tmp\` and nobody has touched for 36 hours, shortens the log to 1,000 operations and compacts
      the database. Damaged states that a repair kept are listed, never deleted. Messages in mailboxes are not touched.

      Exit status: 0 done, 4 the state is damaged, 5 another postern is at work, 6 a Maildir is not there.
    `,
    examples: [
      ['What would be deleted?', '$0 gc --dry-run'],
      ['Empty the attic of what is older than a week', '$0 gc --days 7'],
    ],
  });

  dryRun = Option.Boolean('--dry-run', false, { description: 'Tell what would be done, and change nothing' });
  days = Option.String('--days', { description: 'Keep what was removed in the last N days' });

  async execute(): Promise<number> {
    const days = numberOption('--days', this.days);
    const report = await this.#run(days);
    if (this.json) await this.jsonLine(report);
    else if (!this.quiet) await this.out.lines(gcText(report));
    return 0;
  }

  async #run(days: number | undefined): Promise<GcReport> {
    const opening = await this.opening();
    const { withState } = await import('../with-state.js');
    const { collectGarbage } = await import('@postern/core/api/gc.js');
    const { storeRooms } = await import('../store-rooms.js');
    const { config } = opening;
    return withState(opening, store => {
      const target = { rooms: storeRooms(config), store, stateDirectory: config.stateDirectory };
      return collectGarbage(target, {
        days: days ?? config.atticDays,
        now: systemClock.now(),
        dryRun: this.dryRun,
      });
    });
  }
}
