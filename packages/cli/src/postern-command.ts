import { printable } from '@postern/core/model/escape-text.js';
import type { Repository } from '@postern/core/state/repository.js';
import { Command, Option } from 'clipanion';
import type { Config } from './config/config.js';
import { findRoot } from './config/find-root.js';
import { errorWords, exitOfError } from './output/error-words.js';
import { Out } from './output/out.js';
import { OutcomeStream } from './output/outcome-stream.js';
import { ProgressLine } from './output/progress.js';
import { type Paint, paintFor } from './output/terminal.js';

/**
 * What every command has: the common options, the outputs, and the one place where an error becomes words on stderr and
 * an exit status. What a command needs of core is imported when it runs, so that starting is quick.
 */
export abstract class PosternCommand extends Command {
  directory = Option.String('-C', { description: 'The Maildir to work on; also POSTERN_DIR' });
  json = Option.Boolean('--json', false, { description: 'Print JSON for programs' });
  noColor = Option.Boolean('--no-color', false, { description: 'No colours; also NO_COLOR' });
  quiet = Option.Boolean('-q,--quiet', false, { description: 'Print problems only' });

  #out: Out | undefined;
  #progress: ProgressLine | undefined;

  abstract override execute(): Promise<number>;

  /** stdout, at the pace of its reader. */
  get out(): Out {
    this.#out ??= new Out(this.context.stdout);
    return this.#out;
  }

  get progress(): ProgressLine {
    this.#progress ??= new ProgressLine(this.context.stderr, { quiet: this.quiet || this.json });
    return this.#progress;
  }

  /** Something a person should know, on stderr. */
  warn(text: string): void {
    this.progress.clear();
    this.context.stderr.write(`${text}\n`);
  }

  paint(): Promise<Paint> {
    return paintFor(this.context.stdout, this.context.env, this.noColor);
  }

  /** The directory that was named, by -C or POSTERN_DIR. */
  get named(): string | undefined {
    return this.directory ?? (this.context.env['POSTERN_DIR'] || undefined);
  }

  async config(): Promise<Config> {
    const root = findRoot(this.named, process.cwd());
    const { readConfig } = await import('./config/config.js');
    return readConfig(root);
  }

  /** Opens the repository, under its lock, for as long as `act` runs. */
  async withRepository<T>(act: (repository: Repository, config: Config) => Promise<T>): Promise<T> {
    const config = await this.config();
    const { withRepository } = await import('./open-repository.js');
    const command = `postern ${this.path.join(' ')}`;
    const warn = (text: string) => this.warn(`postern: ${printable(text)}`);
    return withRepository({ config, command, env: this.context.env, warn }, repository =>
      act(repository, config),
    );
  }

  override async validateAndExecute(): Promise<number> {
    try {
      const exit = await this.execute();
      this.progress.clear();
      await this.out.flush();
      return exit;
    } catch (error) {
      this.printError(error);
      return exitOfError(error);
    }
  }

  /** What shows the outcomes of actions. */
  outcomes(): OutcomeStream {
    return new OutcomeStream({
      json: this.json,
      say: line => this.out.say(line),
      warn: line => this.warn(line),
    });
  }

  printError(error: unknown): void {
    for (const line of errorWords(error, { stack: this.context.env['POSTERN_DEBUG'] === '1' }))
      this.warn(line);
  }
}
