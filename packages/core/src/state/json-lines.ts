import { PosternError } from '../model/error.js';

export interface JsonLine {
  /** From 1. */
  readonly line: number;
  readonly value: unknown;
}

const FEED = 0x0a;
/** One record at most: nobody has so many unreadable messages in one mailbox. */
const LONGEST = 64 * 1024 * 1024;

/** Splits untrusted bytes into lines of JSON, one in memory at a time. Throws `import-invalid` with the line. */
export async function* jsonLines(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<JsonLine> {
  let line = 0;
  for await (const bytes of linesIn(chunks)) {
    line++;
    yield { line, value: parsed(bytes, line) };
  }
}

async function* linesIn(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let length = 0;
  const whole = () => {
    const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    parts = [];
    length = 0;
    return bytes;
  };
  for await (const chunk of chunks) {
    let rest = Buffer.from(chunk as Uint8Array);
    for (let feed = rest.indexOf(FEED); feed !== -1; feed = rest.indexOf(FEED)) {
      parts.push(rest.subarray(0, feed));
      yield whole();
      rest = rest.subarray(feed + 1);
    }
    if (rest.length === 0) continue;
    parts.push(rest);
    length += rest.length;
    if (length > LONGEST) throw invalid('a line is longer than any record is');
  }
  if (length > 0) yield whole();
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function parsed(bytes: Buffer, line: number): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? 'it is not JSON' : 'it is not UTF-8';
    throw invalid(`line ${line}: ${reason}`);
  }
}

/** Why an export cannot be imported. Nothing was changed. */
export function invalid(reason: string): PosternError {
  return new PosternError('import-invalid', `the export cannot be imported: ${reason}`, {
    hint: 'nothing was changed; export the state again with: postern export-state',
  });
}
