import { PosternError } from '../model/error.js';
import { printable } from '../model/escape-text.js';
import { shown } from './shown.js';

/** Characters one line of a plan may have. */
const LONGEST_VALUE = 4 * 1024 * 1024;
const DEEPEST = 32;

/**
 * A JSON object of a plan. `line`: it stands for itself. In a document: `opening`, its keys before the list of `actions`;
 * `entry`, one object of that list; `closing`, all its keys, the list empty.
 */
export interface PlanPart {
  readonly kind: 'line' | 'opening' | 'entry' | 'closing';
  readonly value: Readonly<Record<string, unknown>>;
  /** The line its first character stands in, from 1. */
  readonly line: number;
}

/**
 * Splits a stream into the JSON objects of a plan, one a line or spread over several as `jq` prints them, or in the
 * `actions` of a document, and parses each by itself: never more than one is held. Throws `plan-invalid` with the line for
 * anything that is not a JSON object, for a duplicate key, for nesting that no plan has, and for a stream that ends inside
 * an object.
 */
export async function* splitJson(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<PlanPart> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const scanner = new Scanner();
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch (cause) {
      throw fault(scanner.line, 'not valid UTF-8', cause);
    }
  };
  for await (const chunk of chunks) yield* scanner.push(typeof chunk === 'string' ? chunk : decode(chunk));
  yield* scanner.push(decode());
  scanner.finish();
}

function fault(line: number, reason: string, cause?: unknown): PosternError {
  return new PosternError('plan-invalid', `line ${line} of the plan: ${reason}`, {
    hint: 'nothing was done; a plan is JSON Lines, as postern plan prints it',
    cause,
  });
}

/** An object that is being read. */
interface Draft {
  text: string;
  readonly line: number;
  /** Colons outside texts: as many as the object has keys, unless one stands there twice. */
  keys: number;
}

const code = (character: string) => character.charCodeAt(0);
const NEWLINE = code('\n');
const BACKSLASH = code('\\');
const QUOTE = code('"');
const COLON = code(':');
const OPEN_OBJECT = code('{');
const CLOSE_OBJECT = code('}');
const OPEN_LIST = code('[');
const CLOSE_LIST = code(']');

class Scanner {
  line = 1;
  /** The object that characters belong to; undefined between two objects. */
  #draft: Draft | undefined;
  /** The document whose list of actions we are in, or were. */
  #document: Draft | undefined;
  /** What may come next between the entries of a document. */
  #next: 'entry' | 'entry or end' | 'comma or end' | undefined;
  #depth = 0;
  #inString = false;
  #escaped = false;

  *push(text: string): Generator<PlanPart> {
    let from = 0;
    for (let at = 0; at < text.length; at++) {
      const character = text.charCodeAt(at);
      if (character === NEWLINE) this.line++;
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (character === BACKSLASH) this.#escaped = true;
        else if (character === QUOTE) this.#inString = false;
      } else if (this.#draft === undefined) {
        if (this.#between(text[at] ?? '')) from = at;
      } else if (character === QUOTE) this.#inString = true;
      else if (character === COLON) this.#draft.keys++;
      else if (character === OPEN_OBJECT || character === OPEN_LIST) {
        if (character === OPEN_LIST && this.#opensActions(text, from, at)) {
          this.#add(text.slice(from, at + 1));
          yield this.#openDocument(this.#draft);
        } else if (++this.#depth > DEEPEST) throw fault(this.line, 'nested too deeply');
      } else if ((character === CLOSE_OBJECT || character === CLOSE_LIST) && --this.#depth === 0) {
        this.#add(text.slice(from, at + 1));
        yield this.#close(this.#draft);
      }
    }
    if (this.#draft !== undefined) this.#add(text.slice(from));
  }

  finish(): void {
    if (this.#draft !== undefined || this.#next !== undefined)
      throw fault(this.line, 'the plan ends in the middle of a line');
  }

  #add(text: string): void {
    if (this.#draft === undefined) return;
    this.#draft.text += text;
    if (this.#draft.text.length > LONGEST_VALUE)
      throw fault(this.#draft.line, 'a value that is too long for a plan');
  }

  /** Takes a character that is in no object; true where one begins, or a document goes on. */
  #between(character: string): boolean {
    if (/[\s\ufeff]/.test(character)) return false;
    const next = this.#next;
    if (character === '{' && next !== 'comma or end') {
      this.#draft = { text: '', line: this.line, keys: 0 };
      this.#depth = 1;
      return true;
    }
    if (character === ',' && next === 'comma or end') {
      this.#next = 'entry';
      return false;
    }
    if (character === ']' && (next === 'comma or end' || next === 'entry or end')) {
      this.#next = undefined;
      this.#draft = this.#document;
      this.#depth = 1;
      return true;
    }
    const wanted = next === 'comma or end' ? 'a comma between two actions' : 'a JSON object';
    throw fault(this.line, `expected ${wanted}, found ${shown(character)}`);
  }

  /** Whether the bracket at `at` begins the actions of a document. */
  #opensActions(text: string, from: number, at: number): boolean {
    if (this.#depth !== 1 || this.#document !== undefined || this.#draft === undefined) return false;
    const before = this.#draft.text.slice(-24) + text.slice(Math.max(from, at - 24), at);
    return /[{,]\s*"actions"\s*:\s*$/.test(before);
  }

  #openDocument(draft: Draft): PlanPart {
    this.#document = draft;
    this.#draft = undefined;
    this.#next = 'entry or end';
    return { kind: 'opening', value: parsed({ ...draft, text: `${draft.text}]}` }), line: draft.line };
  }

  #close(draft: Draft): PlanPart {
    const value = parsed(draft);
    this.#draft = undefined;
    if (draft === this.#document) {
      this.#document = undefined;
      return { kind: 'closing', value, line: draft.line };
    }
    if (this.#document === undefined) return { kind: 'line', value, line: draft.line };
    this.#next = 'comma or end';
    return { kind: 'entry', value, line: draft.line };
  }
}

function parsed({ text, line, keys }: Draft): PlanPart['value'] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // What follows quotes the text and counts in it from its own beginning.
    const reason = (error as Error).message.replace(/ in JSON at position .*| \(line .*|, (\.\.\.)?".*/s, '');
    throw fault(line, `not JSON: ${printable(reason)}`, error);
  }
  if (keysIn(value) !== keys) throw fault(line, `the key ${shown(keyTwice(text))} stands there twice`);
  return value as PlanPart['value'];
}

/** Keys of a JSON value, at any depth. */
function keysIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = Array.isArray(value) ? 0 : Object.keys(value).length;
  for (const part of Object.values(value)) count += keysIn(part);
  return count;
}

/** JSON.parse keeps the last of two equal keys without a word. `text` is valid JSON with such a key. */
function keyTwice(text: string): string {
  const open: (Set<string> | undefined)[] = [];
  let previous = '';
  for (let at = 0; at < text.length; at++) {
    let part = text[at]!;
    if (/\s/.test(part)) continue;
    if (part === '{') open.push(new Set());
    else if (part === '[') open.push(undefined);
    else if (part === '}' || part === ']') open.pop();
    else if (part === '"') {
      const from = at;
      for (at++; text[at] !== '"'; at++) if (text[at] === '\\') at++;
      const keys = open.at(-1);
      if (keys !== undefined && (previous === '{' || previous === ',')) {
        part = JSON.parse(text.slice(from, at + 1)) as string;
        if (keys.has(part)) return part;
        keys.add(part);
        part = '"';
      }
    }
    previous = part;
  }
  return '';
}
