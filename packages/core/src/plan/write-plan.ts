import type { Action } from '../model/action.js';
import { escapeText } from '../model/escape-text.js';
import { lineOf } from './line.js';
import { PLAN_VERSION } from './schema.js';

export interface PlanHeader {
  readonly repository: string;
  readonly remote: string;
  readonly local: string;
  /** ISO 8601, UTC. */
  readonly created: string;
  /** Messages that are left alone until their identity is clear. */
  readonly blocked: number;
}

/** The lines of a plan, header first. Control and bidirectional characters of any message are escaped. */
export function* planLines(header: PlanHeader, actions: readonly Action[]): Generator<string> {
  yield escapeText(JSON.stringify({ op: 'plan', version: PLAN_VERSION, ...header, actions: actions.length }));
  for (const action of actions) yield escapeText(JSON.stringify(lineOf(action)));
}

/** The same plan as one JSON document. */
export function* planDocument(header: PlanHeader, actions: readonly Action[]): Generator<string> {
  const opening = JSON.stringify({ op: 'plan', version: PLAN_VERSION, ...header }).slice(0, -1);
  yield escapeText(`${opening},"actions":[`);
  for (const [index, action] of actions.entries()) {
    yield escapeText(`${JSON.stringify(lineOf(action))}${index === actions.length - 1 ? '' : ','}`);
  }
  yield ']}';
}
