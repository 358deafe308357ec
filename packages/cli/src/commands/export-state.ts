import { PosternError } from '@postern/core/model/error.js';
import { escapeText } from '@postern/core/model/escape-text.js';
import type { LevelStore } from '@postern/core/state/level-store.js';
import { Option } from 'clipanion';
import { PosternCommand } from '../postern-command.js';

export class ExportStateCommand extends PosternCommand {
  static override paths = [['export-state']];
  static override usage = PosternCommand.Usage({
    category: 'Plumbing',
    description: 'print the whole state as JSON lines, to be imported elsewhere',
    details: `
      A header, then every record as \`cat-state\` prints it, verified as it is read, and an end without which nobody imports it.
      It says which messages belong together, and holds no passwords; header excerpts of your mail are in it. Neither side is
      asked for anything.

      Exit status: 0 done, 4 the state is damaged, 5 another postern works here.
    `,
    examples: [
      ['Keep the state in a file', '$0 export-state -o mail.state'],
      ['Bring it to another machine', '$0 export-state | ssh other postern -C Mail import-state -'],
    ],
  });

  file = Option.String('-o,--output', { description: 'Write to this file, as a whole or not at all' });

  async execute(): Promise<number> {
    const { file } = this;
    if (file === '') throw new PosternError('usage', '-o wants a file name');
    const { withState } = await import('../with-state.js');
    const opening = await this.opening();
    await withState(opening, store => this.#write(this.#lines(store, opening.config.id), file));
    return 0;
  }

  async *#lines(store: LevelStore, repository: string): AsyncGenerator<string> {
    const { exportState } = await import('@postern/core/state/export-state.js');
    for await (const line of exportState(store, { repository, now: Date.now() }))
      yield `${escapeText(JSON.stringify(line))}\n`;
  }

  async #write(lines: AsyncIterable<string>, file: string | undefined): Promise<void> {
    if (file === undefined || file === '-') {
      for await (const line of lines) {
        if (this.out.closed) return;
        await this.out.bytes(line);
      }
      return;
    }
    const { writeWhole } = await import('../output/write-whole.js');
    try {
      await writeWhole(file, lines);
    } catch (cause) {
      if (cause instanceof PosternError) throw cause;
      throw new PosternError('failed', `the export cannot be written to ${file}`, { cause });
    }
  }
}
