import type { Plan, PlanOptions } from '@postern/core/api/plan.js';
import { escapeText, printable } from '@postern/core/model/escape-text.js';
import type { Repository } from '@postern/core/state/repository.js';
import type { FsckTarget } from '@postern/fsck/target.js';
import { Command, Option } from 'clipanion';
import type { Config } from './config/config.js';
import { findRoot } from './config/find-root.js';
import { checkKnown } from './known-mailboxes.js';
import type { Opening } from './open-repository.js';
import { errorWords, exitOfError } from './output/error-words.js';
import { Out } from './output/out.js';
import { OutcomeStream } from './output/outcome-stream.js';
import { problemWords } from './output/problem-words.js';
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
  async withRepository<T>(act: (repository: Repository) => Promise<T>): Promise<T> {
    const opening = await this.opening();
    const { withRepository } = await import('./open-repository.js');
    return withRepository(opening, act);
  }

  /**
   * A fresh plan. The repository is let go of before anything is printed, so that a slow reader, or an `apply` at the other
   * end of a pipe, finds it free.
   */
  async plan(options: PlanOptions): Promise<Plan> {
    const { makePlan } = await import('@postern/core/api/plan.js');
    const plan = await this.withRepository(async repository => {
      const made = await makePlan(repository, { ...options, progress: this.progress.update });
      await checkKnown(repository.store, options.mailboxes);
      return made;
    });
    this.progress.clear();
    for (const problem of plan.problems) this.warn(`postern: ${problemWords(problem)}`);
    return plan;
  }

  /** One JSON value on one line of stdout, without anything a terminal would obey. */
  jsonLine(value: unknown): Promise<void> {
    return this.out.line(escapeText(JSON.stringify(value)));
  }

  /** Like `withRepository`, for what must work although the state cannot be opened. */
  async withTarget<T>(act: (target: FsckTarget) => Promise<T>): Promise<T> {
    const opening = await this.opening();
    const { withTarget } = await import('./open-repository.js');
    return withTarget(opening, act);
  }

  /** How this command opens the repository. */
  async opening(): Promise<Opening> {
    return {
      config: await this.config(),
      command: `postern ${this.path.join(' ')}`,
      env: this.context.env,
      warn: text => this.warn(`postern: ${printable(text)}`),
    };
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
