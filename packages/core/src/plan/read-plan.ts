import type { Action } from '../model/action.js';
import { PosternError } from '../model/error.js';
import { issueWords } from './issue-words.js';
import { actionOf } from './line.js';
import { type HeaderLine, headerLine, PLAN_VERSION } from './schema.js';
import { shown } from './shown.js';
import { type PlanPart, splitJson } from './split-json.js';

export interface ReadPlan {
  /** Undefined when a filter ate it. */
  readonly header: HeaderLine | undefined;
  readonly actions: readonly Action[];
}

export interface ReadPlanOptions {
  /** A plan without a single line is one without actions: a filter left nothing. Otherwise it is refused. */
  readonly mayBeEmpty?: true;
}

/**
 * Reads and validates a whole plan: JSON Lines, pretty-printed or not, or one document with an `actions` array. One
 * invalid line means `plan-invalid` with its number and reason, before anything is done.
 */
export async function readPlan(
  chunks: AsyncIterable<Uint8Array | string>,
  repository: string,
  options: ReadPlanOptions = {},
): Promise<ReadPlan> {
  const reader = new Reader(repository);
  for await (const part of splitJson(chunks)) {
    try {
      reader.take(part);
    } catch (error) {
      if (!(error instanceof PosternError)) throw error;
      throw new PosternError('plan-invalid', `line ${part.line} of the plan: ${error.message}`, {
        hint: 'nothing was done; make a fresh plan with: postern plan',
      });
    }
  }
  const { header, actions, isEmpty } = reader;
  if (isEmpty && !options.mayBeEmpty) {
    throw new PosternError('plan-invalid', 'the plan is empty: not even a header', {
      hint: 'nothing was done; what a filter left nothing of is given on stdin: postern apply -',
    });
  }
  return { header, actions };
}

class Reader {
  header: HeaderLine | undefined;
  readonly actions: Action[] = [];
  isEmpty = true;
  readonly #repository: string;
  #inDocument = false;
  #isDocument = false;

  constructor(repository: string) {
    this.#repository = repository;
  }

  take({ kind, value }: PlanPart): void {
    const first = this.isEmpty;
    this.isEmpty = false;
    if (kind === 'opening') {
      if (!first) invalid('a plan document stands alone');
      this.#inDocument = this.#isDocument = true;
      // What the document says of itself may stand behind its actions; what stands before them explains most errors.
      this.#checkOrigin(value);
    } else if (kind === 'closing') {
      this.#inDocument = false;
      this.header = headerOf({ ...value, actions: this.actions.length });
      this.#checkOrigin(this.header);
    } else if (this.#isDocument && !this.#inDocument) invalid('a plan document stands alone');
    else if (kind === 'line' && value['op'] === 'plan') {
      if (!first) invalid('the header is the first line of a plan, and there is one');
      this.#checkOrigin(value);
      this.header = headerOf(value);
    } else this.actions.push(actionOf(value, this.#repository));
  }

  #checkOrigin({ version, repository }: Readonly<Record<string, unknown>>): void {
    if (version !== undefined && version !== PLAN_VERSION) {
      invalid(`plan version ${shownValue(version)}: this postern reads version ${PLAN_VERSION}`);
    }
    if (typeof repository === 'string' && repository !== this.#repository) {
      invalid(`the plan was made for another repository (${shown(repository)})`);
    }
  }
}

function headerOf(value: Readonly<Record<string, unknown>>): HeaderLine {
  const parsed = headerLine.safeParse(value);
  return parsed.success ? parsed.data : invalid(issueWords(parsed.error.issues[0]!, value));
}

function shownValue(value: unknown): string {
  return typeof value === 'number' ? String(value) : shown(JSON.stringify(value));
}

function invalid(reason: string): never {
  throw new PosternError('plan-invalid', reason);
}
