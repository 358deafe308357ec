import type { Action } from '../model/action.js';
import { PosternError } from '../model/error.js';
import { actionOf } from './line.js';
import { type HeaderLine, headerLine, PLAN_VERSION } from './schema.js';
import { splitJson } from './split-json.js';

export interface ReadPlan {
  /** Undefined when a filter ate it. */
  readonly header: HeaderLine | undefined;
  readonly actions: readonly Action[];
}

/**
 * Reads and validates a whole plan: JSON Lines, pretty-printed or not, or one document with an `actions` array. One
 * invalid line means `plan-invalid` with its number and reason, before anything is done.
 */
export async function readPlan(
  chunks: AsyncIterable<Uint8Array | string>,
  repository: string,
): Promise<ReadPlan> {
  let header: HeaderLine | undefined;
  const actions: Action[] = [];
  let values = 0;
  for await (const { value, line } of splitJson(chunks)) {
    values++;
    try {
      if (isDocument(value)) {
        if (values > 1) throw new PosternError('plan-invalid', 'a plan document stands alone');
        const { actions: listed, ...rest } = value;
        header = headerOf({ ...rest, actions: listed.length }, repository);
        for (const entry of listed) actions.push(actionOf(entry, repository));
      } else if (isHeader(value)) {
        if (values > 1) throw new PosternError('plan-invalid', 'the header is the first line of a plan');
        header = headerOf(value, repository);
      } else {
        actions.push(actionOf(value, repository));
      }
    } catch (error) {
      if (!(error instanceof PosternError)) throw error;
      throw new PosternError('plan-invalid', `line ${line} of the plan: ${error.message}`, {
        hint: 'nothing was done; make a fresh plan with: postern plan',
      });
    }
  }
  if (values === 0) {
    throw new PosternError('plan-invalid', 'the plan is empty: not even a header', {
      hint: 'nothing was done; a plan without actions still has its header line',
    });
  }
  return { header, actions };
}

function isHeader(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (value as { op?: unknown }).op === 'plan';
}

function isDocument(value: unknown): value is { op: 'plan'; actions: unknown[] } {
  return isHeader(value) && Array.isArray((value as { actions?: unknown }).actions);
}

function headerOf(value: unknown, repository: string): HeaderLine {
  const version = (value as { version?: unknown }).version;
  if (version !== PLAN_VERSION) {
    throw new PosternError(
      'plan-invalid',
      `plan version ${JSON.stringify(version)}: this postern reads version ${PLAN_VERSION}`,
    );
  }
  const parsed = headerLine.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new PosternError('plan-invalid', `"${issue.path.join('.')}": ${issue.message}`);
  }
  if (parsed.data.repository !== repository) {
    throw new PosternError(
      'plan-invalid',
      `the plan was made for another repository (${parsed.data.repository})`,
    );
  }
  return parsed.data;
}
