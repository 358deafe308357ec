import type { z } from 'zod';
import { shown } from './shown.js';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

const NOUNS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
};

/**
 * What a schema found wrong with a value, as one sentence that begins with the field: `"uid" must be a whole number, not
 * text`. Messages that the schema words itself are taken as they are.
 */
export function issueWords(issue: Issue, value: unknown): string {
  const field = issue.path.length === 0 ? 'it' : shown(issue.path.map(String).join('.'));
  const found = valueAt(value, issue.path);
  if (found !== undefined && !/^(Invalid|Too|Unrecognized)\b/.test(issue.message))
    return `${field}: ${issue.message}`;
  switch (issue.code) {
    case 'unrecognized_keys':
      return `unknown field ${shown([...issue.path, issue.keys[0] ?? ''].map(String).join('.'))}`;
    case 'invalid_type':
      if (found === undefined) return `${field} is missing`;
      return `${field} must be ${NOUNS[issue.expected] ?? issue.expected}, not ${kindOf(found)}`;
    case 'invalid_value':
      if (found === undefined) return `${field} is missing`;
      return `${field} must be ${issue.values.map(one => JSON.stringify(one)).join(' or ')}`;
    case 'too_small':
      return `${field} ${bound(issue, 'least', Number(issue.minimum))}`;
    case 'too_big':
      return `${field} ${bound(issue, 'most', Number(issue.maximum))}`;
    default:
      return `${field}: ${issue.message}`;
  }
}

function bound({ origin }: { readonly origin: string }, end: 'least' | 'most', limit: number): string {
  if (origin === 'string' || origin === 'array') {
    if (end === 'least') return 'is empty';
    return `is longer than ${limit} ${origin === 'string' ? 'characters' : 'entries'}`;
  }
  return `must be at ${end} ${limit}`;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number') return String(value);
  return NOUNS[typeof value] ?? typeof value;
}

/** Looks at own properties only: a field may be called `constructor`. */
function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<PropertyKey, unknown>)[key];
  }
  return at;
}
