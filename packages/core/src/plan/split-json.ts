import { PosternError } from '../model/error.js';

/** Octets one JSON value of a plan may have. */
const LONGEST_VALUE = 1024 * 1024 * 64;
const DEEPEST = 32;

export interface JsonValue {
  readonly value: unknown;
  /** The line its first character stands in, from 1. */
  readonly line: number;
}

/**
 * Splits a stream of JSON values, one a line or spread over several as `jq` prints them, and parses each. Throws
 * `plan-invalid` with the line for anything that is not a JSON object, for a duplicate key, for nesting that no plan has,
 * and for a stream that ends inside a value.
 */
export async function* splitJson(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<JsonValue> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const scanner = new Scanner();
  for await (const chunk of chunks)
    yield* scanner.push(typeof chunk === 'string' ? chunk : decode(decoder, chunk, scanner));
  scanner.finish();
}

function decode(decoder: InstanceType<typeof TextDecoder>, chunk: Uint8Array, scanner: Scanner): string {
  try {
    return decoder.decode(chunk, { stream: true });
  } catch (cause) {
    throw fault(scanner.line, 'not valid UTF-8', cause);
  }
}

function fault(line: number, reason: string, cause?: unknown): PosternError {
  return new PosternError('plan-invalid', `line ${line} of the plan: ${reason}`, {
    hint: 'nothing was done; a plan is JSON Lines, as postern plan prints it',
    cause,
  });
}

class Scanner {
  line = 1;
  #text = '';
  #start = 1;
  #depth = 0;
  #inString = false;
  #escaped = false;

  *push(text: string): Generator<JsonValue> {
    let from = 0;
    for (let at = 0; at < text.length; at++) {
      const character = text[at]!;
      if (character === '\n') this.line++;
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (character === '\\') this.#escaped = true;
        else if (character === '"') this.#inString = false;
      } else if (this.#depth === 0) {
        if (character === '{') {
          from = at;
          this.#start = this.line;
          this.#depth = 1;
        } else if (!/[\s\ufeff]/.test(character)) {
          throw fault(this.line, `expected a JSON object, found ${JSON.stringify(character)}`);
        }
      } else if (character === '"') this.#inString = true;
      else if (character === '{' || character === '[') {
        if (++this.#depth > DEEPEST) throw fault(this.line, 'nested too deeply');
      } else if ((character === '}' || character === ']') && --this.#depth === 0) {
        yield this.#parse(this.#text + text.slice(from, at + 1));
        this.#text = '';
      }
    }
    if (this.#depth > 0) this.#text += text.slice(from);
    if (this.#text.length > LONGEST_VALUE) throw fault(this.#start, 'a value that is too long for a plan');
  }

  finish(): void {
    if (this.#depth > 0) throw fault(this.line, 'the plan ends in the middle of a line');
  }

  #parse(text: string): JsonValue {
    try {
      const value: unknown = JSON.parse(text);
      const twice = duplicateKey(text);
      if (twice !== undefined)
        throw fault(this.#start, `the key ${JSON.stringify(twice)} stands there twice`);
      return { value, line: this.#start };
    } catch (error) {
      if (error instanceof PosternError) throw error;
      throw fault(this.#start, `not JSON: ${(error as Error).message}`, error);
    }
  }
}

/** JSON.parse keeps the last of two equal keys without a word. `text` is valid JSON. */
function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;
  let previous = '';
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const part = match[0];
    if (part === '{') open.push(new Set());
    else if (part === '[') open.push(undefined);
    else if (part === '}' || part === ']') open.pop();
    else if (part[0] === '"' && (previous === '{' || previous === ',')) {
      const keys = open.at(-1);
      if (keys !== undefined) {
        const key = JSON.parse(part) as string;
        if (keys.has(key)) return key;
        keys.add(key);
      }
    }
    previous = part;
  }
  return undefined;
}
